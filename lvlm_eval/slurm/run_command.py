"""Checks the words of the run that is to become a job, as far as that costs nothing."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvlm_eval.datasets import open_dataset
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.constructing import file_and_class
from lvlm_eval.models.local.decoding import DECODES
from lvlm_eval.models.named import named_models
from lvlm_eval.models.registry import model_entries, parse_arguments
from lvlm_eval.prompts import load_prompt
from lvlm_eval.renderers import load_renderer
from lvlm_eval.runs.jobs import one_of, parse_settings


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A run that has been read and not started.

    Attributes:
        words: from ``run`` on.
        parameters: name → value, of all its flags.
    """

    words: tuple[str, ...]
    parameters: Mapping[str, Any]


def check_command(
    words: Sequence[str], parse: Callable[[list[str]], Mapping[str, Any]]
) -> RunCommand:
    """Read the words of a command that must be a ``run`` without a shard.

    Args:
        words: with or without the program's own name first.
        parse: gives the flags of a run from the words after ``run``; raises on wrong usage.

    Raises:
        InputError: it is another command, or chooses a shard itself.
    """
    rest = list(words[1:] if words[:1] and Path(words[0]).name == "lvlm-eval" else words)
    if rest[:1] != ["run"]:
        found = f"'{rest[0]}'" if rest else "nothing"
        raise InputError(
            f"{found} stands where the command is expected: only 'run' can be split into shards. "
            "Write: lvlm-eval slurm --shards N … -- run --model M --data D --out DIR"
        )
    parameters = parse(rest[1:])
    if parameters.get("shard") is not None:
        raise InputError(
            f"--shard {parameters['shard']} cannot be given: each task takes a shard of its own. "
            "Leave it out; --shards says how many there are."
        )
    if parameters.get("gpus") is not None:
        raise InputError(
            f"--gpus {parameters['gpus']} stands in the command of a task, which SLURM gives its "
            "GPUs. Give --gpus before the --, as a number; for one process a GPU, that is 1, "
            "and --shards as many as there are to be."
        )
    return RunCommand(tuple(rest), parameters)


def bounds_for_each_task(parameters: Mapping[str, Any]) -> str:
    """What is to know about a budget of a run whose tasks do not hear of each other.

    Returns:
        One line; empty if there is no budget.
    """
    if parameters.get("max_requests") is not None:
        return (
            f"--max-requests {parameters['max_requests']} bounds each start of each task by itself"
        )
    if parameters.get("max_cost") is not None:
        return (
            f"--max-cost {parameters['max_cost']:g} is kept by each task by itself: it counts what "
            "was in the folder when it started and its own answers, not what other tasks spend "
            "meanwhile. To be safe, give what is left divided by the tasks, or --at-once 1"
        )
    return ""


def check_run(parameters: Mapping[str, Any]) -> None:
    """Find what would end every task at once: a mistyped name, a file that is not there.

    Nothing is loaded, and no data is read; what is left is for the run itself to find.

    Raises:
        InputError: with the line that the run would end with, or one like it.
    """
    _check_model(parameters["model"])
    open_dataset(parameters["data"])
    parse_settings(parameters["setting"])
    one_of("--decode", parameters["decode"], DECODES)
    parse_arguments(list(parameters["model_arg"] or ()))
    if parameters["prompt"] is not None:
        load_prompt(parameters["prompt"])
    if parameters["renderer"] is not None:
        load_renderer(parameters["renderer"])
    for name in ("descriptions", "prices"):
        file = parameters[name]
        if file is not None and not Path(file).is_file():
            raise InputError(f"--{name} '{file}' is not there.")


def folder_and_words(command: RunCommand) -> tuple[Path, tuple[str, ...]]:
    """The results folder, and the words with an ``--out`` that names it.

    The folder that a run chooses by itself depends on the data and the model, which are not read
    here; without ``--out`` it is one that depends on the words. The same words find it again.

    Raises:
        InputError: ``--out`` is no name of a folder.
    """
    out = command.parameters["out"]
    if out is not None:
        if not Path(out).name:
            raise InputError(f"--out '{out}' is no name of a folder. Give one, or leave it out.")
        if Path(out).exists() and not Path(out).is_dir():
            raise InputError(f"--out '{out}' is a file, and a folder is expected. Give another.")
        return Path(out), command.words
    deciding = [word for word in command.words if word not in ("--json", "--log-json")]
    digest = hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:8]
    model, data = command.parameters["model"], open_dataset(command.parameters["data"]).name
    name = re.sub(r"[^a-z0-9.]+", "-", f"{model.replace('+', '-plus')}-{data}".lower()).strip("-.")
    folder = Path("results") / f"{name}-{digest}"
    return folder, (*command.words, "--out", str(folder))


def _check_model(spec: str) -> None:
    file = None if spec.startswith("dense:") else file_and_class(spec)
    if file is not None:
        if not file[0].is_file():
            raise InputError(f"model file '{file[0]}' does not exist.")
        return
    known = {entry.name.partition(":")[0] for entry in model_entries()} | set(named_models())
    if spec not in known and spec.partition(":")[0] not in known:
        raise InputError(f"unknown model '{spec}'. {nearest_names(spec, known)}")
