"""Buses: a long rounded body with rows of windows and doors on its right side."""

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
    cylinder,
    ellipsoid,
    mirrored,
    round_cone,
    union,
)
from lvlm_eval.synthetic.materials import Material, layered, plain, step
from lvlm_eval.synthetic.shapes import Mark, Model, Part, mesh_of, on_surface
from lvlm_eval.synthetic.vehicle_paint import (
    AMBER_LAMP,
    CHROME,
    GLASS,
    RED_LAMP,
    TRIM,
    lamp_material,
)
from lvlm_eval.synthetic.wheels import WHEEL_REACH, hub_point, placed, wheel

_SIDES = (("left", 1.0), ("right", -1.0))
_LIVERIES = (
    ("#c8202c", "#f4f1ea"),
    ("#f4f1ea", "#1f6fb2"),
    ("#2f8f5b", "#f4f1ea"),
    ("#f2b01e", "#27292d"),
    ("#1e4f8f", "#e8eef5"),
    ("#e8e4da", "#d8602a"),
    ("#7a3b8c", "#f3ead8"),
    ("#3aa6b9", "#ffffff"),
)


def _pane(
    y: NDArray[np.float64],
    z: NDArray[np.float64],
    box2: tuple[float, float, float, float],
    r: float,
) -> Distances:
    """Signed distance to a rectangle (left, low, right, high) with corners rounded by ``r``."""
    cx, cz = (box2[0] + box2[2]) / 2, (box2[1] + box2[3]) / 2
    dx = np.abs(y - cx) - ((box2[2] - box2[0]) / 2 - r)
    dz = np.abs(z - cz) - ((box2[3] - box2[1]) / 2 - r)
    result: Distances = (
        np.hypot(np.maximum(dx, 0), np.maximum(dz, 0)) + np.minimum(np.maximum(dx, dz), 0) - r
    )
    return result


def bus(rng: Generator) -> Model:
    """A bus with length, roof, livery and window count drawn from ``rng``."""
    k = rng.uniform
    half = float(k(2.9, 3.7))
    w, top, sill, r = 1.12, float(k(2.55, 2.85)), 0.3, 0.44
    belt, lintel = 1.22, top - 0.38
    axles = (half - 1.18, -half + 1.45)
    hull = box((0, 0, (top + sill) / 2), (half, w, (top - sill) / 2), 0.2)
    slope = float(k(0.06, 0.16))

    def windward(p: Points) -> Distances:
        # The front leans back above the lamps and bows out in plan.
        lean = np.clip(p[:, 2] - 0.9, 0, None) * slope
        return (p[:, 0] - (half - lean - 0.09 * (p[:, 1] / w) ** 2)) * 0.95

    shape = common(0.12, hull, windward)
    pod_x, pod = float(k(-1.6, 0.6)), float(k(0.6, 1.1))
    shape = blend(0.06, shape, box((pod_x, 0, top - 0.02), (pod, 0.62, 0.13), 0.1))
    wells = [mirrored(cylinder((x, w, r), (0, 1, 0), r * 1.14, 0.4, 0.02)) for x in axles]
    body = carve(0.03, shape, *wells)
    main, second = _LIVERIES[int(rng.integers(len(_LIVERIES)))]
    count = int(rng.integers(5, 8))
    door = half - 0.32
    material = _material(rng, half, w, top, belt, lintel, axles, r, count, door, main, second)
    low, high = (-4.2, -1.6, 0.0), (4.2, 1.6, 3.3)
    parts = [Part(mesh_of(body, low, high, 170), material)]
    marks: list[Mark] = []
    parts += _fittings(shape, half, w, top, lintel, marks, low, high)
    width = 0.3
    pieces = wheel(
        r, width, 8, CHROME if rng.random() < 0.5 else plain("#b8bcc0", 0.35, metallic=0.5)
    )
    middle = hub_point(r, width)
    for end, x in zip(("front", "rear"), axles, strict=True):
        for side, sign in _SIDES:
            offset = np.array([x, sign * (w - 0.17), r])
            parts += [Part(placed(q.mesh, offset, sign), q.material) for q in pieces]
            hub = offset + middle * [1.0, sign, 1.0]
            marks.append(Mark(f"vehicle_wheel_{end}_{side}_center", hub, WHEEL_REACH))
    for side, sign in _SIDES:
        for place, z in (("top", lintel - 0.02), ("bottom", 1.12)):
            marks.append(
                on_surface(
                    f"vehicle_windshield_{side}_{place}",
                    shape,
                    [0, (w - 0.17) * sign, z],
                    [-1, 0, 0],
                )
            )
        marks.append(
            on_surface(
                f"vehicle_window_rear_{side}_top",
                shape,
                [0, (w - 0.22) * sign, lintel - 0.03],
                [1, 0, 0],
            )
        )
        marks.append(
            on_surface(
                f"vehicle_window_rear_{side}_bottom", shape, [0, (w - 0.22) * sign, 1.5], [1, 0, 0]
            )
        )
    return Model(tuple(parts), tuple(marks))


