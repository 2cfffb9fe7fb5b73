"""Airliners: a fuselage with lofted wings, engines and landing gear, standing on the ground."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Distances,
    Field,
    Points,
    carve,
    curve,
    cylinder,
    ellipsoid,
    outline,
    round_cone,
    union,
    vec,
)
from lvlm_eval.synthetic.materials import Material, layered, plain, step
from lvlm_eval.synthetic.shapes import Mark, Mesh, Model, Part, mesh_of, on_surface
from lvlm_eval.synthetic.vehicle_paint import CHROME, GLASS
from lvlm_eval.synthetic.wheels import placed
from lvlm_eval.synthetic.wings import airfoil, loft, wing

_SIDES = (("left", 1.0), ("right", -1.0))


_LIVERIES = (
    ("#f5f5f2", "#d1222f"),
    ("#f5f5f2", "#1a5fb4"),
    ("#fbf7ec", "#e39a12"),
    ("#f3f6f8", "#128277"),
    ("#dfe9f3", "#24406e"),
    ("#fff3e8", "#d8602a"),
    ("#f6f2fa", "#6d3b94"),
    ("#f5f5f2", "#23262b"),
)


def aeroplane(rng: Generator) -> Model:
    """An airliner; length, sweep, engines (under the wings) and livery are drawn from ``rng``."""
    k = rng.uniform
    half, r = float(k(1.75, 2.2)), float(k(0.27, 0.33))
    z = r + 0.42
    line = curve(
        [
            (half, 0.0),
            (half - 0.05, r * 0.36),
            (half - 0.28, r * 0.75),
            (half - 0.62, r * 0.97),
            (half - 0.95, r),
            (0, r),
            (-half * 0.45, r),
            (-half * 0.72, r * 0.8),
            (-half * 0.93, r * 0.42),
            (-half, r * 0.16),
            (-half - 0.02, 0.0),
        ],
        5,
    )
    closed = np.vstack([line, [[-half - 0.02, -0.01], [half, -0.01]]])

    hull = outline(closed)

    def tube_field(p: Points) -> Distances:
        # The tail sweeps up and the nose droops a little.
        rise = 0.62 * r * np.clip((-p[:, 0] - half * 0.42) / (half * 0.58), 0, 1.05) ** 1.5
        drop = 0.22 * r * np.clip((p[:, 0] - half + 0.8) / 0.8, 0, 1) ** 2
        radius = np.hypot(p[:, 1], p[:, 2] - z - rise + drop)
        return hull(np.column_stack([p[:, 0], radius])) * 0.92

    main, second = _LIVERIES[int(rng.integers(len(_LIVERIES)))]
    marks: list[Mark] = []
    low, high = (-2.6, -2.6, 0.0), (2.6, 2.6, 2.4)
    skin = _fuselage_paint(rng, half, r, z, main, second)
    parts = [Part(mesh_of(tube_field, low, high, 230), skin)]
    gray = plain("#c9ced3", 0.35, metallic=0.1)
    sweep, span = float(k(0.75, 1.1)), float(k(1.75, 2.1))
    curl = float(rng.choice([0.06, 0.22]))
    root = np.array([0.42, r * 0.4, z - r * 0.55])
    tip = np.array([0.42 - sweep, span, z - r * 0.55 + 0.2])
    accent = plain(second, 0.25, specular=0.06)

    def outer(p: Points, n: Points) -> NDArray[np.float64]:
        return step(span * 0.93 - np.abs(p[:, 1]), 0.01)

    def flap(p: Points, n: Points) -> NDArray[np.float64]:
        t = (np.abs(p[:, 1]) - root[1]) / (span - root[1])
        back = root[0] + (tip[0] - root[0]) * t - (0.78 + (0.28 - 0.78) * t) * 0.74
        lines = np.minimum(
            np.abs(p[:, 0] - back), np.where(p[:, 0] < back, np.abs(t - 0.55) * span, 9.0)
        )
        result: NDArray[np.float64] = step(lines - 0.006, 0.006) * (t > 0.12) * (t < 0.86) * 0.6
        return result

    wing_paint = layered(gray, (flap, plain("#5b6168", 0.5)), (outer, accent))
    left = wing(root, tip, (0.78, 0.28), 0.085, curl, upright=False)
    stab_root = np.array([-half + 0.5, r * 0.1, z + r * 0.55])
    stab_tip = np.array([-half + 0.12, 0.78, z + r * 0.55 + 0.07])
    stab = wing(stab_root, stab_tip, (0.42, 0.18), 0.05, 0.0, upright=False)
    fin_root, fin_tip = (
        np.array([-half + 0.72, 0, z + r * 0.5]),
        np.array([-half + 0.02, 0, z + r + float(k(0.72, 0.9))]),
    )
    fin = wing(fin_root, fin_tip, (0.72, 0.3), 0.06, 0.0, upright=True)
    parts.append(Part(fin, _fin_paint(rng, z + r, main, second)))
    for side, sign in _SIDES:
        parts.append(Part(placed(left, (0, 0, 0), sign), wing_paint))
        parts.append(Part(placed(stab, (0, 0, 0), sign), gray))
        # The wings are lofted, so their marks are corners of their meshes.
        for name, mesh in (("wing", left), ("stabilizer", stab)):
            end = mesh.vertices[-40] * [1.0, sign, 1.0]
            marks.append(Mark(f"aircraft_{name}_{side}_tip", end, 0.012))
    marks.append(Mark("aircraft_fin_tip", fin.vertices[-40], 0.012))
    parts += _engines(rng, root, tip, marks, accent)
    parts += _gear(half, z, r, marks)
    marks.append(
        on_surface("aircraft_nose_tip", tube_field, [half - 0.2, 0, z - 0.22 * r], [-1, 0, 0], 0.01)
    )
    marks.append(
        on_surface("aircraft_tail_end", tube_field, [-half + 0.1, 0, z + 0.62 * r], [1, 0, 0], 0.01)
    )
    for side, sign in _SIDES:
        marks.append(
            on_surface(
                f"aircraft_cockpit_window_{side}_center",
                tube_field,
                [half - 0.52, 0.0, z + r * 0.25],
                [-0.5, -0.8 * sign, -0.32],
            )
        )
        marks.append(
            Mark(
                f"aircraft_wing_{side}_root",
                _root_point(left, tube_field) * [1.0, sign, 1.0],
                0.012,
            )
        )
    return Model(tuple(parts), tuple(marks))


def _root_point(wing: Mesh, hull: Field) -> Points:
    """Where the leading edge of the left wing leaves the hull, (3,)."""
    edge = wing.vertices[::40]
    line = np.vstack([edge[0] + (edge[1] - edge[0]) * t for t in np.linspace(0, 4, 400)])
    outside = np.flatnonzero(hull(line) > 0)
    result: Points = line[int(outside[0])]
    return result


def _fuselage_paint(
    rng: Generator, half: float, r: float, z: float, main: str, second: str
) -> Material:
    mode = int(rng.integers(3))

    def windows(p: Points, n: Points) -> NDArray[np.float64]:
        x = (p[:, 0] % 0.105) - 0.0525
        hole = (
            np.hypot(
                np.maximum(np.abs(x) - 0.006, 0),
                np.maximum(np.abs(p[:, 2] - z - r * 0.3) - 0.012, 0),
            )
            - 0.018
        )
        inside = (p[:, 0] < half - 0.85) & (p[:, 0] > -half * 0.62) & (np.abs(n[:, 1]) > 0.5)
        return step(hole, 0.006) * inside

    def cockpit(p: Points, n: Points) -> NDArray[np.float64]:
        angle = np.arctan2(np.abs(p[:, 1]), p[:, 2] - z + 0.2 * r)
        band = np.maximum(
            np.abs(p[:, 2] - z - r * 0.33 - (half - 0.45 - p[:, 0]) * 0.1) - 0.058,
            np.abs(p[:, 0] - half + 0.5) - 0.16,
        )
        posts = np.minimum(np.abs(p[:, 1]), np.abs(p[:, 0] - half + 0.47)) - 0.008
        return step(np.maximum(band, -posts), 0.008) * (angle > 0)

    def doors(p: Points, n: Points) -> NDArray[np.float64]:
        lines = np.full(len(p), 9.0)
        for x in (half - 0.75, -half * 0.66):
            d = np.maximum(np.abs(p[:, 0] - x) - 0.055, np.abs(p[:, 2] - z - 0.02) - 0.13)
            lines = np.minimum(lines, np.abs(d))
        return step(lines - 0.004, 0.006) * (np.abs(n[:, 1]) > 0.4) * 0.55

    def livery(p: Points, n: Points) -> NDArray[np.float64]:
        if mode == 0:
            return step(np.abs(p[:, 2] - z - r * 0.3) - 0.055, 0.008)
        if mode == 1:
            return step(
                p[:, 2] - z + r * 0.3 - 0.8 * np.clip(-p[:, 0] - half * 0.3, 0, None), 0.008
            )
        return step(p[:, 0] + half * 0.5 + (p[:, 2] - z) * 0.9, 0.008)

    return layered(
        plain(main, 0.2, specular=0.06),
        (livery, plain(second, 0.2, specular=0.06)),
        (doors, plain("#4c535a", 0.5)),
        (windows, GLASS),
        (cockpit, GLASS),
    )


def _fin_paint(rng: Generator, base: float, main: str, second: str) -> Material:
    mode = int(rng.integers(2))

    def mark(p: Points, n: Points) -> NDArray[np.float64]:
        if mode == 0:
            return step(np.abs((p[:, 2] - base) - 0.38) - 0.07, 0.01)
        return step(base + 0.5 - p[:, 2], 0.01)

    return layered(plain(second, 0.25, specular=0.06), (mark, plain(main, 0.25, specular=0.06)))


def _engines(
    rng: Generator, root: Points, tip: Points, marks: list[Mark], accent: Material
) -> list[Part]:
    size = float(rng.uniform(0.13, 0.16))
    t = 0.36
    place = root + (tip - root) * t + vec(0.16, 0, -size - 0.075)
    profile = np.vstack(
        [
            curve(
                [
                    (0.3, size * 0.86),
                    (0.27, size * 0.98),
                    (0.1, size * 1.08),
                    (-0.14, size * 0.98),
                    (-0.36, size * 0.72),
                ],
                5,
            ),
            [[-0.36, 0.0], [0.12, 0.0], [0.12, size * 0.78]],
            curve([(0.2, size * 0.79), (0.28, size * 0.82), (0.3, size * 0.86)], 3),
        ]
    )

    section = outline(profile)

    def nacelle(p: Points) -> Distances:
        q = p - place
        return section(np.column_stack([q[:, 0], np.hypot(q[:, 1], q[:, 2])]))

    def lip(p: Points, n: Points) -> NDArray[np.float64]:
        return step(place[0] + 0.235 - p[:, 0], 0.006)

    def fan(p: Points, n: Points) -> NDArray[np.float64]:
        inner = np.hypot(p[:, 1] * 1.0 - place[1], p[:, 2] - place[2])
        result: NDArray[np.float64] = step(inner - size * 0.8, 0.005) * (p[:, 0] > place[0] + 0.05)
        return result

    def exhaust(p: Points, n: Points) -> NDArray[np.float64]:
        return step(p[:, 0] - place[0] + 0.29, 0.006)

    spin = ellipsoid(place + vec(0.12, 0, 0), (0.1, size * 0.3, size * 0.3))
    blades = cylinder(place + vec(0.13, 0, 0), (1, 0, 0), size * 0.78, 0.01)

    def blade_mask(p: Points, n: Points) -> NDArray[np.float64]:
        angle = np.arctan2(p[:, 2] - place[2], p[:, 1] - place[1])
        return step(
            np.cos(angle * 14 + 6 * np.hypot(p[:, 1] - place[1], p[:, 2] - place[2]) / size), 0.6
        )

    pylon = loft(
        [
            airfoil(place + vec(0.12, 0, size * 0.7), 0.42, 0.05, upright=True),
            airfoil(place + vec(-0.02, 0, size + 0.1), 0.5, 0.05, upright=True),
        ]
    )
    box = (place - vec(0.45, 0.25, 0.25), place + vec(0.45, 0.25, 0.25))
    shell = mesh_of(nacelle, *box, 100)
    nose = mesh_of(union(spin, blades), *box, 70)
    paint = layered(
        accent,
        (exhaust, plain("#4a4d52", 0.4, metallic=0.6)),
        (fan, plain("#25282c", 0.5)),
        (lip, CHROME),
    )
    fan_paint = layered(plain("#7d848b", 0.35, metallic=0.5), (blade_mask, plain("#2a2d31", 0.5)))
    parts = []
    for side, sign in _SIDES:
        flip = np.array([1.0, sign, 1.0])

        def facing(material: Material, flip: Points = flip) -> Material:
            return lambda p, n: material(p * flip, n * flip)

        parts += [
            Part(placed(shell, (0, 0, 0), sign), facing(paint)),
            Part(placed(nose, (0, 0, 0), sign), facing(fan_paint)),
            Part(placed(pylon, (0, 0, 0), sign), plain("#c9ced3", 0.35)),
        ]
        point = on_surface("hub", spin, place, [-1, 0, 0]).position
        marks.append(Mark(f"aircraft_engine_{side}_center", point * flip))
    return parts


def _gear(half: float, z: float, r: float, marks: list[Mark]) -> list[Part]:
    """Nose wheel and the two main wheels under the wings."""
    struts: list[Field] = []
    tyres: list[Field] = []
    hubs: list[Field] = []
    legs = [("nose", half - 0.62, 0.0, 0.085)]
    legs += [(side, -0.12, 0.42 * sign, 0.105) for side, sign in _SIDES]
    for name, x, y, wheel_radius in legs:
        top = (x, y, z - r * 0.4)
        struts.append(round_cone(top, (x, y, wheel_radius), 0.032, 0.026))
        offset = 0.06 if name == "nose" else 0.075
        for sign in (1.0, -1.0):
            c = (x, y + sign * offset, wheel_radius)
            tyres.append(
                carve(
                    0.005,
                    cylinder(c, (0, 1, 0), wheel_radius, 0.04, 0.025),
                    cylinder(
                        (x, y + sign * (offset + 0.05), wheel_radius),
                        (0, 1, 0),
                        wheel_radius * 0.5,
                        0.02,
                    ),
                )
            )
            hubs.append(
                cylinder(
                    (x, y + sign * (offset + 0.012), wheel_radius),
                    (0, 1, 0),
                    wheel_radius * 0.5,
                    0.022,
                    0.008,
                )
            )
        bottom = (x, y, wheel_radius)
        ahead = on_surface("w", union(*struts[-1:]), bottom, [-1, 0, 0]).position
        if name == "nose":
            marks.append(Mark("aircraft_gear_front_bottom", ahead, 0.03))
        else:
            marks.append(Mark(f"aircraft_gear_rear_{name}_bottom", ahead, 0.03))
    low, high = (-0.5, -0.8, -0.1), (half, 0.8, z)
    return [
        Part(mesh_of(union(*struts), low, high, 150), CHROME),
        Part(mesh_of(union(*tyres), low, high, 190), plain("#222326", 0.75)),
        Part(mesh_of(union(*hubs), low, high, 190), plain("#dfe2e5", 0.4)),
    ]
