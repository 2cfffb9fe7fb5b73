"""Models by short names: which checkpoint or endpoint, what runs it, with which arguments.

They stand in ``models.toml``, one table a model. The package has one; a ``./models.toml`` of the
user's adds models or replaces them.
"""

import difflib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.named_tables import NAME, Named, named
from lvlm_eval.reference import lvlm_rows
from lvlm_eval.resources import data_folder

Backend = Literal["vllm", "hf", "openai"]
"""What runs a model; each is a prefix that ``--model`` knows."""

LOCAL: tuple[Backend, ...] = ("vllm", "hf")
NEEDED: Mapping[Backend, tuple[str, ...]] = {"vllm": ("vllm",), "hf": ("transformers", "torch")}

PAPER = "paper"
PRESETS = (PAPER,)

USERS_FILE = Path("models.toml")

_KINDS = frozenset({"random", "random++", "dense", "openai-batch", *get_args(Backend)})
"""Names with a meaning of their own."""

_NOT_HERE: Mapping[str, str] = {
    "decode": "--decode gives it",
    "model": "checkpoint or endpoint gives it",
    "preset": "the user chooses it",
}
"""Arguments that a table cannot hold, and why."""

Text = Annotated[str, Field(min_length=1)]
Arguments = dict[str, Any]


class ModelTable(BaseModel):
    """One model's table.

    Attributes:
        backend: what runs it, unless the user says otherwise.
        checkpoint: id on the Hugging Face hub, or a folder.
        endpoint: the name that a server knows it by; in place of a checkpoint.
        arguments: arguments of the adapter, for the default decoding.
        vllm: more of them, for that backend alone.
        hf: more of them, for that backend alone.
        paper: more of them, for the decoding of the published figures; None if nothing is said.
        published: the model's row in the published table.
        note: what the preset cannot express.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    backend: Backend
    checkpoint: Text | None = None
    endpoint: Text | None = None
    arguments: Arguments = {}
    vllm: Arguments = {}
    hf: Arguments = {}
    paper: Arguments | None = None
    published: Text | None = None
    note: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> "ModelTable":
        needed, other = "checkpoint", "endpoint"
        if self.backend == "openai":
            needed, other = other, needed
        if getattr(self, needed) is None:
            raise ValueError(f"backend = '{self.backend}' needs a field '{needed}'")
        if getattr(self, other) is not None:
            raise ValueError(f"backend = '{self.backend}' cannot have a field '{other}'")
        for table in ("arguments", *LOCAL, PAPER):
            for key, why in _NOT_HERE.items():
                if key in (getattr(self, table) or {}):
                    raise ValueError(f"{table} cannot hold '{key}': {why}")
        rows = [row.name for row in lvlm_rows()]
        if self.published is not None and self.published not in rows:
            hint = nearest_names(self.published, rows)
            raise ValueError(f"published = '{self.published}' is no row of the table. {hint}")
        return self

    @property
    def weights(self) -> str:
        """What is run: the checkpoint or the endpoint."""
        return self.checkpoint or self.endpoint or ""

    def arguments_of(self, backend: Backend, preset: str | None) -> Arguments:
        """Arguments of the adapter with one backend, those of the preset last."""
        own = {"vllm": self.vllm, "hf": self.hf}.get(backend, {})
        return {**self.arguments, **own, **((self.paper or {}) if preset == PAPER else {})}


NamedModel = Named[ModelTable]
"""A model that a short name can mean here."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """What ``--model`` means.

    Attributes:
        spec: prefix and the model's own name, ``vllm:Qwen/Qwen3-VL-8B-Instruct``: it says what
            runs the model, since answers may depend on that.
        arguments: for the adapter.
        label: short and telling, for names of folders; empty for a model that is no named one.
    """

    spec: str
    arguments: Mapping[str, Any]
    label: str = ""


def builtin_models() -> dict[str, NamedModel]:
    """The package's own models, by name."""
    return named(data_folder() / USERS_FILE.name, None, ModelTable, "model", _KINDS)