def _material(
    rng: Generator,
    half: float,
    w: float,
    top: float,
    belt: float,
    lintel: float,
    axles: tuple[float, float],
    r: float,
    count: int,
    door: float,
    main: str,
    second: str,
) -> Material:
    start, end = -half + 0.22, half - 1.2
    pitch = (end - start) / count

    def flank(n: Points) -> NDArray[np.float64]:
        return (np.abs(n[:, 1]) > 0.7).astype(float)

    def windows(p: Points, n: Points) -> NDArray[np.float64]:
        slot = np.clip(np.floor((p[:, 0] - start) / pitch), 0, count - 1)
        x = p[:, 0] - start - slot * pitch
        inside = _pane(x, p[:, 2], (0.035, belt, pitch - 0.035, lintel), 0.07)
        # The driver's window on the left; on the right there is the door.
        driver = _pane(p[:, 0], p[:, 2], (end + 0.05, belt - 0.05, half - 0.3, lintel), 0.1)
        inside = np.where((p[:, 0] > end) & (p[:, 1] > 0), driver, inside)
        return step(inside, 0.012) * flank(n)

    def doors(p: Points, n: Points) -> NDArray[np.float64]:
        right = (n[:, 1] < -0.7).astype(float)
        leaf = np.full(len(p), 9.0)
        for x in (door, -0.15):
            for a, b in ((-0.72, -0.37), (-0.34, 0.01)):
                leaf = np.minimum(leaf, _pane(p[:, 0], p[:, 2], (x + a, 0.46, x + b, lintel), 0.05))
        result: NDArray[np.float64] = step(leaf, 0.012) * right
        return result

    def frames(p: Points, n: Points) -> NDArray[np.float64]:
        right = (n[:, 1] < -0.7).astype(float)
        leaf = np.full(len(p), 9.0)
        for x in (door, -0.15):
            leaf = np.minimum(
                leaf, _pane(p[:, 0], p[:, 2], (x - 0.77, 0.36, x + 0.06, lintel + 0.05), 0.05)
            )
        result: NDArray[np.float64] = step(leaf, 0.012) * right
        return result

    def screen(p: Points, n: Points) -> NDArray[np.float64]:
        return step(
            _pane(p[:, 1], p[:, 2], (-w + 0.13, 1.07, w - 0.13, lintel + 0.02), 0.1), 0.012
        ) * (n[:, 0] > 0.3)

    def back(p: Points, n: Points) -> NDArray[np.float64]:
        return step(
            _pane(p[:, 1], p[:, 2], (-w + 0.18, 1.45, w - 0.18, lintel + 0.02), 0.12), 0.012
        ) * (n[:, 0] < -0.5)

    def sign(p: Points, n: Points) -> NDArray[np.float64]:
        return step(
            _pane(p[:, 1], p[:, 2], (-0.72, lintel + 0.07, 0.72, top - 0.1), 0.05), 0.012
        ) * (n[:, 0] > 0.3)

    def dots(p: Points, n: Points) -> NDArray[np.float64]:
        glyph = np.abs(((p[:, 1] * 5.0) % 1.0) - 0.5) < 0.32
        word = (
            (p[:, 1] > -0.55)
            & (p[:, 1] < 0.55)
            & (np.abs(p[:, 2] - (lintel + top - 0.03) / 2) < 0.045)
        )
        return (glyph & word & (n[:, 0] > 0.3)).astype(float)

    def dark(p: Points, n: Points) -> NDArray[np.float64]:
        wells = np.full(len(p), 9.0)
        for x in axles:
            wells = np.minimum(wells, np.hypot(p[:, 0] - x, p[:, 2] - r) - r * 1.145)
        return np.maximum(step(wells, 0.01), step(p[:, 2] - 0.4, 0.01))

    mode = int(rng.integers(3))

    def livery(p: Points, n: Points) -> NDArray[np.float64]:
        if mode == 0:
            return step(np.abs(p[:, 2] - 0.98) - 0.1, 0.01)
        if mode == 1:
            return step(p[:, 2] - 0.85 - 0.25 * np.sin(p[:, 0] * 0.9), 0.01)
        return step(belt - 0.1 - p[:, 2], 0.01)

    paint = plain(main, 0.18, specular=0.06)
    return layered(
        paint,
        (livery, plain(second, 0.18, specular=0.06)),
        (dark, TRIM),
        (windows, GLASS),
        (frames, TRIM),
        (doors, GLASS),
        (screen, GLASS),
        (back, GLASS),
        (sign, plain("#121315", 0.3)),
        (dots, plain("#ffb52e", 0.5, glow=1.0)),
    )


