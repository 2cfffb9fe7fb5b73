"""What surfaces are made of: functions from points and normals to colour, roughness and gloss."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import Points

Color = tuple[float, float, float]


@dataclass(frozen=True)
class Look:
    """How N surface points reflect.

    ``albedo`` (N, 3) is linear; ``roughness``, ``metallic``, ``specular``, ``fuzz`` and ``glow``
    are (N,). ``specular`` is the mirror-like share seen head-on, ``fuzz`` the soft rim of cloth
    and fur, ``glow`` light of its own in units of the albedo.
    """

    albedo: Points
    roughness: NDArray[np.float64]
    metallic: NDArray[np.float64]
    specular: NDArray[np.float64]
    fuzz: NDArray[np.float64]
    glow: NDArray[np.float64]


Material = Callable[[Points, Points], Look]
Mask = Callable[[Points, Points], NDArray[np.float64]]


def linear(color: str) -> Points:
    """Linear light (3,) of a colour written as ``#rrggbb``."""
    value = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    result: Points = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return result


def plain(
    color: str,
    roughness: float = 0.6,
    metallic: float = 0.0,
    specular: float = 0.04,
    fuzz: float = 0.0,
    glow: float = 0.0,
) -> Material:
    """The same everywhere."""
    base = linear(color)

    def look(points: Points, normals: Points) -> Look:
        n = len(points)
        return Look(
            np.repeat(base[None], n, axis=0),
            np.full(n, roughness),
            np.full(n, metallic),
            np.full(n, specular),
            np.full(n, fuzz),
            np.full(n, glow),
        )

    return look


def layered(below: Material, *layers: tuple[Mask, Material]) -> Material:
    """``below``, with each material laid over it where its mask is 1 (values between mix)."""

    def look(points: Points, normals: Points) -> Look:
        now = below(points, normals)
        for mask, material in layers:
            weight = np.clip(mask(points, normals), 0.0, 1.0)
            some = weight > 0
            if not some.any():
                continue
            top = material(points[some], normals[some])
            w = weight[some]

            def mixed(
                a: NDArray[np.float64],
                b: NDArray[np.float64],
                w: NDArray[np.float64] = w,
                some: NDArray[np.bool_] = some,
            ) -> NDArray[np.float64]:
                out = a.copy()
                share = w[:, None] if a.ndim == 2 else w
                out[some] = a[some] * (1 - share) + b * share
                return out

            now = Look(
                mixed(now.albedo, top.albedo),
                mixed(now.roughness, top.roughness),
                mixed(now.metallic, top.metallic),
                mixed(now.specular, top.specular),
                mixed(now.fuzz, top.fuzz),
                mixed(now.glow, top.glow),
            )
        return now

    return look


def tinted(base: Material, shade: Mask, strength: float) -> Material:
    """``base`` made lighter or darker by up to ``strength`` where ``shade`` runs from 0 to 1."""

    def look(points: Points, normals: Points) -> Look:
        now = base(points, normals)
        factor = 1.0 + strength * (shade(points, normals) * 2.0 - 1.0)
        return Look(
            now.albedo * factor[:, None],
            now.roughness,
            now.metallic,
            now.specular,
            now.fuzz,
            now.glow,
        )

    return look


def step(value: NDArray[np.float64], width: float) -> NDArray[np.float64]:
    """1 where ``value`` is well below 0, and 0 where it is well above.

    Between them is a soft edge of ``width``.
    """
    result: NDArray[np.float64] = np.clip(0.5 - value / width, 0.0, 1.0)
    return result


def _lattice(cell: NDArray[np.int64], salt: int) -> NDArray[np.float64]:
    """A number in [0, 1) for each integer cell (N, D), fixed by the cell and the salt."""
    primes = np.array([73856093, 19349663, 83492791], np.int64)[: cell.shape[1]]
    mixed = ((cell * primes).sum(axis=1) ^ (salt * 2654435761)) & 0xFFFFFFFF
    mixed = (mixed ^ (mixed >> 15)) * 2246822519 & 0xFFFFFFFF
    mixed = (mixed ^ (mixed >> 13)) * 3266489917 & 0xFFFFFFFF
    result: NDArray[np.float64] = ((mixed ^ (mixed >> 16)) & 0xFFFFFF) / float(0x1000000)
    return result


def noise(points: Points, scale: float, salt: int = 0) -> NDArray[np.float64]:
    """Smooth random values (N,) in [0, 1] over space, with lumps about ``scale`` wide."""
    q = points / scale
    base = np.floor(q).astype(np.int64)
    f = q - base
    f = f * f * (3 - 2 * f)
    total = np.zeros(len(points))
    for corner in range(2 ** points.shape[1]):
        bits = np.array([(corner >> i) & 1 for i in range(points.shape[1])])
        weight = np.prod(np.where(bits, f, 1 - f), axis=1)
        total += weight * _lattice(base + bits, salt)
    return total


def layered_noise(
    points: Points, scale: float, salt: int = 0, octaves: int = 3
) -> NDArray[np.float64]:
    """Noise of several sizes, in [0, 1]."""
    total, weight = np.zeros(len(points)), 0.0
    for i in range(octaves):
        total += noise(points, scale / 2**i, salt + i) / 2**i
        weight += 1 / 2**i
    return total / weight


def cells(
    points: Points, scale: float, salt: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Irregular cells about ``scale`` wide.

    The results are the distance to the nearest border (N,), in units of space, and a number in
    [0, 1) that names the cell (N,).
    """
    q = points / scale
    base = np.floor(q).astype(np.int64)
    first = np.full(len(points), np.inf)
    second = np.full(len(points), np.inf)
    name = np.zeros(len(points))
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            for dz in (-1, 0, 1):
                cell = base + np.array([dx, dy, dz])
                jitter = np.column_stack([_lattice(cell, salt + k) for k in range(3)])
                d = np.linalg.norm(cell + 0.15 + 0.7 * jitter - q, axis=1)
                closer = d < first
                second = np.where(closer, first, np.minimum(second, d))
                name = np.where(closer, _lattice(cell, salt + 7), name)
                first = np.where(closer, d, first)
    return (second - first) / 2 * scale, name
