"""A command's own words on what to ask of whom, for a process that must build both anew."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lvlm_eval.models.local.decoding import Decode
from lvlm_eval.models.registry import BuiltModel, build_adapter
from lvlm_eval.records import Setting
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.jobs import DrawingChoices, open_source

_OF_A_PLACE = ("CUDA_", "LD_", "PYTHON", "RAY_", "SLURM_")
"""What variables begin with that say something of one machine or process."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a source and an adapter are made; it can be sent to another process or machine.

    Attributes:
        data: as ``--data`` names it.
        choices: about questions that are drawn.
        wanted: the settings to read tables for; None reads all.
        model: as ``--model`` names it.
        arguments: of the adapter; may hold keys, so it is never written down.
        decoding: how the model is to answer.
    """

    data: str
    choices: DrawingChoices
    wanted: tuple[Setting, ...] | None
    model: str
    arguments: Mapping[str, Any]
    decoding: Decode

    def source(self) -> RequestSource:
        """Open the data and make the questions.

        Raises:
            InputError: the data, a name or a number is wrong.
        """
        return open_source(self.data, self.choices, self.wanted)

    def built(self, tell: Callable[[str], None]) -> BuiltModel:
        """Make the adapter.

        Args:
            tell: told of what the user might not expect.

        Raises:
            InputError: the name, the file, the class or an argument is wrong.
        """
        seed = {"seed": self.choices.seed}
        return build_adapter(self.model, self.arguments, seed, decode=self.decoding, tell=tell)


def environment_to_send() -> dict[str, str]:
    """This process's environment variables, without those that only make sense where it runs."""
    return {name: one for name, one in os.environ.items() if not name.startswith(_OF_A_PLACE)}