def _fittings(
    shape: Field,
    half: float,
    w: float,
    top: float,
    lintel: float,
    marks: list[Mark],
    low: tuple[float, ...],
    high: tuple[float, ...],
) -> list[Part]:
    def skin(tool: Field, lift: float) -> Field:
        return common(0.015, lambda p: shape(p) - lift, tool)

    head = mirrored(skin(ellipsoid((half - 0.1, w - 0.33, 0.68), (0.3, 0.22, 0.11)), 0.02))
    rear = mirrored(skin(box((-half, w - 0.2, 0.95), (0.15, 0.09, 0.22), 0.06), 0.02))
    amber = mirrored(skin(box((half - 0.1, w - 0.3, 0.5), (0.3, 0.12, 0.035), 0.03), 0.018))
    bumper = union(
        skin(box((half, 0, 0.43), (0.25, w, 0.1), 0.05), 0.03),
        skin(box((-half, 0, 0.43), (0.2, w, 0.1), 0.05), 0.03),
    )
    grille = skin(box((half, 0, 0.7), (0.25, 0.42, 0.06), 0.05), 0.012)
    plates = union(
        skin(box((half, 0, 0.45), (0.25, 0.26, 0.06), 0.01), 0.042),
        skin(box((-half, 0, 0.8), (0.2, 0.26, 0.07), 0.01), 0.02),
    )
    mx = half - 0.02
    pod = box((mx + 0.06, w + 0.17, lintel - 0.32), (0.06, 0.1, 0.2), 0.055)
    arm = union(
        round_cone(
            (mx - 0.22, w - 0.1, lintel + 0.02), (mx + 0.05, w + 0.12, lintel + 0.05), 0.03, 0.03
        ),
        round_cone(
            (mx + 0.05, w + 0.12, lintel + 0.05), (mx + 0.06, w + 0.16, lintel - 0.2), 0.03, 0.03
        ),
    )
    mirror = mirrored(blend(0.04, pod, arm))
    for side, sign in _SIDES:
        marks.append(
            on_surface(
                f"vehicle_headlight_{side}_center",
                head,
                [half - 0.2, (w - 0.33) * sign, 0.68],
                [-1, 0, 0],
            )
        )
        marks.append(
            on_surface(
                f"vehicle_taillight_{side}_center",
                rear,
                [-half + 0.1, (w - 0.2) * sign, 0.95],
                [1, 0, 0],
            )
        )
        marks.append(
            on_surface(
                f"vehicle_mirror_{side}_center",
                mirror,
                [mx + 0.06, (w + 0.17) * sign, lintel - 0.32],
                [0, -sign, 0],
                0.02,
            )
        )
    marks.append(
        on_surface("vehicle_plate_front_center", plates, [half - 0.3, 0.0, 0.45], [-1, 0, 0])
    )
    marks.append(on_surface("vehicle_plate_rear_center", plates, [0.3 - half, 0.0, 0.8], [1, 0, 0]))
    return [
        Part(mesh_of(head, low, high, 170), lamp_material((w - 0.33, 0.68), (0.22, 0.11))),
        Part(mesh_of(rear, low, high, 150), RED_LAMP),
        Part(mesh_of(amber, low, high, 150), AMBER_LAMP),
        Part(mesh_of(bumper, low, high, 130), TRIM),
        Part(mesh_of(grille, low, high, 130), plain("#15171a", 0.4)),
        Part(mesh_of(plates, low, high, 120), plain("#eceff2", 0.5)),
        Part(mesh_of(mirror, low, high, 130), TRIM),
    ]
