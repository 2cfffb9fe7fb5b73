"""Loads a user's own Python file: an adapter, a prompt or a renderer."""

import sys
import types
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import InputError


@dataclass(frozen=True, slots=True)
class UserFile:
    """A loaded file.

    Attributes:
        source: its text, exactly the one that was run.
        module: what it defined.
    """

    source: str
    module: types.ModuleType


def load_user_file(path: Path) -> UserFile:
    """Run a Python file and keep its text.

    Raises:
        InputError: it cannot be read, is not UTF-8, or raises; one line.
    """
    try:
        source = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: this is not UTF-8 text: {error}. Save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    module = types.ModuleType(f"lvlm_eval_user_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickling in the file look it up
    try:
        # Compiled from the text that goes into the run's records: a cached module might differ.
        exec(compile(source, str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        raise InputError(f"{path}: cannot be loaded: {said(error)}. Correct the file.") from error
    return UserFile(source, module)


def said(error: BaseException) -> str:
    """What was raised, on one line and without a full stop."""
    return " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
