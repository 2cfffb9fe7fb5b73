"""Furniture: chairs and sofas; left and right are those of somebody who sits on them."""

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
    common,
    curve,
    cylinder,
    ellipsoid,
    mirrored,
    rotation,
    round_cone,
    tube,
    union,
)
from lvlm_eval.synthetic.materials import Material, layered, layered_noise, noise, plain, step, tinted
from lvlm_eval.synthetic.shapes import Mark, Model, Part, mesh_of, on_surface

_SIDES = (("left", 1.0), ("right", -1.0))
_WOODS = ("#b07a45", "#7a4a28", "#d2a774", "#4b3021", "#c48f5a", "#e0c9a6")
_CLOTHS = ("#b84a3c", "#2f6b7c", "#d9a441", "#6b7f5c", "#e6dccb", "#4a5d83", "#c98596", "#7d6a5a", "#35434d", "#d0764a")


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


def _legs(
    corners: dict[tuple[str, str], tuple[Points, Points]], radii: tuple[float, float], square: bool
) -> tuple[Field, list[Mark]]:
    """Four legs from (top, bottom) points by end and side, and marks at both ends of each."""
    fields: list[Field] = []
    marks = []
    for (end, side), (top, bottom) in corners.items():
        foot = bottom + [0, 0, 0 if square else radii[1]]
        leg = round_cone(top, foot, radii[0], radii[1])
        flat = box((0, 0, 5.0), (9, 9, 5.0))
        leg = common(0.006, leg, flat)
        fields.append(leg)
        marks.append(Mark(f"furniture_leg_{end}_{side}_bottom", _foot(leg, bottom), 0.03))
        out = [1.0 if end == "front" else -1.0, 1.0 if side == "left" else -1.0, 0.0]
        high = top + (bottom - top) * 0.12
        marks.append(on_surface(f"furniture_leg_{end}_{side}_top", leg, high, [-out[0], -out[1], 0.0], 0.012))
    return union(*fields), marks


def _foot(leg: Field, bottom: Points) -> Points:
    return on_surface("foot", leg, bottom + [0, 0, 0.02], [0, 0, 1.0]).position


def chair(rng: Generator) -> Model:
    """A chair: a wooden one with slats, a moulded shell, or an upholstered one."""
    return (_slat_chair, _shell_chair, _padded_chair)[int(rng.integers(3))](rng)


def _corner_marks(seat: Field, half: tuple[float, float], x: float, z: float) -> list[Mark]:
    marks = []
    for end, ex in (("front", 1.0), ("rear", -1.0)):
        for side, ey in _SIDES:
            inner = [x + ex * (half[0] - 0.05), ey * (half[1] - 0.05), z]
            marks.append(on_surface(f"furniture_seat_{end}_{side}_corner", seat, inner, [-ex, -ey, -0.5], 0.01))
    return marks


def _leg_corners(
    half: tuple[float, float], z: float, splay: tuple[float, float]
) -> dict[tuple[str, str], tuple[Points, Points]]:
    corners = {}
    for end, ex, out in (("front", 1.0, splay[0]), ("rear", -1.0, splay[1])):
        for side, ey in _SIDES:
            top = np.array([ex * half[0], ey * half[1], z])
            corners[(end, side)] = (top, np.array([ex * (half[0] + out), ey * (half[1] + out * 0.7), 0.0]))
    return corners


