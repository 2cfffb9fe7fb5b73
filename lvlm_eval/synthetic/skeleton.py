"""What the animals share: legs of blended bones, eyes, and a head that turns."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Field,
    Points,
    Vec,
    blend,
    ellipsoid,
    rotation,
    round_cone,
    sphere,
    vec,
)
from lvlm_eval.synthetic.materials import (
    plain,
)
from lvlm_eval.synthetic.shapes import Mark, Part, mesh_of, on_surface

SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True)
class Leg:
    """A left leg: joints from the top (K, 3), their radii, and the foot's half axes.

    ``bend`` is the index of the joint that is marked as the knee; the toe points forward.
    """

    joints: tuple[Vec, ...]
    radii: tuple[float, ...]
    foot: Vec
    bend: int


def _leg(leg: Leg, side: float, swing: float) -> tuple[Field, Points, list[Points]]:
    """A leg on one side, turned forward about its top by ``swing`` degrees.

    The results are its field, the centre of the foot and the joints.
    """
    joints = [np.array(j, float) * [1.0, side, 1.0] for j in leg.joints]
    turn = rotation([0.0, 1.0, 0.0], -swing)
    top = joints[0]
    joints = [top + turn @ (j - top) for j in joints]
    # The leg is lowered or raised a little so that the turned foot stands on the ground again.
    lift = np.array([0.0, 0.0, leg.joints[-1][2] - joints[-1][2]])
    joints = [j + lift * i / (len(joints) - 1) for i, j in enumerate(joints)]
    bones = [
        round_cone(joints[i], joints[i + 1], leg.radii[i], leg.radii[i + 1])
        for i in range(len(joints) - 1)
    ]
    foot = joints[-1] * [1.0, 1.0, 0.0] + vec(leg.foot[0] * 0.45, 0.0, leg.foot[2])
    return blend(leg.radii[1] * 0.5, *bones, ellipsoid(foot, leg.foot)), foot, joints


def limbs(
    front: Leg, rear: Leg, swings: tuple[float, float, float, float], toe: float
) -> tuple[list[Field], list[Mark]]:
    """The four legs and the marks of their paws and knees (carpus and hock seen from the side)."""
    fields: list[Field] = []
    marks = []
    order = [("front", front, "left", 1.0), ("front", front, "right", -1.0)]
    order += [("rear", rear, "left", 1.0), ("rear", rear, "right", -1.0)]
    for (end, leg, side, sign), swing in zip(order, swings, strict=True):
        field, foot, joints = _leg(leg, sign, swing)
        fields.append(field)
        knee = joints[leg.bend]
        marks.append(
            on_surface(f"quadruped_paw_{end}_{side}", field, foot, [-1.0, 0.0, -0.35], toe)
        )
        outward = [0.5 if end == "front" else -0.5, sign, 0.0]
        marks.append(
            on_surface(f"quadruped_knee_{end}_{side}", field, knee, [-v for v in outward], 0.012)
        )
    return fields, marks


def turner(pivot: Vec, matrix: NDArray[np.float64]) -> Callable[[Vec], Points]:
    """A function that turns points about ``pivot`` by ``matrix`` (3, 3)."""
    center = np.asarray(pivot, float)

    def turn(point: Vec) -> Points:
        result: Points = center + matrix @ (np.asarray(point, float) - center)
        return result

    return turn


def head_axes(turn: Callable[[Vec], Points], pivot: Points) -> Points:
    """Rows are the turned head's own x, y and z."""
    return np.stack([turn(pivot + e) - turn(pivot) for e in np.eye(3)])


def eyes_of(
    head: Field, places: list[tuple[str, Points, Points]], size: float
) -> tuple[list[Part], list[Mark]]:
    """Glossy eyes set into ``head`` where the ray to each place meets it: (side, place, way in)."""
    dark = plain("#150d08", roughness=0.08, specular=0.06)
    glint = plain("#ffffff", roughness=0.3, glow=0.9)
    parts, marks = [], []
    for side, place, into in places:
        inward = into / np.linalg.norm(into)
        seat = on_surface("seat", head, place, inward).position
        ball = sphere(seat + inward * size * 0.35, size)
        parts.append(Part(mesh_of(ball, seat - 2 * size, seat + 2 * size, 28), dark))
        up = seat - inward * size * 0.52 + np.array([0.0, 0.0, size * 0.42])
        parts.append(
            Part(mesh_of(sphere(up, size * 0.2), up - size * 0.4, up + size * 0.4, 10), glint)
        )
        marks.append(on_surface(f"quadruped_eye_{side}", ball, place, inward, 0.008))
    return parts, marks
