"""What chairs and sofas share: wood, cloth and legs."""

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Field,
    Points,
    box,
    common,
    round_cone,
    union,
    vec,
)
from lvlm_eval.synthetic.materials import (
    Material,
    layered_noise,
    noise,
    plain,
    tinted,
)
from lvlm_eval.synthetic.shapes import Mark, on_surface

SIDES = (("left", 1.0), ("right", -1.0))


WOODS = ("#b07a45", "#7a4a28", "#d2a774", "#4b3021", "#c48f5a", "#e0c9a6")


CLOTHS = (
    "#b84a3c",
    "#2f6b7c",
    "#d9a441",
    "#6b7f5c",
    "#e6dccb",
    "#4a5d83",
    "#c98596",
    "#7d6a5a",
    "#35434d",
    "#d0764a",
)


def wood(color: str, salt: int = 0) -> Material:
    """Wood with streaks along its longest lines."""

    def grain(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p * [5.0, 1.2, 0.7], 0.09, salt)

    return tinted(plain(color, 0.5, specular=0.04), grain, 0.16)


def cloth(color: str, salt: int = 0) -> Material:
    """Woven cloth with a faint mottle."""

    def weave(p: Points, n: Points) -> NDArray[np.float64]:
        return 0.6 * layered_noise(p, 0.03, salt) + 0.4 * noise(p, 0.4, salt + 3)

    return tinted(plain(color, 0.9, specular=0.02, fuzz=0.6), weave, 0.12)


def legs_of(
    corners: dict[tuple[str, str], tuple[Points, Points]], radii: tuple[float, float], square: bool
) -> tuple[Field, list[Mark]]:
    """Four legs from (top, bottom) points by end and side, and marks at both ends of each."""
    fields: list[Field] = []
    marks = []
    for (end, side), (top, bottom) in corners.items():
        foot = bottom + vec(0, 0, 0 if square else radii[1])
        leg = round_cone(top, foot, radii[0], radii[1])
        flat = box((0, 0, 5.0), (9, 9, 5.0))
        leg = common(0.006, leg, flat)
        fields.append(leg)
        marks.append(Mark(f"furniture_leg_{end}_{side}_bottom", _foot(leg, bottom), 0.03))
        out = [1.0 if end == "front" else -1.0, 1.0 if side == "left" else -1.0, 0.0]
        high = top + (bottom - top) * 0.12
        marks.append(
            on_surface(f"furniture_leg_{end}_{side}_top", leg, high, [-out[0], -out[1], 0.0], 0.012)
        )
    return union(*fields), marks


def _foot(leg: Field, bottom: Points) -> Points:
    return on_surface("foot", leg, bottom + vec(0, 0, 0.02), [0, 0, 1.0]).position


def corner_marks(seat: Field, half: tuple[float, float], x: float, z: float) -> list[Mark]:
    """Marks at the four upper corners of a seat centred at ``x`` and height ``z``."""
    marks = []
    for end, ex in (("front", 1.0), ("rear", -1.0)):
        for side, ey in SIDES:
            inner = [x + ex * (half[0] - 0.05), ey * (half[1] - 0.05), z]
            marks.append(
                on_surface(
                    f"furniture_seat_{end}_{side}_corner", seat, inner, [-ex, -ey, -0.5], 0.01
                )
            )
    return marks


def leg_corners(
    half: tuple[float, float], z: float, splay: tuple[float, float]
) -> dict[tuple[str, str], tuple[Points, Points]]:
    """Top and bottom points of four legs that lean outwards by ``splay`` (front, rear)."""
    corners = {}
    for end, ex, out in (("front", 1.0, splay[0]), ("rear", -1.0, splay[1])):
        for side, ey in SIDES:
            top = np.array([ex * half[0], ey * half[1], z])
            corners[(end, side)] = (
                top,
                np.array([ex * (half[0] + out), ey * (half[1] + out * 0.7), 0.0]),
            )
    return corners
