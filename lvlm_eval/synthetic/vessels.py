"""Hand-held vessels: teapots with a handle behind, kettles with one above.

The spout is their front.
"""

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Field,
    Points,
    blend,
    carve,
    curve,
    cylinder,
    ellipsoid,
    first_hit,
    revolve,
    round_cone,
    tube,
    union,
    vec,
)
from lvlm_eval.synthetic.materials import Material, layered, layered_noise, plain, step, tinted
from lvlm_eval.synthetic.shapes import Mark, Model, Part, mesh_of, on_surface

_AROUND = (
    ("front", (1.0, 0.0)),
    ("rear", (-1.0, 0.0)),
    ("left", (0.0, 1.0)),
    ("right", (0.0, -1.0)),
)


def _ring_marks(
    part: str, place: str, field: Field, radius: float, z: float, slope: float
) -> list[Mark]:
    """Marks at four sides of a round rim; the ray comes in at ``slope`` from above."""
    marks = []
    for side, (x, y) in _AROUND:
        target = [x * radius * 0.9, y * radius * 0.9, z]
        marks.append(
            on_surface(f"vessel_{part}_{side}_{place}", field, target, [-x, -y, -slope], 0.008)
        )
    return marks


def _closed(outline: list[tuple[float, float]], steps: int = 16) -> Points:
    line = curve(outline, steps)
    return np.vstack([line, [[-0.01, line[-1, 1]], [-0.01, line[0, 1]]]])


def teapot(rng: Generator) -> Model:
    """A ceramic teapot: round, tall or squat, plain or banded."""
    k = rng.uniform
    kind = int(rng.integers(3))
    r = (0.52, 0.46, 0.6)[kind] * float(k(0.95, 1.05))
    h = (0.82, 0.98, 0.6)[kind] * float(k(0.95, 1.05))
    neck = r * (0.5, 0.5, 0.45)[kind]
    foot = r * 0.58
    line = [
        (0.0, 0.02),
        (foot * 0.9, 0.02),
        (foot, 0.03),
        (foot * 1.02, 0.06),
        (r * 0.85, h * 0.22),
        (r, h * 0.48),
        (r * 0.88, h * 0.76),
        (neck * 1.12, h * 0.95),
        (neck * 1.0, h),
    ]
    pot = revolve(_closed([(q, z) for q, z in line]), 0.008)
    tip_z = h * float(k(0.92, 1.04))
    path = [
        (r * 0.7, 0, h * 0.3),
        (r * 1.22, 0, h * 0.42),
        (r * 1.5, 0, h * 0.72),
        (r * 1.86, 0, tip_z),
    ]
    spout_solid = tube(path, (0.15, 0.118, 0.08, 0.06), 6)
    bore = tube([path[2], path[3], (r * 2.02, 0, tip_z + 0.16)], (0.035, 0.044, 0.05), 4)
    lip = cylinder((r * 1.86, 0, tip_z + 0.1), (0.2, 0, 1), 0.3, 0.078, 0.0)
    spout = carve(0.015, spout_solid, lip)
    grip = [
        (-r * 0.8, 0, h * 0.8),
        (-r * 1.35, 0, h * 0.9),
        (-r * 1.66, 0, h * 0.62),
        (-r * 1.4, 0, h * 0.33),
        (-r * 0.86, 0, h * 0.24),
    ]
    handle = tube(grip, (0.06, 0.055, 0.052, 0.05, 0.052), 6)
    body = carve(0.015, blend(0.07, pot, spout, handle), bore)
    dome = 0.5 * neck
    cover_line = [
        (0.0, h + dome),
        (neck * 0.5, h + dome * 0.86),
        (neck * 0.92, h + dome * 0.34),
        (neck * 1.04, h + 0.03),
        (neck * 1.0, h),
    ]
    cover = revolve(_closed(cover_line), 0.012)
    knob_r = float(k(0.07, 0.09))
    top = h + dome + knob_r * 1.3
    knob = ellipsoid((0, 0, top), (knob_r, knob_r, knob_r * 0.85))
    lid = blend(0.05, cover, knob, round_cone((0, 0, h + dome * 0.9), (0, 0, top), 0.035, 0.03))
    low, high = (-1.4, -0.9, -0.05), (1.5, 0.9, 1.7)
    glaze, lid_glaze = _glaze(rng, h, r)
    marks = _vessel_marks(body, lid, 0.051, r, h, foot, neck, path, (0, 0, top))
    marks.append(on_surface("vessel_handle_middle", handle, grip[2], [1, 0, 0], 0.012))
    marks.append(
        on_surface("vessel_handle_top", body, [-r * 1.0, 0, h * 0.8], [0.25, 0, -1.0], 0.01)
    )
    # From within the handle's loop down to its lower end, so the mark is on the loop's inside.
    joint = first_hit(body, [-r * 1.16, 0.0, h * 0.55], [0.1, 0.0, -1.0], h)
    marks.append(Mark("vessel_handle_bottom", joint, 0.012))
    return Model(
        (Part(mesh_of(body, low, high, 230), glaze), Part(mesh_of(lid, low, high, 110), lid_glaze)),
        tuple(marks),
    )


