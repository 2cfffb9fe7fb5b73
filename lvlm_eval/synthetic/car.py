"""Cars: hatchbacks, saloons and off-road bodies cut from a side and a plan outline."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Distances,
    Field,
    Points,
    blend,
    box,
    carve,
    common,
    curve,
    cylinder,
    ellipsoid,
    mirrored,
    outline,
    round_cone,
    union,
)
from lvlm_eval.synthetic.materials import Material, layered, plain, step
from lvlm_eval.synthetic.shapes import Mark, Model, Part, mesh_of, on_surface
from lvlm_eval.synthetic.vehicle_paint import CHROME, GLASS, LAMP, RED_LAMP, TRIM, lamp_material
from lvlm_eval.synthetic.wheels import WHEEL_REACH, hub_point, placed, wheel

PAINTS = (
    "#b3202a",
    "#1f5fa8",
    "#e0a21b",
    "#2f8f83",
    "#e9e6df",
    "#3b4a5a",
    "#d8602a",
    "#7fa7c7",
    "#5a7d4a",
    "#8c2f5e",
)


@dataclass(frozen=True)
class _Style:
    """A body's outlines in the side view (metres, front to the right) and its measures.

    ``nose`` runs from the front bumper to the windscreen's foot, ``cabin`` over the roof,
    ``tail`` down the back; ``pillars`` are the places between the side windows, ``belt`` their
    lower edge.
    """

    nose: tuple[tuple[float, float], ...]
    cabin: tuple[tuple[float, float], ...]
    tail: tuple[tuple[float, float], ...]
    sill: float
    half_width: float
    wheel_radius: float
    axles: tuple[float, float]
    pillars: tuple[float, ...]
    belt: float


def _hatchback() -> _Style:
    return _Style(
        nose=((1.9, 0.28), (1.98, 0.45), (1.95, 0.66), (1.8, 0.76), (1.3, 0.87), (0.95, 0.93)),
        cabin=(
            (1.12, 0.8),
            (0.95, 0.93),
            (0.28, 1.4),
            (-0.35, 1.48),
            (-1.05, 1.44),
            (-1.5, 1.33),
            (-1.82, 0.95),
            (-1.82, 0.8),
        ),
        tail=((-1.8, 0.97), (-1.9, 0.8), (-1.92, 0.5), (-1.84, 0.28)),
        sill=0.22,
        half_width=0.87,
        wheel_radius=0.325,
        axles=(1.25, -1.22),
        pillars=(-0.28, -1.12),
        belt=0.97,
    )


def _saloon() -> _Style:
    return _Style(
        nose=((2.2, 0.28), (2.29, 0.42), (2.25, 0.62), (2.05, 0.73), (1.5, 0.84), (0.98, 0.91)),
        cabin=(
            (1.15, 0.78),
            (0.98, 0.91),
            (0.22, 1.33),
            (-0.3, 1.41),
            (-0.85, 1.37),
            (-1.7, 0.99),
            (-1.8, 0.8),
        ),
        tail=((-1.65, 1.0), (-2.08, 1.0), (-2.2, 0.86), (-2.2, 0.5), (-2.1, 0.28)),
        sill=0.2,
        half_width=0.9,
        wheel_radius=0.33,
        axles=(1.4, -1.35),
        pillars=(-0.22, -1.02),
        belt=0.95,
    )


def _off_road() -> _Style:
    return _Style(
        nose=((1.98, 0.38), (2.05, 0.5), (2.04, 0.82), (1.94, 0.95), (1.45, 1.03), (0.98, 1.08)),
        cabin=(
            (1.15, 0.9),
            (0.98, 1.08),
            (0.5, 1.62),
            (-0.1, 1.7),
            (-1.2, 1.68),
            (-1.78, 1.6),
            (-1.98, 1.1),
            (-1.98, 0.9),
        ),
        tail=((-1.98, 1.1), (-2.04, 0.95), (-2.05, 0.55), (-1.96, 0.36)),
        sill=0.32,
        half_width=0.93,
        wheel_radius=0.39,
        axles=(1.3, -1.28),
        pillars=(-0.2, -1.1),
        belt=1.12,
    )


def _side_field(corners: Points) -> Field:
    profile = outline(corners)
    return lambda p: profile(p[:, [0, 2]])


def _plan_field(style: _Style, lean: float) -> Field:
    """Between the flanks: narrower to both ends, and towards the top by ``lean`` above the belt."""
    end = style.nose[1][0]

    def distance(p: Points) -> Distances:
        ends = 0.16 * np.clip(np.abs(p[:, 0]) / end, 0, 1.2) ** 5
        over = np.clip(p[:, 2] - style.belt, 0.0, None) * lean
        under = 0.14 * np.clip((style.sill + 0.22 - p[:, 2]) / 0.3, 0, 1) ** 2
        flank = 0.025 * np.cos((p[:, 2] - style.belt + 0.17) / 0.3 * np.pi / 2)
        return (np.abs(p[:, 1]) - (style.half_width - 0.02 - ends - over - under + flank)) * 0.88

    return distance


def car(rng: Generator) -> Model:
    """A car with body style, colours and wheels drawn from ``rng``."""
    style = (_hatchback, _saloon, _off_road)[int(rng.integers(3))]()
    r = style.wheel_radius
    lower = np.vstack(
        [
            curve(style.nose, 14),
            curve(style.tail, 14),
            [[style.tail[-1][0], style.sill], [style.nose[0][0], style.sill]],
        ]
    )
    roof_line = curve(style.cabin[1:-1], 14)
    upper = np.vstack([[style.cabin[0]], roof_line, [style.cabin[-1]]])
    deck = common(0.14, _side_field(lower), _plan_field(style, 0.2))
    cabin = common(0.16, _side_field(upper), _plan_field(style, 0.42))
    solid = blend(0.05, deck, cabin)
    wells = [
        mirrored(cylinder((x, style.half_width, r), (0, 1, 0), r * 1.14, 0.36, 0.02))
        for x in style.axles
    ]
    body = carve(0.03, solid, *wells)
    marks: list[Mark] = []
    parts: list[Part] = []
    paint_color = str(rng.choice(PAINTS))
    paint = plain(paint_color, 0.16, specular=0.07)
    roof = (
        plain(str(rng.choice(["#f2f0ea", "#1d1f22"])), 0.16, specular=0.07)
        if rng.random() < 0.4
        else paint
    )
    material, screen, rear = _body_material(style, upper, paint, roof)
    low, high = (-2.5, -1.2, 0.0), (2.5, 1.2, 2.0)
    parts.append(Part(mesh_of(body, low, high, 160), material))
    parts += _details(style, solid, marks, low, high)
    parts += _wheels(rng, style, marks)
    nose_x, tail_x = 3.0, -3.0
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for place, (y, z) in (("top", screen[0]), ("bottom", screen[1])):
            marks.append(
                on_surface(
                    f"vehicle_windshield_{side}_{place}",
                    solid,
                    [nose_x - 3.2, y * sign, z],
                    [-1, 0, 0],
                )
            )
        for place, (y, z) in (("top", rear[0]), ("bottom", rear[1])):
            marks.append(
                on_surface(
                    f"vehicle_window_rear_{side}_{place}",
                    solid,
                    [tail_x + 3.0, y * sign, z],
                    [1, 0, 0],
                )
            )
    return Model(tuple(parts), tuple(marks))


Corner = tuple[float, float]


def _body_material(
    style: _Style, upper: Points, paint: Material, roof: Material
) -> tuple[Material, tuple[Corner, Corner], tuple[Corner, Corner]]:
    """Paint with windows, gaps and trim; (y, z) corners of windscreen and rear window."""
    top = float(upper[:, 1].max())
    front_top = style.cabin[2][1]
    rear_top = style.cabin[-3][1]
    rear_foot = max(style.belt, 0.97) + 0.02

    def half(z: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(
            style.half_width - 0.02 - np.clip(np.asarray(z) - style.belt, 0, None) * 0.42
        )

    cabin = outline(upper)

    def side_glass(p: Points, n: Points) -> NDArray[np.float64]:
        inset = cabin(p[:, [0, 2]]) + 0.085
        inset = np.maximum(inset, style.belt + 0.03 - p[:, 2])
        for x in style.pillars:
            inset = np.maximum(inset, 0.035 - np.abs(p[:, 0] - x + (p[:, 2] - style.belt) * 0.12))
        return step(inset, 0.006) * (np.abs(n[:, 1]) > 0.55)

    screen_foot = style.cabin[1][1] + 0.05

    def screen_glass(p: Points, n: Points) -> NDArray[np.float64]:
        inside = np.maximum(np.abs(p[:, 1]) - (half(p[:, 2]) - 0.12), screen_foot - p[:, 2])
        inside = np.maximum(inside, p[:, 2] - (front_top - 0.0))
        return step(inside, 0.008) * (n[:, 0] > 0.25) * (p[:, 0] > 0)

    def rear_glass(p: Points, n: Points) -> NDArray[np.float64]:
        inside = np.maximum(np.abs(p[:, 1]) - (half(p[:, 2]) - 0.15), rear_foot + 0.04 - p[:, 2])
        inside = np.maximum(inside, p[:, 2] - (rear_top - 0.02))
        return step(inside, 0.008) * (n[:, 0] < -0.2) * (p[:, 0] < -0.7)

    def dark(p: Points, n: Points) -> NDArray[np.float64]:
        wells = np.full(len(p), 9.0)
        for x in style.axles:
            d = np.hypot(p[:, 0] - x, p[:, 2] - style.wheel_radius) - style.wheel_radius * 1.145
            wells = np.minimum(wells, d)
        return np.maximum(step(wells, 0.006), step(p[:, 2] - style.sill - 0.1, 0.006))

    def gaps(p: Points, n: Points) -> NDArray[np.float64]:
        lines = np.full(len(p), 9.0)
        for x, slant in ((0.82, -0.1), (style.pillars[0], 0.0), (style.pillars[1] + 0.05, 0.05)):
            lines = np.minimum(lines, np.abs(p[:, 0] - x + (p[:, 2] - 0.6) * slant))
        inside = (
            (p[:, 2] > style.sill + 0.14) & (p[:, 2] < style.belt + 0.02) & (np.abs(n[:, 1]) > 0.5)
        )
        return step(lines - 0.005, 0.006) * inside * 0.75

    def top_side(p: Points, n: Points) -> NDArray[np.float64]:
        return step(style.belt + 0.3 - p[:, 2], 0.01) * step(top - 0.075 - p[:, 2], 0.01)

    shade = plain("#0a0c0e", 0.6)
    material = layered(
        paint,
        (top_side, roof),
        (gaps, shade),
        (dark, TRIM),
        (side_glass, GLASS),
        (screen_glass, GLASS),
        (rear_glass, GLASS),
    )
    zt = front_top - 0.02
    screen = ((float(half(zt)) - 0.13, zt), (float(half(screen_foot)) - 0.14, screen_foot + 0.02))
    zr = rear_top - 0.04
    rear = ((float(half(zr)) - 0.16, zr), (float(half(rear_foot)) - 0.16, rear_foot + 0.05))
    return material, screen, rear


def _details(
    style: _Style, solid: Field, marks: list[Mark], low: tuple[float, ...], high: tuple[float, ...]
) -> list[Part]:
    """Lamps, grille, plates, mirrors and door handles.

    Lamps, grille and plates are skins that follow the body.
    """

    def skin(tool: Field, lift: float) -> Field:
        return common(0.012, lambda p: solid(p) - lift, tool)

    nose, tail = style.nose[1][0], style.tail[-2][0]
    w = style.half_width
    z_lamp = style.nose[2][1] - 0.02
    z_rear = style.tail[1][1] - 0.03
    head = mirrored(skin(ellipsoid((nose - 0.12, w - 0.27, z_lamp), (0.24, 0.19, 0.085)), 0.016))
    rear = mirrored(skin(box((tail + 0.12, w - 0.17, z_rear), (0.22, 0.13, 0.075), 0.05), 0.014))
    grille = skin(box((nose, 0, style.nose[1][1] + 0.02), (0.2, w * 0.52, 0.085), 0.05), 0.012)
    plate_f = skin(box((nose, 0, style.nose[1][1] + 0.02), (0.2, 0.24, 0.05), 0.01), 0.022)
    plate_r = skin(box((tail, 0, style.tail[-2][1] + 0.13), (0.2, 0.24, 0.055), 0.01), 0.016)
    fog = mirrored(
        skin(ellipsoid((nose - 0.1, w - 0.25, style.nose[0][1] + 0.12), (0.2, 0.07, 0.04)), 0.012)
    )
    mx, mz = style.cabin[1][0] - 0.17, style.belt + 0.09
    shell = ellipsoid((mx, w + 0.1, mz), (0.075, 0.11, 0.075))
    arm = round_cone((mx, w - 0.12, mz - 0.04), (mx, w + 0.06, mz - 0.02), 0.03, 0.03)
    mirror = blend(0.03, shell, arm)
    handle = union(
        *(
            mirrored(box((x + 0.16, w - 0.015, style.belt - 0.09), (0.085, 0.024, 0.018), 0.015))
            for x in style.pillars
        )
    )
    for side, sign in (("left", 1.0), ("right", -1.0)):
        marks.append(
            on_surface(
                f"vehicle_headlight_{side}_center",
                head,
                [nose - 0.1, (w - 0.27) * sign, z_lamp],
                [-1, 0, 0],
            )
        )
        marks.append(
            on_surface(
                f"vehicle_taillight_{side}_center",
                rear,
                [tail + 0.1, (w - 0.17) * sign, z_rear],
                [1, 0, 0],
            )
        )
        flip = mirrored(mirror)
        marks.append(
            on_surface(
                f"vehicle_mirror_{side}_center",
                flip,
                [mx, (w + 0.11) * sign, mz],
                [0.0, -sign, 0.0],
                0.025,
            )
        )
    marks.append(
        on_surface(
            "vehicle_plate_front_center",
            plate_f,
            [nose - 0.2, 0.0, style.nose[1][1] + 0.02],
            [-1, 0, 0],
        )
    )
    marks.append(
        on_surface(
            "vehicle_plate_rear_center",
            plate_r,
            [tail + 0.2, 0.0, style.tail[-2][1] + 0.13],
            [1, 0, 0],
        )
    )
    silver = plain("#eceff2", 0.5)
    return [
        Part(mesh_of(head, low, high, 170), lamp_material((w - 0.27, z_lamp), (0.19, 0.085))),
        Part(mesh_of(rear, low, high, 150), RED_LAMP),
        Part(mesh_of(grille, low, high, 120), plain("#15171a", 0.35)),
        Part(mesh_of(union(plate_f, plate_r), low, high, 150), silver),
        Part(mesh_of(fog, low, high, 120), LAMP),
        Part(mesh_of(mirrored(mirror), low, high, 120), TRIM),
        Part(mesh_of(handle, low, high, 150), CHROME),
    ]


def _wheels(rng: Generator, style: _Style, marks: list[Mark]) -> list[Part]:
    rim = (CHROME, plain("#3a3d42", 0.3, metallic=0.7), plain("#e8e8e6", 0.35))[
        int(rng.integers(3))
    ]
    width = 0.23
    pieces = wheel(style.wheel_radius, width, int(rng.integers(5, 8)), rim)
    middle = hub_point(style.wheel_radius, width)
    parts = []
    for end, x in zip(("front", "rear"), style.axles, strict=True):
        for side, sign in (("left", 1.0), ("right", -1.0)):
            offset = np.array([x, sign * (style.half_width - 0.13), style.wheel_radius])
            parts += [Part(placed(piece.mesh, offset, sign), piece.material) for piece in pieces]
            hub = offset + middle * [1.0, sign, 1.0]
            marks.append(Mark(f"vehicle_wheel_{end}_{side}_center", hub, WHEEL_REACH))
    return parts
