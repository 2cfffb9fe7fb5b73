"""Chairs: wooden, moulded and upholstered; left and right are those of who sits on them."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Distances,
    Field,
    Points,
    blend,
    box,
    common,
    curve,
    ellipsoid,
    mirrored,
    rotation,
    round_cone,
    tube,
    union,
    vec,
)
from lvlm_eval.synthetic.joinery import (
    CLOTHS,
    SIDES,
    WOODS,
    cloth,
    corner_marks,
    leg_corners,
    legs_of,
    wood,
)
from lvlm_eval.synthetic.materials import (
    layered,
    plain,
    step,
)
from lvlm_eval.synthetic.shapes import Model, Part, mesh_of, on_surface


def chair(rng: Generator) -> Model:
    """A chair: a wooden one with slats, a moulded shell, or an upholstered one."""
    return (_slat_chair, _shell_chair, _padded_chair)[int(rng.integers(3))](rng)


def _slat_chair(rng: Generator) -> Model:
    k = rng.uniform
    w, d, z, top = float(k(0.21, 0.24)), float(k(0.2, 0.22)), 0.45, float(k(0.86, 1.0))
    color, salt = str(rng.choice(WOODS)), int(rng.integers(100))
    timber = wood(color, salt)
    lean = float(k(0.06, 0.11))
    seat = box((0, 0, z), (d + 0.02, w + 0.015, 0.02), 0.018)
    legs, marks = legs_of(
        leg_corners((d - 0.025, w - 0.025), z, (0.012, 0.04)), (0.024, 0.017), square=True
    )
    aprons = union(
        box((0, 0, z - 0.045), (d - 0.02, w - 0.015, 0.03), 0.008),
        box((0, 0, z - 0.045), (0.001, 0.001, 0.001)),
    )
    rails = mirrored(
        round_cone((d - 0.02, w - 0.018, 0.17), (-d - 0.0, w - 0.012, 0.17), 0.011, 0.011)
    )
    post_top = np.array([-d - lean, w - 0.012, top])
    post = mirrored(
        tube(
            [(-d + 0.02, w - 0.02, z - 0.02), (-d + 0.005, w - 0.016, z + 0.12), post_top],
            (0.021, 0.021, 0.016),
            6,
        )
    )
    slats: list[Field] = []
    upright = rng.random() < 0.5

    def rail(height: float, tall: float) -> Field:
        t = (height - z) / (top - z)
        x = -d + 0.01 - (lean + 0.01) * t**1.3

        def distance(p: Points) -> Distances:
            bow = 0.03 * (1 - (p[:, 1] / w) ** 2)
            q = p + np.column_stack(
                [bow - (p[:, 2] - height) * -lean * 2.2, np.zeros(len(p)), np.zeros(len(p))]
            )
            return box((x, 0, height), (0.011, w - 0.01, tall), 0.009)(q) * 0.9

        return distance

    slats.append(rail(top - 0.05, 0.042))
    if upright:
        slats.append(rail(z + 0.12, 0.02))
        for y in np.linspace(-0.6, 0.6, 5) * w:
            bend = 0.03 * (1 - (y / w) ** 2)
            slats.append(
                round_cone(
                    (-d - 0.0 - bend, y, z + 0.12),
                    (-d - lean - bend + 0.005, y, top - 0.06),
                    0.009,
                    0.009,
                )
            )
    else:
        slats += [rail(float(height), 0.03) for height in (z + 0.16, top - 0.17)]
    marks += corner_marks(seat, (d + 0.02, w + 0.015), 0.0, z)
    back = union(post, *slats)
    for side, ey in SIDES:
        marks.append(
            on_surface(
                f"furniture_backrest_{side}_top",
                back,
                post_top * [1, ey, 1] - vec(0, 0, 0.02),
                [0.0, -0.4 * ey, -1.0],
                0.012,
            )
        )
    low, high = (-0.6, -0.5, -0.05), (0.6, 0.5, 1.2)
    parts = [Part(mesh_of(union(seat, legs, aprons, rails, back), low, high, 250), timber)]
    if rng.random() < 0.6:
        pad = ellipsoid((0.0, 0, z + 0.028), (d * 1.32, w * 1.32, 0.03))
        pad = common(0.02, pad, box((0, 0, z + 0.03), (d - 0.005, w - 0.015, 0.05), 0.03))
        parts.append(Part(mesh_of(pad, low, high, 120), cloth(str(rng.choice(CLOTHS)), salt)))
    return Model(tuple(parts), tuple(marks))


def _shell_chair(rng: Generator) -> Model:
    k = rng.uniform
    w, d, z, top = float(k(0.22, 0.25)), 0.22, 0.44, float(k(0.8, 0.88))
    line = curve(
        [
            (d + 0.02, z - 0.025),
            (d - 0.03, z + 0.012),
            (0.0, z - 0.008),
            (-d + 0.06, z + 0.012),
            (-d - 0.0, z + 0.13),
            (-d - 0.055, top - 0.12),
            (-d - 0.095, top),
        ],
        6,
    )

    def shell(p: Points) -> Distances:
        dish = 0.05 * (np.clip(np.abs(p[:, 1]) / w, 0, 1.3) ** 2.2)
        flat = np.column_stack(
            [p[:, 0] - dish * np.clip((p[:, 2] - z) / 0.15, 0, 1), p[:, 2] - dish * 0.7]
        )
        best = np.full(len(p), np.inf)
        for i in range(len(line) - 1):
            a, e = line[i], line[i + 1] - line[i]
            rel = flat - a
            t = np.clip(rel @ e / float(e @ e), 0, 1)
            best = np.minimum(best, np.linalg.norm(rel - t[:, None] * e, axis=1))
        rise = np.clip((p[:, 2] - z - 0.1) / (top - z - 0.1), 0, 1)
        edge = np.abs(p[:, 1]) - (
            w * (1 - 0.12 * rise**2)
            - 0.035 * np.clip((p[:, 0] - d + 0.06) / 0.08, 0, 1) ** 2
            - 0.03 * np.clip((p[:, 2] - top + 0.08) / 0.1, 0, 1) ** 2
        )
        a, b = best - 0.011, edge
        soft = np.maximum(0.016 - np.abs(a - b), 0) / 0.016
        result: Distances = (np.maximum(a, b) + soft**2 * 0.016 * 0.25) * 0.82
        return result

    half = (d - 0.1, w - 0.1)
    legs, marks = legs_of(leg_corners(half, z - 0.022, (0.12, 0.12)), (0.02, 0.0125), square=False)
    cross = union(
        round_cone(
            (half[0] + 0.03, half[1] + 0.015, z - 0.11),
            (half[0] + 0.03, -half[1] - 0.015, z - 0.11),
            0.008,
            0.008,
        ),
        round_cone(
            (-half[0] - 0.03, half[1] + 0.015, z - 0.11),
            (-half[0] - 0.03, -half[1] - 0.015, z - 0.11),
            0.008,
            0.008,
        ),
        mirrored(
            round_cone(
                (half[0] + 0.03, half[1] + 0.02, z - 0.13),
                (-half[0] - 0.03, half[1] + 0.02, z - 0.13),
                0.008,
                0.008,
            )
        ),
    )
    for side, ey in SIDES:
        for end, x in (("front", d - 0.005), ("rear", -d + 0.06)):
            target = [x - (0.03 if end == "front" else 0.0), ey * (w - 0.04), z + 0.005]
            marks.append(
                on_surface(
                    f"furniture_seat_{end}_{side}_corner",
                    shell,
                    target,
                    [-0.4 if end == "front" else 0.0, -ey * 0.5, -1.0],
                    0.012,
                )
            )
        marks.append(
            on_surface(
                f"furniture_backrest_{side}_top",
                shell,
                [0.0, ey * w * 0.7, top - 0.03],
                [-1.0, 0.0, 0.0],
                0.02,
            )
        )
    low, high = (-0.6, -0.5, -0.05), (0.6, 0.5, 1.2)
    color = str(
        rng.choice(
            ["#f1efe9", "#d8483a", "#2f7f86", "#e4a72c", "#2b2d31", "#8fb3a3", "#e58f70", "#3f5f95"]
        )
    )
    timber = wood(str(rng.choice(WOODS)), int(rng.integers(100)))
    metal = plain("#2a2c2f", 0.4, metallic=0.4)
    dark_legs = rng.random() < 0.3
    parts = (
        Part(mesh_of(shell, low, high, 190), plain(color, 0.32, specular=0.05)),
        Part(mesh_of(legs, low, high, 210), metal if dark_legs else timber),
        Part(mesh_of(cross, low, high, 200), metal),
    )
    return Model(parts, tuple(marks))


def _padded_chair(rng: Generator) -> Model:
    k = rng.uniform
    w, d, z, top = float(k(0.235, 0.27)), float(k(0.215, 0.24)), 0.46, float(k(0.84, 1.02))
    legs, marks = legs_of(
        leg_corners((d - 0.04, w - 0.04), z - 0.06, (0.03, 0.07)), (0.026, 0.013), square=False
    )
    cushion = box((0.01, 0, z - 0.025), (d + 0.01, w, 0.055), 0.045)
    puff = ellipsoid((0.01, 0, z + 0.01), (d * 1.05, w * 1.05, 0.045))
    seat = blend(0.04, cushion, puff)
    tilt = rotation([0, 1, 0], -float(k(7, 12)))
    half_tall = (top - z) / 2
    middle = np.array([-d - 0.045, 0, (top + z) / 2 + 0.01])

    def back(p: Points) -> Distances:
        q = (p - middle) @ tilt
        bow = 0.05 * (q[:, 1] / w) ** 2
        local = q - np.column_stack([bow, np.zeros(len(q)), np.zeros(len(q))])
        return box((0, 0, 0), (0.042, w - 0.005, half_tall), 0.038)(local) * 0.92

    arms = rng.random() < 0.5
    marks += corner_marks(seat, (d + 0.01, w), 0.01, z - 0.01)
    for side, ey in SIDES:
        inner = middle + tilt @ np.array([0.03, ey * (w - 0.06), half_tall - 0.06])
        marks.append(
            on_surface(f"furniture_backrest_{side}_top", back, inner, [0.0, -0.4 * ey, -1.0], 0.015)
        )
    low, high = (-0.7, -0.6, -0.05), (0.6, 0.6, 1.3)
    salt = int(rng.integers(100))
    color = str(rng.choice(CLOTHS))
    fabric = cloth(color, salt)
    timber = wood(str(rng.choice(WOODS)), salt)

    def seams(p: Points, n: Points) -> NDArray[np.float64]:
        lines = np.minimum.reduce([np.abs(p[:, 1] - y * w) for y in (-0.6, -0.2, 0.2, 0.6)])
        return step(lines - 0.003, 0.004) * (p[:, 2] > z + 0.1) * 0.35

    striped = layered(fabric, (seams, plain("#161412", 0.9))) if rng.random() < 0.4 else fabric
    parts = [
        Part(mesh_of(seat, low, high, 130), fabric),
        Part(mesh_of(back, low, high, 170), striped),
        Part(mesh_of(legs, low, high, 200), timber),
    ]
    if arms:
        rest = tube(
            [
                (-d - 0.05, w + 0.02, z + 0.25),
                (-d * 0.3, w + 0.045, z + 0.235),
                (d * 0.55, w + 0.035, z + 0.21),
            ],
            (0.018, 0.024, 0.022),
            6,
        )
        stem = tube(
            [
                (d * 0.55, w + 0.034, z + 0.2),
                (d * 0.5, w + 0.02, z + 0.08),
                (d * 0.42, w - 0.02, z - 0.03),
            ],
            (0.02, 0.017, 0.016),
            6,
        )
        arm = mirrored(blend(0.02, rest, stem))
        parts.append(Part(mesh_of(arm, low, high, 170), timber))
        for side, ey in SIDES:
            marks.append(
                on_surface(
                    f"furniture_armrest_front_{side}_top",
                    arm,
                    [d * 0.55, ey * (w + 0.035), z + 0.21],
                    [-1.0, 0, -0.6],
                    0.012,
                )
            )
    return Model(tuple(parts), tuple(marks))