def _slat_chair(rng: Generator) -> Model:
    k = rng.uniform
    w, d, z, top = float(k(0.21, 0.24)), float(k(0.2, 0.22)), 0.45, float(k(0.86, 1.0))
    color, salt = str(rng.choice(_WOODS)), int(rng.integers(100))
    timber = wood(color, salt)
    lean = float(k(0.06, 0.11))
    seat = box((0, 0, z), (d + 0.02, w + 0.015, 0.02), 0.018)
    legs, marks = _legs(_leg_corners((d - 0.025, w - 0.025), z, (0.012, 0.04)), (0.024, 0.017), square=True)
    aprons = union(
        box((0, 0, z - 0.045), (d - 0.02, w - 0.015, 0.03), 0.008), box((0, 0, z - 0.045), (0.001, 0.001, 0.001)))
    rails = mirrored(round_cone((d - 0.02, w - 0.018, 0.17), (-d - 0.0, w - 0.012, 0.17), 0.011, 0.011))
    post_top = np.array([-d - lean, w - 0.012, top])
    post = mirrored(tube([(-d + 0.02, w - 0.02, z - 0.02), (-d + 0.005, w - 0.016, z + 0.12), post_top], (0.021, 0.021, 0.016), 6))
    slats: list[Field] = []
    upright = rng.random() < 0.5

    def rail(height: float, tall: float) -> Field:
        t = (height - z) / (top - z)
        x = -d + 0.01 - (lean + 0.01) * t**1.3

        def distance(p: Points) -> Distances:
            bow = 0.03 * (1 - (p[:, 1] / w) ** 2)
            q = p + np.column_stack([bow - (p[:, 2] - height) * -lean * 2.2, np.zeros(len(p)), np.zeros(len(p))])
            return box((x, 0, height), (0.011, w - 0.01, tall), 0.009)(q) * 0.9

        return distance

    slats.append(rail(top - 0.05, 0.042))
    if upright:
        slats.append(rail(z + 0.12, 0.02))
        for y in np.linspace(-0.6, 0.6, 5) * w:
            bend = 0.03 * (1 - (y / w) ** 2)
            slats.append(round_cone((-d - 0.0 - bend, y, z + 0.12), (-d - lean - bend + 0.005, y, top - 0.06), 0.009, 0.009))
    else:
        for height in np.linspace(z + 0.16, top - 0.17, 2):
            slats.append(rail(float(height), 0.03))
    marks += _corner_marks(seat, (d + 0.02, w + 0.015), 0.0, z)
    back = union(post, *slats)
    for side, ey in _SIDES:
        marks.append(on_surface(f"furniture_backrest_{side}_top", back, post_top * [1, ey, 1] - [0, 0, 0.02], [0.0, -0.4 * ey, -1.0], 0.012))
    low, high = (-0.6, -0.5, -0.05), (0.6, 0.5, 1.2)
    parts = [Part(mesh_of(union(seat, legs, aprons, rails, back), low, high, 250), timber)]
    if rng.random() < 0.6:
        pad = ellipsoid((0.0, 0, z + 0.028), (d * 1.32, w * 1.32, 0.03))
        pad = common(0.02, pad, box((0, 0, z + 0.03), (d - 0.005, w - 0.015, 0.05), 0.03))
        parts.append(Part(mesh_of(pad, low, high, 120), cloth(str(rng.choice(_CLOTHS)), salt)))
    return Model(tuple(parts), tuple(marks))


