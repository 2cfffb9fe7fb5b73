"""``lvlm-eval slurm``: a run as an array job."""

import json
import os.path
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.commands import load
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.errors import InputError
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.runs.folder import write_whole
from lvlm_eval.slurm import Batch, Resources, Submitted, require_sbatch, shard_script, submit
from lvlm_eval.slurm.batch import MOST_SECONDS_BEFORE, parse_sbatch_options
from lvlm_eval.slurm.run_command import (
    bounds_for_each_task,
    check_command,
    check_run,
    folder_and_words,
)

_OF_ONE_MACHINE = ("/tmp", "/var/tmp", "/dev/shm")


@app.command("slurm", context_settings={"allow_interspersed_args": False})
def _slurm(
    words: Annotated[
        list[str],
        typer.Argument(metavar="-- run …", help="The command to run in shards, as it stands."),
    ],
    shards: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="N", help="Tasks; each answers one shard.")
    ],
    partition: Annotated[str | None, typer.Option(metavar="NAME", help="Where to queue.")] = None,
    time: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Limit of one start of a task: 90, 4:00:00 or 1-12."),
    ] = None,
    gpus: Annotated[
        str | None, typer.Option(metavar="G", help="GPUs of a task: 1, or a100:2.")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option(min=1, metavar="C", help="Processors of a task.")
    ] = None,
    mem: Annotated[str | None, typer.Option(metavar="M", help="Memory of a task: 64G.")] = None,
    account: Annotated[str | None, typer.Option(metavar="NAME", help="Who pays.")] = None,
    sbatch_arg: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE", help="A further option of sbatch, qos=low say; can be repeated."
        ),
    ] = None,
    setup: Annotated[
        str,
        typer.Option(
            metavar="COMMANDS",
            help="Shell commands that make lvlm-eval available on a node: 'module load cuda; "
            "source .venv/bin/activate'. Without, the Python that runs now is used.",
            show_default=False,
        ),
    ] = "",
    at_once: Annotated[
        int | None, typer.Option(min=1, metavar="K", help="Tasks that may run at a time.")
    ] = None,
    stop_before: Annotated[
        int,
        typer.Option(
            min=15,
            max=MOST_SECONDS_BEFORE,
            metavar="SECONDS",
            help="How long before its time limit a task is asked to stop.",
        ),
    ] = 120,
    restarts: Annotated[
        int, typer.Option(min=0, metavar="N", help="How often a task is started again at most.")
    ] = 100,
    script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the script here.")
    ] = None,
    submitted: Annotated[
        bool, typer.Option("--submit", help="Submit it with sbatch, and a job that scores after.")
    ] = False,
    score: Annotated[
        bool, typer.Option("--score/--no-score", help="Whether --submit adds the job that scores.")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Make an array job of a run: one shard a task, started again when it is stopped.

    Without --submit or --script, the script is printed.
    """
    if submitted:
        require_sbatch()
    given = check_command(words, _parse_run)
    check_run(given.parameters)
    place = Path.cwd()
    out, run_words = folder_and_words(given)
    batch = Batch(
        words=run_words,
        shards=shards,
        # Links are not followed: a node may reach the folder by another way.
        folder=Path(os.path.normpath(place / out)),
        place=place,
        program=("lvlm-eval",) if setup.strip() else (sys.executable, "-m", "lvlm_eval"),
        resources=Resources(
            partition=partition,
            account=account,
            time=time,
            gpus=gpus,
            cpus=cpus,
            memory=mem,
            others=parse_sbatch_options(sbatch_arg or []),
        ),
        setup=setup.strip(),
        at_once=at_once,
        stop_before=stop_before,
        restarts=restarts,
    )
    _warn(batch)
    if bounds := bounds_for_each_task(given.parameters):
        complain(f"{bounds}.")
    text = shard_script(batch)
    path = script or (batch.logs / "job.sh" if submitted else None)
    if path is not None:
        _write(batch, path, text)
    done = None if path is None or not submitted else submit(batch, path, score)
    if done is not None and done.trouble:
        complain(f"no job will score in the end: {done.trouble}")
    if as_json:
        typer.echo(json.dumps(_document(batch, path, text, done), indent=1, ensure_ascii=False))
    elif path is None:
        typer.echo(text, nl=False)
    else:
        _tell(batch, path, done)


def _parse_run(words: list[str]) -> dict[str, Any]:
    """The parameters of ``lvlm-eval run``, which is not started."""
    load(app, ["run"])
    group: Any = typer.main.get_command(app)
    parameters: dict[str, Any] = group.commands["run"].make_context("lvlm-eval run", words).params
    return parameters


def _warn(batch: Batch) -> None:
    local = next(
        (
            one
            for one in {*_OF_ONE_MACHINE, tempfile.gettempdir()}
            if batch.folder.is_relative_to(one)
        ),
        None,
    )
    if local is not None:
        complain(
            f"{batch.folder} lies below {local}, which each machine has for itself as a rule. "
            "All nodes must see the results: give an --out on a shared disk."
        )
    if any(word_without_secrets(word) != word for word in batch.words):
        complain(
            "a key or password stands in the command, and so in the script. Better put it into the "
            "environment, which sbatch passes on, and name it with --model-arg key_env=…"
        )


def _write(batch: Batch, path: Path, text: str) -> None:
    try:
        batch.logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the folder {batch.logs} cannot be made: {error.strerror}. Give another --out."
        ) from error
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
        path.chmod(0o700)  # the command may name what is nobody else's business
    except OSError as error:
        raise InputError(
            f"the script {path} cannot be written: {error.strerror}. Give another --script."
        ) from error


def _document(batch: Batch, path: Path | None, text: str, done: Submitted | None) -> dict[str, Any]:
    return {
        "folder": str(batch.folder),
        "shards": batch.shards,
        "script": None if path is None else str(path),
        "text": text,
        "job": done.job if done else None,
        "score_job": (done.score_job or None) if done else None,
        "log": str(batch.logs / f"{done.job if done else '%A'}_%a.log"),
        "commands": _commands(batch, path, done),
    }


def _commands(batch: Batch, path: Path | None, done: Submitted | None) -> dict[str, str]:
    folder = shlex.quote(str(batch.folder))
    commands = {}
    if done is not None:
        logs = f"{shlex.quote(str(batch.logs))}/{done.job}_*.log"
        commands = {"queue": f"squeue --job {done.job}", "logs": f"tail -F {logs}"}
    elif path is not None:
        commands = {"submit": f"sbatch {shlex.quote(str(path))}"}
    commands |= {"status": f"lvlm-eval status {folder}", "score": f"lvlm-eval score {folder}"}
    if done is not None:
        commands["stop"] = f"scancel {done.job} {done.score_job}".rstrip()
    return commands


def _tell(batch: Batch, path: Path, done: Submitted | None) -> None:
    if done is not None:
        scored = f"; job {done.score_job} scores when all have ended" if done.score_job else ""
        typer.echo(f"job {done.job}: {batch.shards} tasks, one a shard{scored}")
    typer.echo(f"script: {path}")
    for name, command in _commands(batch, path, done).items():
        typer.echo(f"{name + ':':<8}{command}")
