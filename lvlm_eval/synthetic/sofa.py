"""Sofas: left and right are those of who sits on them."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Distances,
    Field,
    Points,
    Vec,
    blend,
    box,
    cylinder,
    mirrored,
    rotation,
    union,
)
from lvlm_eval.synthetic.joinery import (
    CLOTHS,
    SIDES,
    WOODS,
    cloth,
    leg_corners,
    legs_of,
    wood,
)
from lvlm_eval.synthetic.materials import (
    Material,
    layered,
    step,
)
from lvlm_eval.synthetic.shapes import Model, Part, mesh_of, on_surface


def _cushion(center: Vec, half: Vec, puff: float, tilt: NDArray[np.float64] | None = None) -> Field:
    """A box with soft edges that swells in the middle of its faces by ``puff``."""
    c, h = np.asarray(center, float), np.asarray(half, float)

    def distance(p: Points) -> Distances:
        q = p - c
        if tilt is not None:
            q = q @ tilt
        u = np.clip(np.abs(q) / h, 0, 1)
        swell = puff * np.prod(np.cos(u * np.pi / 2), axis=1, where=h > h.min() * 1.001)
        result: Distances = (box((0, 0, 0), h, float(h.min()) * 0.6)(q) - swell) * 0.85
        return result

    return distance


def sofa(rng: Generator) -> Model:
    """A sofa with two or three seats, block or rounded arms, throw pillows."""
    k = rng.uniform
    seats = int(rng.integers(2, 4))
    half_w = (0.72, 1.0)[seats - 2] * float(k(0.95, 1.08))
    d, z = 0.42, 0.43
    top = float(k(0.78, 0.9))
    arm_w, arm_z = float(k(0.07, 0.12)), float(k(0.56, 0.64))
    lift = float(k(0.12, 0.17))
    rolled = rng.random() < 0.4
    salt = int(rng.integers(100))
    color = str(rng.choice(CLOTHS))
    fabric = cloth(color, salt)
    timber = wood(str(rng.choice(WOODS)), salt)
    inner = half_w - 2 * arm_w
    base = box((0, 0, (lift + 0.3) / 2), (d, half_w - arm_w * 0.6, (0.3 - lift) / 2), 0.025)
    if rolled:
        roll = cylinder(
            (0, half_w - arm_w * 0.9, arm_z - arm_w), (1, 0, 0), arm_w * 1.2, d + 0.015, 0.03
        )
        arm = blend(
            0.04,
            box(
                (0, half_w - arm_w, (arm_z + lift) / 2 - 0.04),
                (d + 0.005, arm_w * 0.8, (arm_z - lift) / 2 - 0.04),
                0.03,
            ),
            roll,
        )
    else:
        arm = box(
            (0, half_w - arm_w, (arm_z + lift) / 2),
            (d + 0.01, arm_w, (arm_z - lift) / 2),
            float(k(0.03, 0.06)),
        )
    arms = mirrored(arm)
    lean = rotation([0, 1, 0], -8.0)
    back_mid = np.array([-d + 0.02, 0, (top + lift) / 2])
    back = box(back_mid, (0.085, half_w - 0.02, (top - lift) / 2), 0.06, lean.T)
    pieces: list[Field] = []
    backs: list[Field] = []
    for i in range(seats):
        y = (i - (seats - 1) / 2) * 2 * inner / seats
        pieces.append(
            _cushion((0.055, y, z - 0.055), (d - 0.065, inner / seats - 0.004, 0.085), 0.03)
        )
        backs.append(
            _cushion(
                (-d + 0.175, y, z + 0.19),
                (0.075, inner / seats - 0.006, (top - z) / 2 + 0.02),
                0.045,
                lean,
            )
        )
    legs, marks = legs_of(
        {
            key: (top_, bottom)
            for key, (top_, bottom) in leg_corners(
                (d - 0.07, half_w - 0.1), lift + 0.02, (0.015, 0.015)
            ).items()
        },
        (0.032, 0.02),
        square=True,
    )
    cushions, rests = union(*pieces), union(*backs)
    for side, ey in SIDES:
        marks.append(
            on_surface(
                f"furniture_seat_front_{side}_corner",
                cushions,
                [d - 0.06, ey * (inner - 0.04), z - 0.05],
                [-1.0, 0.0, -0.6],
                0.01,
            )
        )
        marks.append(
            on_surface(
                f"furniture_seat_rear_{side}_corner",
                cushions,
                [-d + 0.3, ey * (inner - 0.06), z - 0.05],
                [0.0, 0.0, -1.0],
                0.01,
            )
        )
        marks.append(
            on_surface(
                f"furniture_armrest_front_{side}_top",
                arms,
                [d - 0.04, ey * (half_w - arm_w), arm_z - 0.04],
                [-1.0, 0, -1.0],
                0.008,
            )
        )
        marks.append(
            on_surface(
                f"furniture_armrest_rear_{side}_top",
                arms,
                [-d + 0.16, ey * (half_w - arm_w * 0.7), arm_z - 0.05],
                [0.0, -ey * 0.5, -1.0],
                0.008,
            )
        )
        edge = back_mid + lean @ np.array([0.0, ey * (half_w - 0.08), (top - lift) / 2 - 0.06])
        marks.append(
            on_surface(f"furniture_backrest_{side}_top", back, edge, [0.0, -0.4 * ey, -1.0], 0.012)
        )
    low, high = (-0.8, -1.4, -0.05), (0.8, 1.4, 1.2)
    parts = [
        Part(mesh_of(union(base, arms, back), low, high, 170), fabric),
        Part(mesh_of(cushions, low, high, 150), cloth(color, salt + 1)),
        Part(mesh_of(rests, low, high, 150), cloth(color, salt + 2)),
        Part(mesh_of(legs, low, high, 200), timber),
    ]
    for sign in (1.0, -1.0):
        if rng.random() < 0.6:
            spin = (
                rotation([1, 0, 0], float(k(-14, 14)))
                @ rotation([0, 0, 1], -sign * float(k(8, 24)))
                @ rotation([0, 1, 0], -16.0)
            )
            pillow = _cushion(
                (-d + 0.34, sign * (inner - 0.2), z + 0.205), (0.035, 0.175, 0.175), 0.06, spin
            )
            tone = str(rng.choice([c for c in CLOTHS if c != color]))
            parts.append(Part(mesh_of(pillow, low, high, 64), _pillow_cloth(rng, tone, salt)))
    return Model(tuple(parts), tuple(marks))


def _pillow_cloth(rng: Generator, color: str, salt: int) -> Material:
    base = cloth(color, salt + 5)
    if rng.random() < 0.5:
        return base

    def stripes(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs((p[:, 2] * 14) % 1.0 - 0.5) - 0.16, 0.06)

    return layered(base, (stripes, cloth("#f1ebdf", salt)))
