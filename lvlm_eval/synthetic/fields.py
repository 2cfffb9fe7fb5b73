"""Signed distance fields: functions from points (N, 3) to distances (N,), negative inside.

Everything that is modelled here is a field, because fields blend: a leg grows out of a body and a
spout out of a pot with one smooth union, and a keypoint can be put on a surface exactly, by finding
a root along a line.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Distances = NDArray[np.float64]
Field = Callable[[Points], Distances]
Vec = Sequence[float] | NDArray[np.float64]


def vec(*values: float) -> Points:
    """An array of the numbers, to be added to points."""
    return np.array(values, float)


def sphere(center: Vec, radius: float) -> Field:
    """A ball."""
    c = np.asarray(center, float)
    return lambda p: np.linalg.norm(p - c, axis=1) - radius


def ellipsoid(center: Vec, radii: Vec, axes: NDArray[np.float64] | None = None) -> Field:
    """An ellipsoid with its half axes along x, y, z, or along the rows of ``axes`` (3, 3)."""
    c, r = np.asarray(center, float), np.asarray(radii, float)

    def distance(p: Points) -> Distances:
        q = p - c
        if axes is not None:
            q = q @ axes.T
        near = np.linalg.norm(q / r, axis=1)
        slope = np.linalg.norm(q / (r * r), axis=1)
        result: Distances = np.where(
            slope > 1e-9, near * (near - 1.0) / np.maximum(slope, 1e-9), -r.min()
        )
        return result

    return distance


def box(
    center: Vec, half: Vec, rounding: float = 0.0, axes: NDArray[np.float64] | None = None
) -> Field:
    """A box with half sides ``half`` and edges rounded by ``rounding`` (the outer size is kept)."""
    c = np.asarray(center, float)
    inner = np.maximum(np.asarray(half, float) - rounding, 1e-6)

    def distance(p: Points) -> Distances:
        local = p - c
        if axes is not None:
            local = local @ axes.T
        q = np.abs(local) - inner
        outside = np.linalg.norm(np.maximum(q, 0.0), axis=1)
        result: Distances = outside + np.minimum(q.max(axis=1), 0.0) - rounding
        return result

    return distance


def round_cone(start: Vec, end: Vec, start_radius: float, end_radius: float) -> Field:
    """The hull of two balls: a limb that gets thinner."""
    a, b = np.asarray(start, float), np.asarray(end, float)
    axis = b - a
    length = float(np.linalg.norm(axis))
    if length <= abs(start_radius - end_radius) + 1e-9:
        return sphere(a, start_radius) if start_radius >= end_radius else sphere(b, end_radius)
    unit = axis / length
    sine = (start_radius - end_radius) / length
    cosine = float(np.sqrt(1.0 - sine * sine))

    def distance(p: Points) -> Distances:
        q = p - a
        along = q @ unit
        aside = np.sqrt(np.maximum((q * q).sum(axis=1) - along * along, 0.0))
        t = np.clip((along - aside * sine / cosine) / length, 0.0, 1.0)
        reach = np.hypot(along - t * length, aside)
        result: Distances = reach - (start_radius + t * (end_radius - start_radius))
        return result

    return distance


def cylinder(
    center: Vec, axis: Vec, radius: float, half_length: float, rounding: float = 0.0
) -> Field:
    """A round rod or disc about ``axis`` with rounded rims."""
    c, n = np.asarray(center, float), np.asarray(axis, float)
    n = n / np.linalg.norm(n)

    def distance(p: Points) -> Distances:
        q = p - c
        along = q @ n
        aside = np.sqrt(np.maximum((q * q).sum(axis=1) - along * along, 0.0))
        dx = aside - (radius - rounding)
        dy = np.abs(along) - (half_length - rounding)
        result: Distances = (
            np.hypot(np.maximum(dx, 0.0), np.maximum(dy, 0.0))
            + np.minimum(np.maximum(dx, dy), 0.0)
            - rounding
        )
        return result

    return distance


def torus(center: Vec, axis: Vec, radius: float, thickness: float) -> Field:
    """A ring about ``axis``."""
    c, n = np.asarray(center, float), np.asarray(axis, float)
    n = n / np.linalg.norm(n)

    def distance(p: Points) -> Distances:
        q = p - c
        along = q @ n
        aside = np.sqrt(np.maximum((q * q).sum(axis=1) - along * along, 0.0))
        result: Distances = np.hypot(aside - radius, along) - thickness
        return result

    return distance


def curve(points: Sequence[Vec], steps: int = 8) -> Points:
    """A smooth curve through ``points`` (K, D).

    The result holds (K - 1) * steps + 1 samples of the Catmull-Rom spline.
    """
    given = np.asarray(points, float)
    padded = np.vstack([2 * given[0] - given[1], given, 2 * given[-1] - given[-2]])
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[:, None]
    rows = []
    for i in range(len(given) - 1):
        p0, p1, p2, p3 = padded[i : i + 4]
        rows.append(
            0.5
            * (
                2 * p1
                + (p2 - p0) * t
                + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2
                + (3 * p1 - p0 - 3 * p2 + p3) * t**3
            )
        )
    return np.vstack([*rows, given[-1:]])


def tube(points: Sequence[Vec], radii: Sequence[float], steps: int = 8) -> Field:
    """A tube along the smooth curve through ``points``.

    ``radii`` (one a point) are interpolated likewise.
    """
    path = curve(points, steps)
    thickness = curve([[r] for r in radii], steps)[:, 0]
    pieces = [
        round_cone(path[i], path[i + 1], float(thickness[i]), float(thickness[i + 1]))
        for i in range(len(path) - 1)
    ]
    return union(*pieces)


def polygon_distance(corners: Points, p: Points) -> Distances:
    """Signed distance (N,) of plane points (N, 2) to a closed polygon (K, 2).

    It is negative inside.
    """
    best = np.full(len(p), np.inf)
    inside = np.zeros(len(p), bool)
    for i in range(len(corners)):
        a, b = corners[i - 1], corners[i]
        edge = b - a
        rel = p - a
        t = np.clip(rel @ edge / max(float(edge @ edge), 1e-12), 0.0, 1.0)
        off = rel - t[:, None] * edge
        best = np.minimum(best, (off * off).sum(axis=1))
        if a[1] != b[1]:
            crosses = (a[1] > p[:, 1]) != (b[1] > p[:, 1])
            inside ^= crosses & (p[:, 0] < edge[0] * (p[:, 1] - a[1]) / edge[1] + a[0])
    root = np.sqrt(best)
    signed: Distances = np.where(inside, -root, root)
    return signed


def outline(corners: Points, cells: int = 320) -> Callable[[Points], Distances]:
    """A fixed polygon's :func:`polygon_distance`, read from a table.

    The table has ``cells`` entries along the longer side. It is much faster where a body asks for
    its outline at a million points; between entries the distance is interpolated, so sharp
    corners come out rounded by about a cell.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    step = float((high - low).max()) / cells
    low = low - 4 * step
    count = np.ceil((high - low) / step).astype(int) + 5
    axes = [low[i] + np.arange(count[i]) * step for i in range(2)]
    grid = np.stack(np.meshgrid(axes[0], axes[1], indexing="ij"), axis=-1).reshape(-1, 2)
    table = polygon_distance(corners, grid)

    def distance(p: Points) -> Distances:
        q = (p - low) / step
        held = np.clip(q, 0.0, count - 1.001)
        beyond = np.linalg.norm(q - held, axis=1) * step
        cell = held.astype(np.int64)
        f = held - cell
        index = cell[:, 0] * count[1] + cell[:, 1]
        a = table[index] * (1 - f[:, 0]) + table[index + count[1]] * f[:, 0]
        b = table[index + 1] * (1 - f[:, 0]) + table[index + count[1] + 1] * f[:, 0]
        result: Distances = a * (1 - f[:, 1]) + b * f[:, 1] + beyond
        return result

    return distance