def _vessel_marks(
    body: Field,
    lid: Field,
    lip: float,
    r: float,
    h: float,
    foot: float,
    rim: float,
    path: Sequence[tuple[float, float, float]],
    knob: tuple[float, float, float],
) -> list[Mark]:
    # The front of the spout's rim, between its opening and its outside.
    tip = np.asarray(path[-1]) + vec(lip, 0.0, 0.0)
    marks = [
        on_surface("vessel_spout_tip", body, tip, [-0.25, 0, -1.0], 0.04),
        on_surface("vessel_lid_knob", lid, knob, [0, 0, -1.0], 0.008),
    ]
    marks += _ring_marks("lid", "rim", lid, rim, h + 0.02, 0.35)
    marks += _ring_marks("base", "rim", body, foot, 0.05, 0.0)
    for side, y in (("left", 1.0), ("right", -1.0)):
        marks.append(
            on_surface(f"vessel_body_{side}_center", body, [0, 0, h * 0.48], [0, -y, 0], 0.006)
        )
    return marks


def _glaze(rng: Generator, h: float, r: float) -> tuple[Material, Material]:
    pairs = [
        ("#2f6f8f", "#f2ede2"),
        ("#f0e9dc", "#27496d"),
        ("#b5432f", "#f3e6d3"),
        ("#4f7d5b", "#efe6d2"),
        ("#d99a2b", "#5b3a1e"),
        ("#f4efe6", "#c3526b"),
        ("#3c3f46", "#d9b46a"),
        ("#88b3a8", "#fbf6ea"),
        ("#6a4a86", "#efe4f4"),
    ]
    main, second = pairs[int(rng.integers(len(pairs)))]
    mode = int(rng.integers(4))
    shine = {"roughness": 0.14, "specular": 0.06}

    def pattern(p: Points, n: Points) -> NDArray[np.float64]:
        radius = np.hypot(p[:, 0], p[:, 1])
        on_pot = radius < r * 1.06
        if mode == 0:
            band = np.minimum(np.abs(p[:, 2] - h * 0.62) - 0.03, np.abs(p[:, 2] - h * 0.5) - 0.012)
            return step(band, 0.006) * on_pot
        if mode == 1:
            angle = np.arctan2(p[:, 1], p[:, 0]) * 12 / (2 * np.pi)
            row = np.floor(p[:, 2] / (h * 0.17))
            u = (angle + 0.5 * (row % 2)) % 1.0 - 0.5
            v = p[:, 2] / (h * 0.17) - row - 0.5
            dot = np.hypot(u * radius * 2 * np.pi / 12, v * h * 0.17) - 0.033
            return step(dot, 0.006) * on_pot * (row >= 1) * (row <= 4)
        if mode == 2:
            return step(p[:, 2] - h * 0.33 - 0.03 * np.sin(np.arctan2(p[:, 1], p[:, 0]) * 8), 0.008)
        return np.zeros(len(p))

    def cloud(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, 0.3, 4)

    base = tinted(plain(main, **shine), cloud, 0.05)
    lid = plain(second if mode in (0, 2) and rng.random() < 0.6 else main, **shine)
    return layered(base, (pattern, plain(second, **shine))), lid


