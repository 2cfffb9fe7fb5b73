"""Finds the adapter that a ``--model`` names and makes it."""

import contextlib
import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lvlm_eval.errors import InputError
from lvlm_eval.models.adapter import Adapter
from lvlm_eval.models.constructing import (
    MODEL,
    Constructor,
    Installed,
    class_of_file,
    file_and_class,
    found_at,
    parse_arguments,
    recorded,
)
from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.named import named_models, resolve
from lvlm_eval.models.secrets import secret_values, without_secrets
from lvlm_eval.records import SETTINGS, ModelView, Request, Response, Setting
from lvlm_eval.user_files import said

__all__ = ["BuiltModel", "ModelEntry", "build_adapter", "model_entries", "parse_arguments"]


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
        "openai-batch:<model>",
        "the same by OpenAI's Batch API: within a day, at half the price",
        "lvlm_eval.models.openai_batch:OpenAIBatch",
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
    ModelEntry(
        "dense:<backbone>",
        "the ceiling: a vision backbone answers by nearest features (see: list backbones)",
        "lvlm_eval.models.dense:Dense",
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
    # What follows dense: may be a file too, but one with a backbone in it.
    file = None if spec.startswith("dense:") else file_and_class(spec)
    entry, label = None, ""
    if file:
        made, code = class_of_file(MODEL, *file)
        name = f"{file[0].name}:{made.__name__}"
        first: tuple[str, ...] = ()
    else:
        meant = resolve(spec, arguments, tell)
        entry, first = _entry(meant.spec)
        made, name, code = _builtin_class(entry), _without_folders(meant.spec, first), ""
        arguments, label = meant.arguments, meant.label
    builtin = _installed(entry) if entry else None
    constructor = Constructor(MODEL, made, name, first, builtin)
    constructor.check(arguments)
    if decode != "text" and "decode" not in inspect.signature(made).parameters:
        raise InputError(
            f"model '{name}' answers with text only: its constructor has no parameter 'decode'. "
            f"Leave --decode {decode} out."
        )
    built, given = constructor.construct(arguments, {"decode": decode, **(defaults or {})})
    adapter = _as_adapter(built, name)
    _check_contract(adapter, name)
    settings = {key: one for key, one in given.items() if key not in adapter.incidental}
    if "decode" not in arguments:
        settings.pop("decode", None)  # a run's identity has a field of its own for it
    try:
        settings |= adapter.identity()
    except Exception as error:
        raise InputError(f"model '{name}': identity(): {said(error)}") from error
    written = {key: recorded(one) for key, one in settings.items()}
    others = {key: recorded(one) for key, one in given.items() if key in adapter.incidental}
    return BuiltModel(
        name=name,
        adapter=adapter,
        settings=without_secrets(written),
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


def _installed(entry: ModelEntry) -> Installed:
    return Installed(entry.name, entry.extra)


def _builtin_class(entry: ModelEntry) -> type[Any]:
    return found_at(MODEL, entry.place, _installed(entry))  # type: ignore[no-any-return]  # by name


def _as_adapter(built: Any, name: str) -> Adapter:
    if isinstance(built, Adapter):
        return built
    try:
        return _Plain(built)
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
            if hasattr(self._inner, "workspace"):
                self._inner.workspace = self.workspace
        answers: Iterable[Response] = self._inner.answer(requests)
        return answers

    def identity(self) -> Mapping[str, Any]:
        """What the user's own method says, if there is one."""
        return dict(self._inner.identity()) if hasattr(self._inner, "identity") else {}

    def saw(self) -> ModelView | None:
        """What the user's own method says, if there is one."""
        view = self._inner.saw() if hasattr(self._inner, "saw") else None
        return view if isinstance(view, ModelView) else None