def revolve(profile: Points, rounding: float = 0.0) -> Field:
    """The solid that a closed profile (K, 2) of (radius, height) sweeps about the z axis."""
    profile_distance = outline(profile)

    def distance(p: Points) -> Distances:
        flat = np.column_stack([np.hypot(p[:, 0], p[:, 1]), p[:, 2]])
        return profile_distance(flat) - rounding

    return distance


def union(*fields: Field) -> Field:
    """All of the fields."""

    def distance(p: Points) -> Distances:
        result = fields[0](p)
        for field in fields[1:]:
            result = np.minimum(result, field(p))
        return result

    return distance


def _soft(a: Distances, b: Distances, width: float) -> Distances:
    h = np.maximum(width - np.abs(a - b), 0.0) / width
    result: Distances = np.minimum(a, b) - h * h * width * 0.25
    return result


def blend(width: float, *fields: Field) -> Field:
    """All of the fields, grown together: seams closer than ``width`` are filled smoothly."""

    def distance(p: Points) -> Distances:
        result = fields[0](p)
        for field in fields[1:]:
            result = _soft(result, field(p), width)
        return result

    return distance


def common(width: float, *fields: Field) -> Field:
    """What all fields share, with the edges between them rounded over ``width``."""

    def distance(p: Points) -> Distances:
        result = -fields[0](p)
        for field in fields[1:]:
            result = _soft(result, -field(p), width)
        return -result

    return distance


