"""Controls: questions with something taken away or changed, to see where a score comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from lvlm_eval.errors import InputError
from lvlm_eval.records import Control, Setting

CONTROLS: tuple[Control, ...] = get_args(Control)

_ALL: tuple[Setting, ...] = ("vis", "vis+desc", "desc")
_WITH_SOURCE: tuple[Setting, ...] = ("vis", "vis+desc")


@dataclass(frozen=True, slots=True)
class ControlFacts:
    """What a control does.

    Attributes:
        does: what a model gets, one line.
        settings: the settings in which that differs from the question itself.
        of_tables: whether it can be made from the rows of a SOCO-LVLM table, too.
    """

    does: str
    settings: tuple[Setting, ...]
    of_tables: bool = False


FACTS: Mapping[Control, ControlFacts] = {
    "no-image": ControlFacts("the text alone, no photo", _ALL, of_tables=True),
    "no-markers": ControlFacts("the photos without any marker", _ALL),
    "other-source": ControlFacts(
        "the source photo of another pair, with that pair's query marked", _WITH_SOURCE, True
    ),
    "target-only": ControlFacts("the target photo, no source photo", _WITH_SOURCE, of_tables=True),
    "letter": ControlFacts(
        "the target photo with the right marker alone; asked is which letter stands at it", ("vis",)
    ),
    "identity": ControlFacts(
        "the target photo as the source, too, with the right point as the query", _WITH_SOURCE
    ),
    "mirror": ControlFacts(
        "the target photo mirrored, and what was left is right: questions drawn anew from it", _ALL
    ),
}


def settings_under(control: Control | None, settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
    """Those of a source's settings in which a control asks something else than the question.

    Args:
        control: None changes nothing.
        settings: what the source has.

    Raises:
        InputError: none is left.
    """
    if control is None:
        return settings
    able = FACTS[control].settings
    both = tuple(one for one in settings if one in able)
    if not both:
        raise InputError(
            f"control '{control}' is for {', '.join(able)}; the data has {', '.join(settings)}."
        )
    return both
