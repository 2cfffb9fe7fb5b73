"""What several copies of a model made of the pictures, as one."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from lvlm_eval.records import ModelView, SeenPictures


def joined(views: Sequence[ModelView]) -> ModelView | None:
    """One view of all; None if there is none.

    A picture that several copies were shown counts once for each of them.
    """
    if not views:
        return None
    pictures = Counter[SeenPictures]()
    for view in views:
        for one in view.pictures:
            pictures[replace(one, pictures=0)] += one.pictures
    seen = tuple(replace(one, pictures=count) for one, count in pictures.items())
    return replace(views[0], pictures=seen)