def carve(width: float, body: Field, *tools: Field) -> Field:
    """``body`` without ``tools``, edges rounded over ``width``."""

    def distance(p: Points) -> Distances:
        result = -body(p)
        for tool in tools:
            result = _soft(result, tool(p), width)
        return -result

    return distance


def shell(body: Field, thickness: float) -> Field:
    """A skin of the given thickness about the surface of ``body``."""
    return lambda p: np.abs(body(p)) - thickness / 2


def mirrored(field: Field) -> Field:
    """The field and its mirror image on the other side (y to -y); model it at positive y."""
    return lambda p: field(p * [1.0, 0.0, 1.0] + np.abs(p) * [0.0, 1.0, 0.0])


def moved(field: Field, offset: Vec) -> Field:
    """The field shifted by ``offset``."""
    shift = np.asarray(offset, float)
    return lambda p: field(p - shift)


def rotation(axis: Vec, degrees: float) -> NDArray[np.float64]:
    """The matrix (3, 3) that turns column vectors about ``axis`` by the right-hand rule."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    angle = np.radians(degrees)
    c, s = np.cos(angle), np.sin(angle)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    outer = np.outer([x, y, z], [x, y, z])
    result: NDArray[np.float64] = c * np.eye(3) + s * cross + (1 - c) * outer
    return result


def turned(field: Field, matrix: NDArray[np.float64], pivot: Vec = (0.0, 0.0, 0.0)) -> Field:
    """The field turned by ``matrix`` about ``pivot``."""
    c = np.asarray(pivot, float)
    return lambda p: field((p - c) @ matrix + c)


def first_hit(field: Field, start: Vec, direction: Vec, reach: float) -> Points:
    """The first surface point (3,) of ``field`` on the ray, found to about 1e-12 of ``reach``.

    Raises:
        ValueError: the ray meets no surface within ``reach``.
    """
    origin, step = np.asarray(start, float), np.asarray(direction, float)
    step = step / np.linalg.norm(step)
    t = np.linspace(0.0, reach, 2001)
    values = field(origin + t[:, None] * step)
    crossing = np.flatnonzero((values[:-1] > 0) & (values[1:] <= 0))
    if len(crossing) == 0:
        raise ValueError(
            f"no surface on the ray from {origin.tolist()} along {step.tolist()} within {reach}"
        )
    low, high = float(t[crossing[0]]), float(t[crossing[0] + 1])
    for _ in range(48):
        middle = (low + high) / 2
        if field((origin + middle * step)[None])[0] > 0:
            low = middle
        else:
            high = middle
    result: Points = origin + (low + high) / 2 * step
    return result
