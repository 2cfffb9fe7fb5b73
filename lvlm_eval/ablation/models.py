"""The adapters of a grid: each made once, and let go when no cell needs it any more."""

import contextlib
import gc
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvlm_eval.models.local.decoding import DECODES
from lvlm_eval.models.registry import BuiltModel, build_adapter
from lvlm_eval.runs.jobs import one_of

BASELINES = ("random", "random++")
"""Models that cost nothing and have nothing to set."""

OF_SERVERS = ("base_url", "concurrency")
_LOCAL = ("hf:", "vllm:", "dense:")


@dataclass(frozen=True, slots=True)
class ModelKey:
    """What makes two cells need the same adapter.

    Attributes:
        spec: as ``--model`` names it.
        decode: how it answers.
        seed: the run's, which some adapters sample by.
    """

    spec: str
    decode: str
    seed: int


class Models:
    """Makes adapters when they are first wanted.

    The built-in ones load no weights before they are first asked, so all can be made for a plan,
    and those that are let go after their last cell leave the GPU to the next.

    Arguments are for all models, but baselines get none, and models that run in this process none
    that only a server's have, as long as another model of the plan is there to take them.

    Args:
        specs: all models, as ``--model`` names them.
        arguments: of the adapters.
        tell: told of what the user might not expect.
    """

    def __init__(
        self, specs: Sequence[str], arguments: Mapping[str, Any], tell: Callable[[str], None]
    ) -> None:
        self._arguments = arguments
        self._taken = {name for spec in specs for name in arguments if _takes(spec, name)}
        self._tell = tell
        self._built: dict[ModelKey, BuiltModel] = {}

    def arguments_of(self, spec: str) -> dict[str, Any]:
        """The arguments that a model is given."""
        return {
            name: one
            for name, one in self._arguments.items()
            if _takes(spec, name) or name not in self._taken
        }

    def built(self, key: ModelKey) -> BuiltModel:
        """The adapter with its names.

        Raises:
            InputError: the name, the file, the class or an argument is wrong.
        """
        if key not in self._built:
            decode = one_of("--decode", key.decode, DECODES)
            arguments, seed = self.arguments_of(key.spec), {"seed": key.seed}
            with contextlib.redirect_stdout(sys.stderr):  # whatever a model prints
                self._built[key] = build_adapter(
                    key.spec, arguments, seed, decode=decode, tell=self._tell
                )
        return self._built[key]

    def release(self, key: ModelKey) -> None:
        """Let an adapter go, with the memory that it holds on a GPU."""
        if self._built.pop(key, None) is None:
            return
        gc.collect()
        torch = sys.modules.get("torch")
        if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
            torch.cuda.empty_cache()


def _takes(spec: str, argument: str) -> bool:
    return spec not in BASELINES and not (spec.startswith(_LOCAL) and argument in OF_SERVERS)
