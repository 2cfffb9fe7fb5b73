"""Backbones by short names: which weights, what runs them, with which arguments.

They stand in ``backbones.toml``, one table a backbone. The package has one; a ``./backbones.toml``
of the user's adds backbones or replaces them.
"""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lvlm_eval.errors import nearest_names
from lvlm_eval.named_tables import Named, named
from lvlm_eval.reference import vision_row_names
from lvlm_eval.resources import data_folder
from lvlm_eval.vision.backbones.kinds import KINDS

USERS_FILE = Path("backbones.toml")

Text = Annotated[str, Field(min_length=1)]


class BackboneTable(BaseModel):
    """One backbone's table.

    Attributes:
        use: kind and the backbone's own name, ``hf:facebook/dinov2-base``.
        arguments: of the class that this names.
        about: what is shown of it and stands in no argument: ``patch`` (px), ``layer``,
            ``final_norm``, ``normalisation``, ``pos_embed``.
        published: its row in the published tables.
        verified: what tests show about it, in words.
        unverified: what could not be checked, in words; empty if nothing is left.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    use: Text
    arguments: dict[str, Any] = {}
    about: dict[str, Any] = {}
    published: Text | None = None
    verified: str = ""
    unverified: str = ""

    @model_validator(mode="after")
    def _fits_together(self) -> "BackboneTable":
        prefix, _, own = self.use.partition(":")
        if prefix not in KINDS or not own:
            hint = nearest_names(prefix, KINDS)
            raise ValueError(f"use = '{self.use}' is no kind and name, such as hf:me/model. {hint}")
        rows = vision_row_names()
        if self.published is not None and self.published not in rows:
            hint = nearest_names(self.published, rows)
            raise ValueError(f"published = '{self.published}' is no row of the tables. {hint}")
        return self

    def shown(self, what: str) -> Any:
        """A detail to show: the argument of that name, or what the table says about it."""
        return self.arguments.get(what, self.about.get(what))


NamedBackbone = Named[BackboneTable]
"""A backbone that a short name can mean here."""


def builtin_backbones() -> dict[str, NamedBackbone]:
    """The package's own backbones, by name."""
    return named(data_folder() / USERS_FILE.name, None, BackboneTable, "backbone", KINDS)


def named_backbones() -> dict[str, NamedBackbone]:
    """All backbones that a short name can mean here, by name; the user's come last.

    Raises:
        InputError: ``./backbones.toml`` is wrong.
    """
    return named(data_folder() / USERS_FILE.name, USERS_FILE, BackboneTable, "backbone", KINDS)
