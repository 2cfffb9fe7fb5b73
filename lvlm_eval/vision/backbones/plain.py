"""A user's backbone: whatever of the contract its class chose to have."""

import contextlib
from collections.abc import Mapping, Set
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.vision.backbones.backbone import Backbone, Maps, Photos


class PlainBackbone(Backbone):
    """Hands over to an object that has ``patch`` and ``encode``.

    Args:
        inner: the user's object.

    Raises:
        InputError: it has no ``patch``.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        if not hasattr(inner, "patch"):
            raise InputError(
                f"{type(inner).__name__} lacks 'patch': the side in px of the square of a photo "
                "that one feature stands for."
            )
        self.patch = inner.patch
        self.batch = getattr(inner, "batch", Backbone.batch)
        self.incidental = getattr(inner, "incidental", Backbone.incidental)

    def encode(self, photos: Photos) -> Maps:
        """See `Backbone.encode`."""
        with contextlib.suppress(AttributeError):  # a class with slots has no place for it
            self._inner.tell = self.tell
        maps: Maps = self._inner.encode(photos)
        return maps

    def identity(self) -> Mapping[str, Any]:
        """What the user's own method says, if there is one."""
        return dict(self._inner.identity()) if hasattr(self._inner, "identity") else {}


def check_contract(backbone: Backbone, name: str) -> None:
    """Refuse attributes of another type than the contract says.

    Args:
        backbone: made.
        name: of it, for the message.

    Raises:
        InputError: ``patch`` or ``batch`` is no number from 1, or ``incidental`` no set of names.
    """
    for attribute in ("patch", "batch"):
        one = getattr(backbone, attribute, None)
        if isinstance(one, bool) or not isinstance(one, int) or one < 1:
            raise InputError(
                f"backbone '{name}': {attribute} is {one!r}, expected a whole number from 1."
            )
    named = backbone.incidental
    if not isinstance(named, Set) or not all(isinstance(one, str) for one in named):
        raise InputError(
            f"backbone '{name}': incidental is {named!r}, expected a set of names of arguments."
        )