def _shell_chair(rng: Generator) -> Model:
    k = rng.uniform
    w, d, z, top = float(k(0.22, 0.25)), 0.22, 0.44, float(k(0.8, 0.88))
    line = curve([(d + 0.02, z - 0.025), (d - 0.03, z + 0.012), (0.0, z - 0.008), (-d + 0.06, z + 0.012),
                  (-d - 0.0, z + 0.13), (-d - 0.055, top - 0.12), (-d - 0.095, top)], 6)

    def shell(p: Points) -> Distances:
        dish = 0.05 * (np.clip(np.abs(p[:, 1]) / w, 0, 1.3) ** 2.2)
        flat = np.column_stack([p[:, 0] - dish * np.clip((p[:, 2] - z) / 0.15, 0, 1), p[:, 2] - dish * 0.7])
        best = np.full(len(p), np.inf)
        for i in range(len(line) - 1):
            a, e = line[i], line[i + 1] - line[i]
            rel = flat - a
            t = np.clip(rel @ e / float(e @ e), 0, 1)
            best = np.minimum(best, np.linalg.norm(rel - t[:, None] * e, axis=1))
        rise = np.clip((p[:, 2] - z - 0.1) / (top - z - 0.1), 0, 1)
        edge = np.abs(p[:, 1]) - (w * (1 - 0.12 * rise**2) - 0.035 * np.clip((p[:, 0] - d + 0.06) / 0.08, 0, 1) ** 2 - 0.03 * np.clip(
            (p[:, 2] - top + 0.08) / 0.1, 0, 1) ** 2)
        a, b = best - 0.011, edge
        soft = np.maximum(0.016 - np.abs(a - b), 0) / 0.016
        result: Distances = (np.maximum(a, b) + soft**2 * 0.016 * 0.25) * 0.82
        return result

    half = (d - 0.1, w - 0.1)
    legs, marks = _legs(_leg_corners(half, z - 0.022, (0.12, 0.12)), (0.02, 0.0125), square=False)
    cross = union(
        round_cone((half[0] + 0.03, half[1] + 0.015, z - 0.11), (half[0] + 0.03, -half[1] - 0.015, z - 0.11), 0.008, 0.008),
        round_cone((-half[0] - 0.03, half[1] + 0.015, z - 0.11), (-half[0] - 0.03, -half[1] - 0.015, z - 0.11), 0.008, 0.008),
        mirrored(round_cone((half[0] + 0.03, half[1] + 0.02, z - 0.13), (-half[0] - 0.03, half[1] + 0.02, z - 0.13), 0.008, 0.008)),
    )
    for side, ey in _SIDES:
        for end, x in (("front", d - 0.005), ("rear", -d + 0.06)):
            target = [x - (0.03 if end == "front" else 0.0), ey * (w - 0.04), z + 0.005]
            marks.append(on_surface(f"furniture_seat_{end}_{side}_corner", shell, target, [-0.4 if end == "front" else 0.0, -ey * 0.5, -1.0], 0.012))
        marks.append(on_surface(f"furniture_backrest_{side}_top", shell, [0.0, ey * w * 0.7, top - 0.03],
                                [-1.0, 0.0, 0.0], 0.02))
    low, high = (-0.6, -0.5, -0.05), (0.6, 0.5, 1.2)
    color = str(rng.choice(["#f1efe9", "#d8483a", "#2f7f86", "#e4a72c", "#2b2d31", "#8fb3a3", "#e58f70", "#3f5f95"]))
    timber = wood(str(rng.choice(_WOODS)), int(rng.integers(100)))
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
    legs, marks = _legs(_leg_corners((d - 0.04, w - 0.04), z - 0.06, (0.03, 0.07)), (0.026, 0.013), square=False)
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
    marks += _corner_marks(seat, (d + 0.01, w), 0.01, z - 0.01)
    for side, ey in _SIDES:
        inner = middle + tilt @ np.array([0.03, ey * (w - 0.06), half_tall - 0.06])
        marks.append(on_surface(f"furniture_backrest_{side}_top", back, inner, [0.0, -ey, -1.0], 0.012))
    low, high = (-0.7, -0.6, -0.05), (0.6, 0.6, 1.3)
    salt = int(rng.integers(100))
    color = str(rng.choice(_CLOTHS))
    fabric = cloth(color, salt)
    timber = wood(str(rng.choice(_WOODS)), salt)

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
        rest = tube([(-d - 0.05, w + 0.02, z + 0.25), (-d * 0.3, w + 0.045, z + 0.235), (d * 0.55, w + 0.035, z + 0.21)], (0.018, 0.024, 0.022), 6)
        stem = tube([(d * 0.55, w + 0.034, z + 0.2), (d * 0.5, w + 0.02, z + 0.08), (d * 0.42, w - 0.02, z - 0.03)], (0.02, 0.017, 0.016), 6)
        arm = mirrored(blend(0.02, rest, stem))
        parts.append(Part(mesh_of(arm, low, high, 170), timber))
        for side, ey in _SIDES:
            marks.append(on_surface(f"furniture_armrest_front_{side}_top", arm, [d * 0.55, ey * (w + 0.035), z + 0.21], [-1.0, 0, -0.6], 0.012))
    return Model(tuple(parts), tuple(marks))


