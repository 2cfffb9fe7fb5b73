"""Finds the adapter that a ``--model`` names and makes it."""

import contextlib
import difflib
import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.named import named_models, resolve
from lvlm_eval.models.secrets import secret_values, without_secrets, word_without_secrets
from lvlm_eval.records import SETTINGS, ModelView, Request, Response, Setting
from lvlm_eval.user_files import load_user_file, said


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A kind of model that ``--model`` understands.

    Attributes:
        name: the whole name, or a prefix that ends in a colon and wants the model's own name after.
        what: one line for ``lvlm-eval list models``.
        place: ``module:class`` of its adapter.
        extra: the extra that installs what it imports; empty if it needs none.
    """

    name: str
    what: str
    place: str
    extra: str = ""


_ENTRIES = (
    ModelEntry(
        "random",
        "baseline: an independent guess a row (0.4 % circular)",
        "lvlm_eval.models.baselines:Random",
    ),
    ModelEntry(
        "random++",
        "baseline: one guessed point a question, kept through the rotations (25 %)",
        "lvlm_eval.models.baselines:RandomPlusPlus",
    ),
    ModelEntry(
        "openai:<model>",
        "any OpenAI-compatible server: openai:gpt-4o, or --base-url and the name served there",
        "lvlm_eval.models.openai:OpenAIChat",
        extra="openai",
    ),
    ModelEntry(
        "hf:<id or folder>",
        "a model of the Hugging Face hub, or a folder with one, run by transformers",
        "lvlm_eval.models.hf:HuggingFace",
        extra="hf",
    ),
    ModelEntry(
        "vllm:<id or folder>",
        "the same, run by vLLM in this process",
        "lvlm_eval.models.vllm:VLLM",
        extra="vllm",
    ),
)


def model_entries() -> tuple[ModelEntry, ...]:
    """All built-in kinds of model."""
    return _ENTRIES


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """An adapter with the names that a run's records use.

    Attributes:
        name: with a prefix and a model's own name where it has these, so that it tells what ran
            the model; a file without its folders.
        adapter: answers requests.
        settings: those of its arguments, defaults included, that decide an answer; no secrets.
        code: sha256 of the user's file; empty for a built-in adapter.
        secrets: argument values that must not be written anywhere.
        incidental: the other arguments, those that do not decide an answer; no secrets.
        label: a short name for folders; empty if ``name`` does.
    """

    name: str
    adapter: Adapter
    settings: Mapping[str, Any]
    code: str = ""
    secrets: tuple[str, ...] = ()
    incidental: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""


def parse_arguments(pairs: Sequence[str]) -> dict[str, Any]:
    """Read ``key=value`` arguments; a value that is JSON (a number, true, a list) becomes that.

    Raises:
        InputError: one has no equals sign.
    """
    arguments: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.isidentifier():
            shown = word_without_secrets(pair)
            raise InputError(f"--model-arg '{shown}' is not key=value, such as temperature=0.7.")
        try:
            arguments[key] = json.loads(value)
        except ValueError:
            arguments[key] = value
    return arguments


def _nobody(line: str) -> None:
    """Takes what nobody wants to hear."""


def build_adapter(
    spec: str,
    arguments: Mapping[str, Any],
    defaults: Mapping[str, Any] | None = None,
    *,
    decode: Decode = "text",
    tell: Callable[[str], None] = _nobody,
) -> BuiltModel:
    """Make the adapter that a name or a file stands for.

    Args:
        spec: ``random``, ``qwen3-vl-8b``, ``openai:gpt-4o``, ``my_model.py``,
            ``my_model.py:ClassName``.
        arguments: what the user gave with ``--model-arg`` and its like, for the constructor.
        defaults: more arguments, handed over only if the constructor takes them and the user
            said nothing (the run's seed, for one).
        decode: how the model is to answer. A constructor that has a parameter of this name gets
            it, and then must do it; any other can only answer with text.
        tell: told of what the user might not expect, before anything is loaded.

    Raises:
        InputError: the name, the file, the class or an argument is wrong, or a package is missing.
    """
    path, _, class_name = spec.rpartition(":") if ".py:" in spec else (spec, "", "")
    entry, label = None, ""
    if path.endswith(".py"):
        made, code = _adapter_class_of_file(Path(path), class_name)
        name = f"{Path(path).name}:{made.__name__}"
        first: tuple[str, ...] = ()
    else:
        meant = resolve(spec, arguments, tell)
        entry, first = _entry(meant.spec)
        made, name, code = _builtin_class(entry), _without_folders(meant.spec, first), ""
        arguments, label = meant.arguments, meant.label
    adapter, given = _construct(
        _Constructor(made, name, first, entry), arguments, {"decode": decode, **(defaults or {})}
    )
    _check_contract(adapter, name)
    settings = {key: one for key, one in given.items() if key not in adapter.incidental}
    if "decode" not in arguments:
        settings.pop("decode", None)  # a run's identity has a field of its own for it
    try:
        settings |= adapter.identity()
    except Exception as error:
        raise InputError(f"model '{name}': identity(): {said(error)}") from error
    recorded = {key: _recorded(one) for key, one in settings.items()}
    others = {key: _recorded(one) for key, one in given.items() if key in adapter.incidental}
    return BuiltModel(
        name=name,
        adapter=adapter,
        settings=without_secrets(recorded),
        code=code,
        secrets=(*secret_values(dict(arguments)), *adapter.secrets),
        incidental=without_secrets(others),
        label=label,
    )


def _entry(spec: str) -> tuple[ModelEntry, tuple[str, ...]]:
    prefix, colon, own_name = spec.partition(":")
    for entry in _ENTRIES:
        entry_prefix, entry_colon, _ = entry.name.partition(":")
        if prefix == entry_prefix and bool(colon) == bool(entry_colon):
            if colon and not own_name:
                raise InputError(f"model '{spec}' lacks the model's own name: write {entry.name}.")
            return entry, ((own_name,) if colon else ())
    # Compared without what follows the colon, which is the user's own in any case.
    by_prefix = {name: name for name in named_models()}
    by_prefix |= {entry.name.partition(":")[0]: entry.name for entry in _ENTRIES}
    close = difflib.get_close_matches(prefix, by_prefix, n=1, cutoff=0.5)
    hint = f"Did you mean '{by_prefix[close[0]]}'? " if close else ""
    raise InputError(
        f"unknown model '{spec}'. {hint}A model of your own is a file: my_model.py. "
        "See: lvlm-eval list models"
    )


def _without_folders(spec: str, first: tuple[str, ...]) -> str:
    """The same run may move to another machine: where a checkpoint lies is not its name."""
    kind = spec.partition(":")[0]
    if kind not in ("hf", "vllm") or not Path(first[0]).is_dir():
        return spec
    return f"{kind}:{Path(first[0]).resolve().name}"


def _builtin_class(entry: ModelEntry) -> type[Any]:
    module, _, name = entry.place.partition(":")
    try:
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]  # by name
    except ModuleNotFoundError as error:
        raise _lacking(entry, error) from error


def _lacking(entry: ModelEntry, error: ModuleNotFoundError) -> Exception:
    """What to say of a package that is not installed; the error itself if it is not of an extra."""
    package = (error.name or str(error)).partition(".")[0]
    if not entry.extra or package == __package__.partition(".")[0]:
        return error
    return InputError(
        f"model '{entry.name}' needs the package '{package}': "
        f"pip install 'lvlm-eval[{entry.extra}]'"
    )


def _adapter_class_of_file(path: Path, class_name: str) -> tuple[type[Any], str]:
    """The user's class, and the sha256 of the file that it stands in."""
    if not path.is_file():
        raise InputError(f"model file '{path}' does not exist.")
    loaded = load_user_file(path)
    code = hashlib.sha256(loaded.source.encode()).hexdigest()
    classes = {
        name: value
        for name, value in vars(loaded.module).items()
        if inspect.isclass(value)
        and value.__module__ == loaded.module.__name__
        and hasattr(value, "answer")
    }
    if class_name:
        if class_name in classes:
            return classes[class_name], code
        raise InputError(
            f"model file '{path}' has no class '{class_name}' with a method answer(requests). "
            f"{nearest_names(class_name, classes)}"
        )
    if len(classes) != 1:
        found = ", ".join(sorted(classes)) or "none"
        raise InputError(
            f"model file '{path}' must have one class with a method answer(requests); found: "
            f"{found}. Name it: {path}:ClassName"
        )
    return next(iter(classes.values())), code


@dataclass(frozen=True, slots=True)
class _Constructor:
    """A class to make an adapter of.

    Attributes:
        made: the class.
        name: of the model, for messages.
        first: arguments that the model's name gives.
        entry: None for a user's file.
    """

    made: type[Any]
    name: str
    first: tuple[str, ...]
    entry: ModelEntry | None


def _construct(
    of: _Constructor, arguments: Mapping[str, Any], defaults: Mapping[str, Any]
) -> tuple[Adapter, dict[str, Any]]:
    """The adapter, and all arguments that its constructor got or took by default."""
    made, name, first = of.made, of.name, of.first
    signature = inspect.signature(made)
    parameters = signature.parameters
    extra = {k: v for k, v in defaults.items() if k in parameters and k not in arguments}
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    own = set(list(parameters)[len(first) :])
    for key in arguments:
        if key not in own and not takes_any:
            raise InputError(f"model '{name}' takes no argument '{key}'. {nearest_names(key, own)}")
    if defaults["decode"] != "text" and "decode" not in parameters:
        raise InputError(
            f"model '{name}' answers with text only: its constructor has no parameter 'decode'. "
            f"Leave --decode {defaults['decode']} out."
        )
    try:
        bound = signature.bind(*first, **arguments, **extra)
        bound.apply_defaults()
        adapter = made(*first, **arguments, **extra)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        if of.entry and isinstance(error, ModuleNotFoundError):
            raise _lacking(of.entry, error) from error
        raise InputError(f"model '{name}': {said(error)}") from error
    given: dict[str, Any] = {}
    for key, one in bound.arguments.items():
        if parameters[key].kind is inspect.Parameter.VAR_KEYWORD:
            given |= one
        elif key in own:
            given[key] = one
    if isinstance(adapter, Adapter):
        return adapter, given
    try:
        return _Plain(adapter), given
    except (TypeError, ValueError) as error:
        raise InputError(f"model '{name}': chunk, settings or incidental: {error}") from error


def _check_contract(adapter: Adapter, name: str) -> None:
    """Refuse attributes of a user's class that have another type than the contract says."""
    chunk, settings = adapter.chunk, adapter.settings
    if chunk is not None and (not isinstance(chunk, int) or chunk < 1):
        raise InputError(f"model '{name}': chunk is {chunk!r}, expected a number from 1 or None.")
    if not settings or not all(one in SETTINGS for one in settings):
        raise InputError(
            f"model '{name}': settings is {settings!r}, expected some of {', '.join(SETTINGS)}."
        )


class _Plain(Adapter):
    """A user's object that has ``answer`` and whatever else of the contract it chose to have."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.chunk = getattr(inner, "chunk", Adapter.chunk)
        self.needs_pictures = bool(getattr(inner, "needs_pictures", Adapter.needs_pictures))
        self.incidental = frozenset(getattr(inner, "incidental", Adapter.incidental))
        self.secrets = tuple(getattr(inner, "secrets", Adapter.secrets))
        settings = getattr(inner, "settings", Adapter.settings)
        self.settings = cast(
            tuple[Setting, ...], (settings,) if isinstance(settings, str) else tuple(settings)
        )

    def answer(self, requests: Sequence[Request]) -> Iterable[Response]:
        """Hand over to the user's own method."""
        with contextlib.suppress(AttributeError):  # a class with slots has no place for it
            self._inner.tell = self.tell
        answers: Iterable[Response] = self._inner.answer(requests)
        return answers

    def identity(self) -> Mapping[str, Any]:
        """What the user's own method says, if there is one."""
        return dict(self._inner.identity()) if hasattr(self._inner, "identity") else {}

    def saw(self) -> ModelView | None:
        """What the user's own method says, if there is one."""
        view = self._inner.saw() if hasattr(self._inner, "saw") else None
        return view if isinstance(view, ModelView) else None


def _recorded(value: Any) -> Any:
    """A setting as JSON: 0 and 0.0 are the same, and what JSON does not know is named."""
    if isinstance(value, Mapping):
        return {str(key): _recorded(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_recorded(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if value is None or isinstance(value, str | int | float):
        return value
    # By name: the text of an object may hold its address, which differs from run to run.
    named = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    return f"{named.__module__}.{named.__qualname__}"
