"""Makes an object of a class that a name or a user's file gives: a model or a vision backbone."""

import hashlib
import importlib
import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.user_files import load_user_file, said


def parse_arguments(pairs: Sequence[str], flag: str = "--model-arg") -> dict[str, Any]:
    """Read ``key=value`` arguments; a value that is JSON (a number, true, a list) becomes that.

    Args:
        pairs: what the user gave.
        flag: with which, for messages.

    Raises:
        InputError: one has no equals sign.
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            shown = word_without_secrets(pair)
            raise InputError(f"{flag} '{shown}' is not key=value, such as temperature=0.7.")
        try:
            arguments[key] = json.loads(value)
        except ValueError:
            arguments[key] = value
    return arguments


@dataclass(frozen=True, slots=True)
class Role:
    """What a class is for.

    Attributes:
        noun: ``model`` or ``backbone``, for messages.
        method: that the class must have.
        written: the same as a user writes it: ``answer(requests)``.
    """

    noun: str
    method: str
    written: str


MODEL = Role("model", "answer", "answer(requests)")
BACKBONE = Role("backbone", "encode", "encode(photos)")


def file_and_class(spec: str) -> tuple[Path, str] | None:
    """File and class (empty if not named) of ``mine.py`` and ``mine.py:Class``; else None."""
    path, _, class_name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    return (Path(path), class_name) if path.endswith(".py") else None


def class_of_file(role: Role, path: Path, class_name: str) -> tuple[type[Any], str]:
    """The user's class, and the sha256 of the file that it stands in.

    Args:
        role: what the class is for.
        path: of the file.
        class_name: empty if the file has only one such class.

    Raises:
        InputError: there is no such file or class, or the file cannot be run.
    """
    what = f"{role.noun} file '{path}'"
    if not path.is_file():
        raise InputError(f"{what} does not exist.")
    loaded = load_user_file(path)
    code = hashlib.sha256(loaded.source.encode()).hexdigest()
    classes = {
        name: value
        for name, value in vars(loaded.module).items()
        if inspect.isclass(value)
        and value.__module__ == loaded.module.__name__
        and hasattr(value, role.method)
    }
    if class_name:
        if class_name in classes:
            return classes[class_name], code
        raise InputError(
            f"{what} has no class '{class_name}' with a method {role.written}. "
            f"{nearest_names(class_name, classes)}"
        )
    if len(classes) != 1:
        found = ", ".join(sorted(classes)) or "none"
        raise InputError(
            f"{what} must have one class with a method {role.written}; found: {found}. "
            f"Name it: {path}:ClassName"
        )
    return next(iter(classes.values())), code


@dataclass(frozen=True, slots=True)
class Installed:
    """A built-in kind, for the message on a package that it needs.

    Attributes:
        name: as the user writes it.
        extra: the extra that installs what it imports; empty if it needs none.
    """

    name: str
    extra: str


def found_at(role: Role, place: str, of: Installed) -> Any:
    """What stands at ``module:name`` of this package.

    Raises:
        InputError: a package of the extra is not installed.
    """
    module, _, name = place.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise _lacking(role, of, error) from error


def _lacking(role: Role, of: Installed, error: ModuleNotFoundError) -> Exception:
    """What to say of a package that is not installed; the error itself if it is not of an extra."""
    package = (error.name or str(error)).partition(".")[0]
    if not of.extra or package == __name__.partition(".")[0]:
        return error
    return InputError(
        f"{role.noun} '{of.name}' needs the package '{package}': "
        f"pip install 'lvlm-eval[{of.extra}]'"
    )


@dataclass(frozen=True, slots=True)
class Constructor:
    """A class to make an object of.

    Attributes:
        role: what it is for.
        made: the class.
        name: of the model or backbone, for messages.
        first: arguments that its name gives.
        builtin: None for a user's file.
    """

    role: Role
    made: type[Any]
    name: str
    first: tuple[str, ...] = ()
    builtin: Installed | None = None

    @property
    def own(self) -> list[str]:
        """The parameters that a user can give."""
        return list(inspect.signature(self.made).parameters)[len(self.first) :]

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters that a user need not give, with what they are then."""
        parameters = inspect.signature(self.made).parameters
        return {
            name: parameters[name].default
            for name in self.own
            if parameters[name].default is not inspect.Parameter.empty
        }

    def check(self, arguments: Iterable[str]) -> None:
        """Refuse arguments that the constructor does not take.

        Raises:
            InputError: one is unknown; with the nearest.
        """
        parameters = inspect.signature(self.made).parameters.values()
        if any(one.kind is one.VAR_KEYWORD for one in parameters):
            return
        own = self.own
        for key in arguments:
            if key not in own:
                raise InputError(
                    f"{self.role.noun} '{self.name}' takes no argument '{key}'. "
                    f"{nearest_names(key, own)}"
                )

    def construct(
        self, arguments: Mapping[str, Any], defaults: Mapping[str, Any]
    ) -> tuple[Any, dict[str, Any]]:
        """The object, and all arguments that its constructor got or took by default.

        Args:
            arguments: given by the user.
            defaults: more of them, used where the constructor takes them and the user gave none.

        Raises:
            InputError: an argument is unknown or wrong, or a package is missing.
        """
        self.check(arguments)
        signature = inspect.signature(self.made)
        own = set(self.own)
        extra = {k: v for k, v in defaults.items() if k in own and k not in arguments}
        try:
            bound = signature.bind(*self.first, **arguments, **extra)
            bound.apply_defaults()
            made = self.made(*self.first, **arguments, **extra)
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            if self.builtin and isinstance(error, ModuleNotFoundError):
                raise _lacking(self.role, self.builtin, error) from error
            raise InputError(f"{self.role.noun} '{self.name}': {said(error)}") from error
        given: dict[str, Any] = {}
        for key, one in bound.arguments.items():
            if signature.parameters[key].kind is inspect.Parameter.VAR_KEYWORD:
                given |= one
            elif key in own:
                given[key] = one
        return made, given


def recorded(value: Any) -> Any:
    """A setting as JSON: 0 and 0.0 are the same, and what JSON does not know is named."""
    if isinstance(value, Mapping):
        return {str(key): recorded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [recorded(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, str | int | float):
        return value
    # By name: the text of an object may hold its address, which differs from run to run.
    named = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    return f"{named.__module__}.{named.__qualname__}"
