"""The program itself: its help, its version, and what becomes of an error."""

import io
import sys
from typing import Annotated, Any

import typer

from lvlm_eval import __version__
from lvlm_eval.cli.commands import load
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.report.json_log import log_event

app = typer.Typer(
    name="lvlm-eval",
    help="Measures how well vision-language models understand the parts of objects (SOCO).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"lvlm-eval {__version__}")
        raise typer.Exit


# typer brings a copy of click of its own, whose place depends on its version.
_UsageError: type[Exception] = next(
    one for one in typer.BadParameter.__mro__ if one.__name__ == "ClickException"
)


def run_command_line() -> int:
    """Run a command; turn our own errors, and wrong usage, into one line.

    Returns:
        The exit status.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign still gets the rest
    try:
        load(app, sys.argv[1:])
        status = app(standalone_mode=False)
    except InputError as error:
        complain(str(error))
        return 2
    except StoppedError as error:
        complain(str(error))
        return 4
    except _UsageError as error:
        return _explain(error)
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0 if done.code is None else 1
    return status if isinstance(status, int) else 0


def _explain(error: Any) -> int:
    """Say what is wrong with the words of a command; without any word, show the help."""
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        if text := error.format_message():  # rich has shown it already, and gives none
            typer.echo(text)
        return 0
    path = context.command_path if context else "lvlm-eval"
    message = " ".join(error.format_message().split()).rstrip(".")
    end = "" if message.endswith("?") else "."
    complain(f"{message[:1].lower()}{message[1:]}{end} See: {path} --help")
    return 2


def complain(line: str) -> None:
    """Say on standard error why a command failed, or what was odd."""
    if _LOG["json"]:
        log_event("message", text=line)
    else:
        print(f"lvlm-eval: {line}", file=sys.stderr)  # noqa: T201


def complain_as_json() -> None:
    """From now on what is complained of is a JSON line, as all the rest of the log."""
    _LOG["json"] = True


_LOG = {"json": False}
