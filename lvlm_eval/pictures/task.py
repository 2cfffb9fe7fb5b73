"""One photo, and the ways in which it is to be marked."""

from dataclasses import dataclass, field
from pathlib import Path

from PIL import ImageOps

from lvlm_eval.datasets.images import read_rgb
from lvlm_eval.drawing.mark import Mark
from lvlm_eval.errors import InputError
from lvlm_eval.records import Picture
from lvlm_eval.renderers import Renderer


@dataclass(frozen=True, slots=True)
class PictureTask:
    """What is to be drawn on one photo; tasks that are equal give the same pictures.

    Attributes:
        path: the photo.
        name: what to call it in an error.
        size: its recorded width and height in px.
        variants: the marks of each picture that is wanted, in px of the photo.
        mirrored: whether left and right of the photo change places before it is marked.
    """

    path: Path
    name: str
    size: tuple[int, int]
    variants: tuple[tuple[Mark, ...], ...]
    mirrored: bool = False
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Computed once: a task is the key of a cache that each of its requests looks into.
        decisive = (self.path, self.size, self.variants, self.mirrored)
        object.__setattr__(self, "_hash", hash(decisive))

    def __hash__(self) -> int:
        return self._hash


def draw(task: PictureTask, renderer: Renderer) -> tuple[Picture, ...]:
    """Decode the photo once, and draw and encode each variant.

    Raises:
        InputError: the photo cannot be decoded, or a mark is outside of it.
    """
    photo = read_rgb(task.path, task.path)
    if task.mirrored:
        photo = ImageOps.mirror(photo)
    width, height = photo.size
    for marks in task.variants:
        for mark in marks:
            if not (0 <= mark.x < width and 0 <= mark.y < height):
                raise InputError(
                    f"{task.name} is {width}×{height} px, its annotation says "
                    f"{task.size[0]}×{task.size[1]}: the point ({mark.x:g}, {mark.y:g}) is outside."
                )
    return tuple(renderer.render(photo, marks) for marks in task.variants)
