"""The commands by name, each loaded when it is called: all of them take longer than most need."""

import importlib
from collections.abc import Sequence

import typer

# The main job first, then what is done with its results, then the data.
COMMANDS = (
    *("run", "ablate", "slurm", "status", "score", "compare", "explain", "report", "merge", "show"),
    *("vision", "correlate", "list"),
    *("validate", "download", "export"),
)
_MODULES = {"list": "listing"}
"""Where a command's module cannot be named after it."""


def load(app: typer.Typer, words: Sequence[str]) -> None:
    """Make the command known to the program that its first word calls, or all of them.

    Args:
        app: the program; the modules of the commands register with it.
        words: of the command line, without the program's name.
    """
    called = words[0] if words else ""
    for name in [called] if called in COMMANDS else COMMANDS:
        importlib.import_module(f"lvlm_eval.cli.{_MODULES.get(name, name)}")
    app.registered_commands.sort(key=lambda one: COMMANDS.index(one.name or ""))