def kettle(rng: Generator) -> Model:
    """A stove kettle in enamel or steel with a wooden or black grip."""
    k = rng.uniform
    r, h = float(k(0.56, 0.66)), float(k(0.62, 0.8))
    bulge = float(k(0.0, 0.12))
    rim = r * 0.5
    line = [
        (0.0, 0.012),
        (r * 0.93, 0.012),
        (r * 0.985, 0.03),
        (r, 0.08),
        (r * (0.99 + bulge * 0.3), h * 0.3),
        (r * (0.87 + bulge), h * 0.62),
        (r * 0.7, h * 0.88),
        (rim * 1.08, h * 0.98),
        (rim, h),
    ]
    pot = revolve(_closed([(q, z) for q, z in line]), 0.01)
    reach = float(k(1.42, 1.6))
    path = [(r * 0.72, 0, h * 0.5), (r * 1.1, 0, h * 0.68), (r * reach, 0, h * 1.0)]
    spout_solid = tube(path, (0.15, 0.115, 0.07), 6)
    lip = cylinder((r * reach, 0, h * 1.0 + 0.1), (0.35, 0, 1), 0.3, 0.08, 0.0)
    bore = tube([path[1], path[2], (r * (reach + 0.3), 0, h * 1.28)], (0.05, 0.052, 0.06), 4)
    spout = carve(0.012, spout_solid, lip)
    body = carve(0.012, blend(0.06, pot, spout), bore)
    cover = revolve(
        _closed(
            [
                (0.0, h + 0.1),
                (rim * 0.5, h + 0.085),
                (rim * 0.92, h + 0.03),
                (rim * 1.02, h + 0.01),
                (rim, h - 0.005),
            ]
        ),
        0.01,
    )
    knob_z = h + 0.19
    knob = blend(
        0.02,
        ellipsoid((0, 0, knob_z), (0.075, 0.075, 0.06)),
        cylinder((0, 0, h + 0.11), (0, 0, 1), 0.032, 0.05, 0.01),
    )
    arch = h + float(k(0.52, 0.66))
    foot_x = r * 0.72
    foot_z = h * 0.86
    path_h = [
        (foot_x, 0, foot_z),
        (foot_x * 1.06, 0, foot_z + (arch - foot_z) * 0.45),
        (foot_x * 0.78, 0, foot_z + (arch - foot_z) * 0.86),
        (0, 0, arch),
        (-foot_x * 0.78, 0, foot_z + (arch - foot_z) * 0.86),
        (-foot_x * 1.06, 0, foot_z + (arch - foot_z) * 0.45),
        (-foot_x, 0, foot_z),
    ]
    wire = tube(path_h, (0.03,) * 7, 6)
    grip = tube(path_h[2:5], (0.05, 0.062, 0.05), 6)
    lugs = union(*(ellipsoid((x, 0, foot_z), (0.07, 0.055, 0.07)) for x in (foot_x, -foot_x)))
    low, high = (-1.2, -1.0, -0.05), (1.3, 1.0, 1.7)
    skin, metal, wood, knob_paint = _kettle_looks(rng, h)
    lid_field = union(cover, knob)
    marks = _vessel_marks(body, lid_field, 0.06, r, h, r * 0.95, rim, path, (0, 0, knob_z))
    marks.append(on_surface("vessel_handle_middle", grip, (0, 0, arch), [0, 0, -1.0], 0.012))
    for end, x in (("front", foot_x), ("rear", -foot_x)):
        marks.append(
            on_surface(
                f"vessel_handle_{end}_joint",
                lugs,
                [x, 0, foot_z],
                [-np.sign(x) * 0.8, 0, -1.0],
                0.02,
            )
        )
    parts = (
        Part(mesh_of(body, low, high, 200), skin),
        Part(mesh_of(cover, low, high, 100), skin),
        Part(mesh_of(knob, low, high, 60), knob_paint),
        Part(mesh_of(union(wire, lugs), low, high, 190), metal),
        Part(mesh_of(grip, low, high, 130), wood),
    )
    return Model(parts, tuple(marks))


def _kettle_looks(rng: Generator, h: float) -> tuple[Material, Material, Material, Material]:
    steel = plain("#d3d6d9", 0.16, metallic=1.0)
    enamel = str(
        rng.choice(
            ["#c5332d", "#2c5f9e", "#e9e4d8", "#3f8f86", "#e3a72f", "#4a4e55", "#7a9e6b", "#d98aa0"]
        )
    )
    skin = steel if rng.random() < 0.3 else plain(enamel, 0.14, specular=0.07)
    copper = plain("#c77f56", 0.22, metallic=1.0)
    metal = (steel, copper, plain("#26282b", 0.4))[int(rng.integers(3))]

    def grain(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p * [0.5, 3.0, 3.0], 0.12, 3)

    wood = (
        tinted(plain("#9a6334", 0.5), grain, 0.25) if rng.random() < 0.6 else plain("#1f2023", 0.45)
    )

    def foot(p: Points, n: Points) -> NDArray[np.float64]:
        return step(p[:, 2] - 0.06, 0.006)

    return layered(skin, (foot, plain("#b9bcc0", 0.25, metallic=0.9))), metal, wood, wood