def named_models() -> dict[str, NamedModel]:
    """All models that a short name can mean here, by name; the user's come last.

    Raises:
        InputError: ``./models.toml`` is wrong.
    """
    return named(data_folder() / USERS_FILE.name, USERS_FILE, ModelTable, "model", _KINDS)


def resolve(spec: str, arguments: Mapping[str, Any], tell: Callable[[str], None]) -> Resolved:
    """Look up a short name, alone or after ``hf:`` or ``vllm:``; anything else stays as it is.

    Args:
        spec: what stands after ``--model``.
        arguments: what the user gave with ``--model-arg``; ``preset=paper`` is taken out of them.
        tell: told of what the user might not expect.

    Raises:
        InputError: ``./models.toml`` is wrong, or the model lacks what is asked of it.
    """
    named, chosen = _named(spec, tell)
    if named is None:
        if "preset" in arguments:
            raise InputError(
                f"'{spec}' has no presets: preset={PAPER} is for models with a short name. "
                "See: lvlm-eval list models"
            )
        return Resolved(spec, arguments)
    name, table = named.name, named.table
    preset = arguments.get("preset")
    _check_preset(named, preset)
    if chosen and table.checkpoint is None:
        raise InputError(
            f"'{name}' is a model of a server, which {chosen}: cannot run. Write: --model {name}"
        )
    if named.hides:
        tell(f"./{named.file} has a '{name}' that hides the built-in model")
    backend = chosen or _available(named, tell)
    if preset == PAPER and table.note:
        tell(f"preset={PAPER} of {name}: {table.note}")
    given = {key: one for key, one in arguments.items() if key != "preset"}
    return Resolved(
        spec=f"{backend}:{table.weights}",
        arguments={**table.arguments_of(backend, preset), **given},
        label=f"{backend}-{name}" + (f"-{preset}" if preset else ""),
    )


def _named(
    spec: str, tell: Callable[[str], None]
) -> tuple[NamedModel, Backend | None] | tuple[None, None]:
    """The named model that is meant, if any, and the backend that the user chose, if any."""
    prefix, colon, after = spec.partition(":")
    chosen = next((one for one in LOCAL if colon and one == prefix), None)
    name = after if chosen else spec
    if not NAME.fullmatch(name) or (chosen is None and name in _KINDS):
        return None, None
    models = named_models()
    folder = Path(name)
    if name in models:
        if chosen and folder.is_dir():
            tell(f"{spec} is the model of that name; for the folder write {chosen}:./{name}")
        return models[name], chosen
    if chosen and not folder.is_dir():
        close = difflib.get_close_matches(name, models, n=1, cutoff=0.8)
        if close:
            tell(
                f"no model has the name '{name}', so it is taken for an id on the hub: did you "
                f"mean '{chosen}:{close[0]}'?"
            )
    return None, None


def _check_preset(named: NamedModel, preset: object) -> None:
    if preset is None:
        return
    if preset not in PRESETS:
        raise InputError(
            f"'{named.name}' has no preset '{preset}'. {nearest_names(str(preset), PRESETS)}"
        )
    if named.table.paper is None:
        raise InputError(
            f"'{named.name}' has no preset '{preset}': its table in {named.file} lacks the field "
            f"'{PAPER}'."
        )


def _available(named: NamedModel, tell: Callable[[str], None]) -> Backend:
    """The recommended backend, or Hugging Face in place of a vLLM that is not installed."""
    backend = named.table.backend
    if backend == "vllm" and not _installed("vllm") and _installed("hf"):
        tell(
            f"vllm is not installed, so Hugging Face transformers run '{named.name}'. Its answers "
            f"may differ from vLLM's, so the run is recorded as one of "
            f"hf:{named.table.checkpoint}. For vLLM: pip install 'lvlm-eval[vllm]'"
        )
        return "hf"
    return backend


def _installed(backend: Backend) -> bool:
    return all(importlib.util.find_spec(name) is not None for name in NEEDED[backend])