def _cushion(center: Vec, half: Vec, puff: float, tilt: NDArray[np.float64] | None = None) -> Field:
    """A box with soft edges that swells in the middle of its faces by ``puff``."""
    c, h = np.asarray(center, float), np.asarray(half, float)

    def distance(p: Points) -> Distances:
        q = p - c
        if tilt is not None:
            q = q @ tilt
        u = np.clip(np.abs(q) / h, 0, 1)
        swell = puff * np.prod(np.cos(u * np.pi / 2), axis=1, where=h > h.min() * 1.001)
        return (box((0, 0, 0), h, float(h.min()) * 0.6)(q) - swell) * 0.85

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
    color = str(rng.choice(_CLOTHS))
    fabric = cloth(color, salt)
    timber = wood(str(rng.choice(_WOODS)), salt)
    inner = half_w - 2 * arm_w
    base = box((0, 0, (lift + 0.3) / 2), (d, half_w - arm_w * 0.6, (0.3 - lift) / 2), 0.025)
    if rolled:
        roll = cylinder((0, half_w - arm_w * 0.9, arm_z - arm_w), (1, 0, 0), arm_w * 1.2, d + 0.015, 0.03)
        arm = blend(0.04, box((0, half_w - arm_w, (arm_z + lift) / 2 - 0.04), (d + 0.005, arm_w * 0.8, (arm_z - lift) / 2 - 0.04), 0.03), roll)
    else:
        arm = box((0, half_w - arm_w, (arm_z + lift) / 2), (d + 0.01, arm_w, (arm_z - lift) / 2), float(k(0.03, 0.06)))
    arms = mirrored(arm)
    lean = rotation([0, 1, 0], -8.0)
    back_mid = np.array([-d + 0.02, 0, (top + lift) / 2])
    back = box(back_mid, (0.085, half_w - 0.02, (top - lift) / 2), 0.06, lean.T)
    pieces: list[Field] = []
    backs: list[Field] = []
    for i in range(seats):
        y = (i - (seats - 1) / 2) * 2 * inner / seats
        pieces.append(_cushion((0.055, y, z - 0.055), (d - 0.065, inner / seats - 0.004, 0.085), 0.03))
        backs.append(_cushion((-d + 0.175, y, z + 0.19), (0.075, inner / seats - 0.006, (top - z) / 2 + 0.02), 0.045, lean))
    legs, marks = _legs(
        {key: (top_, bottom) for key, (top_, bottom) in _leg_corners((d - 0.07, half_w - 0.1), lift + 0.02, (0.015, 0.015)).items()},
        (0.032, 0.02), square=True)
    cushions, rests = union(*pieces), union(*backs)
    for side, ey in _SIDES:
        marks.append(on_surface(f"furniture_seat_front_{side}_corner", cushions, [d - 0.06, ey * (inner - 0.04), z - 0.05], [-1.0, 0.0, -0.6], 0.01))
        marks.append(on_surface(f"furniture_seat_rear_{side}_corner", cushions, [-d + 0.3, ey * (inner - 0.06), z - 0.05], [0.0, 0.0, -1.0], 0.01))
        marks.append(on_surface(f"furniture_armrest_front_{side}_top", arms, [d - 0.04, ey * (half_w - arm_w), arm_z - 0.04], [-1.0, 0, -1.0], 0.008))
        marks.append(on_surface(f"furniture_armrest_rear_{side}_top", arms, [-d + 0.16, ey * (half_w - arm_w * 0.7), arm_z - 0.05], [0.0, -ey * 0.5, -1.0], 0.008))
        edge = back_mid + lean @ np.array([0.0, ey * (half_w - 0.08), (top - lift) / 2 - 0.06])
        marks.append(on_surface(f"furniture_backrest_{side}_top", back, edge, [0.0, -ey, -1.0], 0.008))
    low, high = (-0.8, -1.4, -0.05), (0.8, 1.4, 1.2)
    parts = [
        Part(mesh_of(union(base, arms, back), low, high, 170), fabric),
        Part(mesh_of(cushions, low, high, 150), cloth(color, salt + 1)),
        Part(mesh_of(rests, low, high, 150), cloth(color, salt + 2)),
        Part(mesh_of(legs, low, high, 200), timber),
    ]
    for sign in (1.0, -1.0):
        if rng.random() < 0.6:
            spin = rotation([1, 0, 0], float(k(-14, 14))) @ rotation([0, 0, 1], -sign * float(k(8, 24))) @ rotation([0, 1, 0], -16.0)
            pillow = _cushion((-d + 0.34, sign * (inner - 0.2), z + 0.205), (0.035, 0.175, 0.175), 0.06, spin)
            tone = str(rng.choice([c for c in _CLOTHS if c != color]))
            parts.append(Part(mesh_of(pillow, low, high, 64), _pillow_cloth(rng, tone, salt)))
    return Model(tuple(parts), tuple(marks))


def _pillow_cloth(rng: Generator, color: str, salt: int) -> Material:
    base = cloth(color, salt + 5)
    if rng.random() < 0.5:
        return base

    def stripes(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs((p[:, 2] * 14) % 1.0 - 0.5) - 0.16, 0.06)

    return layered(base, (stripes, cloth("#f1ebdf", salt)))
