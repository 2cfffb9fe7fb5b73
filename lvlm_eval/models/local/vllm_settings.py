"""What decides how vLLM's engines are started, checked as far as it can be without starting one."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.models.argument_checks import check_dtype, check_whole
from lvlm_eval.models.local.checkpoint import check_place

DEVICES = ("cpu", "cuda")

OURS: Mapping[str, str] = {
    "model": "--model",
    "data_parallel_size": "data_parallel",
    "device_ids": "CUDA_VISIBLE_DEVICES",
    "dtype": "dtype",
    "enable_prefix_caching": "prefix_caching",
    "generation_config": "temperature and its like",
    "gpu_memory_utilization": "memory",
    "max_model_len": "max_model_len",
    "revision": "revision",
    "seed": "seed",
    "tensor_parallel_size": "tensor_parallel",
}
"""Arguments of vLLM that have a name of their own here."""


@dataclasses.dataclass(frozen=True, slots=True)
class EngineSettings:
    """How engines are started.

    Attributes:
        model: hub id or folder.
        device: ``cpu`` or ``cuda``; None wants a GPU.
        dtype: of the weights.
        min_pixels: least pixels of a picture as the model sees it; None as the checkpoint has it.
        max_pixels: most pixels of a picture as the model sees it; None as the checkpoint has it.
        revision: of the hub repository.
        seed: of the engine.
        tensor_parallel: GPUs that share one copy of the model.
        data_parallel: copies of the model.
        memory: share of each GPU's memory that vLLM may take.
        max_model_len: bound on prompt and answer together, in tokens; None for as long as the model
            can and the memory allows.
        prefix_caching: keep what was computed for the beginning of a prompt.
        engine: further arguments of vLLM's ``EngineArgs``.
    """

    model: str
    device: str | None = None
    dtype: str = "auto"
    min_pixels: int | None = None
    max_pixels: int | None = None
    revision: str | None = None
    seed: int = 0
    tensor_parallel: int = 1
    data_parallel: int = 1
    memory: float = 0.9
    max_model_len: int | None = None
    prefix_caching: bool = True
    engine: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            InputError: one is impossible, or the model is a folder without a checkpoint.
        """
        if self.device is not None and self.device not in DEVICES:
            raise InputError(f"device is {self.device!r}, expected cpu or cuda.")
        check_dtype(self.dtype)
        for name in ("min_pixels", "max_pixels", "max_model_len"):
            check_whole(name, getattr(self, name), 1, or_null=True)
        for name in ("tensor_parallel", "data_parallel"):
            check_whole(name, getattr(self, name), 1)
        if self.min_pixels and self.max_pixels and self.min_pixels > self.max_pixels:
            raise InputError(
                f"min_pixels is {self.min_pixels}, more than max_pixels, {self.max_pixels}."
            )
        memory: object = self.memory
        number = isinstance(memory, int | float) and not isinstance(memory, bool)
        if not number or not 0 < self.memory <= 1:
            raise InputError(
                f"memory is {memory!r}, expected the share of the GPU's memory that vLLM may take: "
                "above 0 and at most 1."
            )
        if not isinstance(self.prefix_caching, bool):
            raise InputError(f"prefix_caching is {self.prefix_caching!r}, expected true or false.")
        if not isinstance(self.engine, Mapping):
            raise InputError(f"engine is {self.engine!r}, expected a JSON object.")
        for name in self.engine:
            if name in OURS:
                raise InputError(f"engine cannot hold '{name}': {OURS[name]} gives it.")
        check_place(self.model)

    @property
    def on_cpu(self) -> bool:
        """Whether the user said that a CPU will do."""
        return self.device == "cpu"

    @property
    def place(self) -> str:
        """The model as vLLM takes it."""
        folder = Path(self.model).expanduser()
        return str(folder) if folder.is_dir() else self.model


def check_engine_fields(engine: Mapping[str, Any], known: type[Any]) -> None:
    """Refuse what vLLM does not know.

    Args:
        engine: what the user gave.
        known: vLLM's ``EngineArgs``.

    Raises:
        InputError: an argument is unknown.
    """
    names = {field.name for field in dataclasses.fields(known)} - OURS.keys()
    for name in engine:
        if name not in names:
            close = nearest_names(name, names)
            hint = close if close.startswith("Did") else "See the documentation of EngineArgs."
            raise InputError(f"engine: vLLM has no argument '{name}'. {hint}")
