"""Hands scripts to sbatch."""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import InputError
from lvlm_eval.slurm.batch import Batch
from lvlm_eval.slurm.script import score_script

SECONDS_TO_SUBMIT = 120


@dataclass(frozen=True, slots=True)
class Submitted:
    """What was handed over.

    Attributes:
        job: id of the array job.
        score_job: id of the job that scores in the end; empty if there is none.
        trouble: why there is none although one was wanted; empty otherwise.
    """

    job: str
    score_job: str = ""
    trouble: str = ""


def require_sbatch() -> str:
    """The path of sbatch.

    Raises:
        InputError: it is not there.
    """
    found = shutil.which("sbatch")
    if found is None:
        raise InputError(
            "sbatch is not on PATH, so nothing can be submitted from here. Do it on a login node "
            "of the cluster, or write the script with --script FILE and take it there."
        )
    return found


def submit(batch: Batch, script: Path, score: bool) -> Submitted:
    """Submit the array job, and a small one after it that scores.

    Args:
        batch: what was written into the script.
        script: of the array job.
        score: whether to submit the second one, too.

    Raises:
        InputError: sbatch is missing or refuses the array job.
    """
    sbatch = require_sbatch()
    job = _submit(sbatch, [str(script)])
    if not score:
        return Submitted(job)
    try:
        after = f"--dependency=afterany:{job}"
        return Submitted(job, _submit(sbatch, [after], text=score_script(batch)))
    except InputError as error:
        return Submitted(job, trouble=str(error))


def _submit(sbatch: str, words: Sequence[str], text: str | None = None) -> str:
    try:
        done = subprocess.run(
            [sbatch, "--parsable", *words],
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_TO_SUBMIT,
        )
    except subprocess.TimeoutExpired:
        raise InputError(
            f"sbatch gave no answer within {SECONDS_TO_SUBMIT} s. Look with squeue whether the job "
            "is there before you submit again."
        ) from None
    except OSError as error:
        raise InputError(f"{sbatch} cannot be run: {error.strerror}.") from error
    # With several clusters it writes the id and the cluster's name: "17;north".
    found = re.search(r"^(\d+)(?:;\S+)?\s*$", done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        said = done.stderr.strip() or done.stdout.strip() or f"status {done.returncode}"
        raise InputError(f"sbatch refused the job: {said}")
    return found[1]
