"""Places under the sky: meadow, street and airport apron."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.camera import direction
from lvlm_eval.synthetic.fields import Field, Points, blend, ellipsoid, round_cone, vec
from lvlm_eval.synthetic.light import Light, Sky, gradient_sky
from lvlm_eval.synthetic.materials import (
    Material,
    layered,
    layered_noise,
    linear,
    plain,
    step,
    tinted,
)
from lvlm_eval.synthetic.scenery import Place, block, ground_part, pick
from lvlm_eval.synthetic.shapes import Mesh, Part, mesh_of
from lvlm_eval.synthetic.wheels import placed


def _landscape(sky: Sky, rng: Generator, hills: tuple[str, str], cloud: float) -> Sky:
    """``sky`` with two rows of hills and clouds.

    Only sharp rays see them; blurred reflections see the plain sky.
    """
    phase = rng.uniform(0, 2 * np.pi, 8)
    salt = int(rng.integers(1000))
    near, far = linear(hills[0]), linear(hills[1])

    def radiance(rays: Points, roughness: float) -> Points:
        result = sky(rays, roughness)
        if roughness > 0.3:
            return result
        up = rays[:, 2]
        high = np.clip(up, 0.03, 1.0)
        plane = np.column_stack([rays[:, 0] / high, rays[:, 1] / high * 1.6, np.zeros(len(rays))])
        puff = layered_noise(plane, 1.9, salt, 4)
        cover = np.clip((puff - (0.62 - 0.16 * cloud)) / 0.2, 0, 1) * np.clip(up / 0.12, 0, 1)
        result = result + (np.array([1.25, 1.24, 1.22]) - result) * (cover * 0.85)[:, None]
        angle = np.arctan2(rays[:, 1], rays[:, 0])
        for base, height, color, k in ((0.045, 0.03, far, 0), (0.02, 0.022, near, 4)):
            wave = sum(
                np.sin(angle * f + phase[k + i]) / (i + 1) for i, f in enumerate((3, 7, 13, 23))
            )
            edge = base + height * 0.6 * wave
            inside = np.clip((edge - up) / 0.003 + 0.5, 0, 1) * (up > -0.2)
            result = result + (color * 0.9 - result) * inside[:, None]
        return result

    return radiance


def _daylight(rng: Generator, azimuth: float, floor: str, hills: tuple[str, str]) -> Light:
    """Sun from the side and behind the camera, under a clear, hazy or evening sky."""
    mood = int(rng.integers(4))
    side = azimuth + float(rng.choice([-1.0, 1.0])) * float(rng.uniform(25, 75))
    rise = (48.0, 40.0, 24.0, 55.0)[mood] + float(rng.uniform(-6, 6))
    zenith = (
        linear(("#3f7fd0", "#7fa9d6", "#6c86c4", "#4a90c8")[mood]) * (1.0, 1.15, 0.9, 1.05)[mood]
    )
    horizon = (
        linear(("#d3e6f7", "#eef2f5", "#f9d9b4", "#dff0f2")[mood]) * (1.15, 1.2, 1.1, 1.15)[mood]
    )
    sun = np.array([(1.0, 0.95, 0.86), (1.0, 0.96, 0.9), (1.0, 0.8, 0.58), (1.0, 0.97, 0.9)][mood])
    strength = (2.8, 1.7, 2.7, 3.0)[mood]
    key = direction(side, rise)
    below = linear(floor)
    sky = gradient_sky(zenith, horizon, below * 0.8, [(key, 0.995, sun * 6.0)])
    # The sun's own disc is in the sky for reflections only; it never stands before the camera.
    return Light(
        _landscape(sky, rng, hills, (0.9, 1.6, 1.0, 0.6)[mood]),
        key,
        sun * strength,
        2.2,
        below,
        (1.25, 1.35, 1.65, 1.2)[mood],
    )


def _tree(rng: Generator, leaf: str) -> tuple[Mesh, Mesh, Material, Material]:
    k = rng.uniform
    balls: list[Field] = [ellipsoid((0, 0, 0.68), (0.27, 0.27, 0.26))]
    for i in range(6):
        a = i * 1.05 + k(0, 0.5)
        balls.append(
            ellipsoid((0.2 * np.cos(a), 0.2 * np.sin(a), k(0.55, 0.82)), (k(0.13, 0.19),) * 3)
        )
    crown = mesh_of(blend(0.04, *balls), (-0.7, -0.7, 0.1), (0.7, 0.7, 1.2), 40)
    trunk = mesh_of(
        round_cone((0, 0, -0.02), (0, 0, 0.5), 0.045, 0.03), (-0.3, -0.3, -0.1), (0.3, 0.3, 0.7), 30
    )
    salt = int(rng.integers(100))

    def mottle(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, 0.5, salt)

    return crown, trunk, tinted(plain(leaf, 0.9, fuzz=0.4), mottle, 0.35), plain("#6b4a32", 0.9)


def _trees(
    rng: Generator,
    azimuth: float,
    size: float,
    leaves: tuple[str, ...],
    heights: tuple[float, float],
    count: int,
) -> tuple[list[Part], list[tuple[float, float, float]]]:
    """Trees in the far half of the view, and where they shade the ground.

    The shades are (x, y, spread).
    """
    parts, spots = [], []
    crown, trunk, leaf, bark = _tree(rng, pick(rng, *leaves))
    drop = float(rng.uniform(0.18, 0.42))
    for _ in range(count):
        angle = np.radians(azimuth + 180 + float(rng.uniform(-38, 38)))
        far = size * float(rng.uniform(2.6, 6.5))
        tall = size * float(rng.uniform(*heights))
        x, y = far * np.cos(angle), far * np.sin(angle)
        for mesh, material in ((crown, leaf), (trunk, bark)):
            parts.append(
                Part(
                    placed(
                        Mesh(mesh.vertices * tall, mesh.normals, mesh.faces), (x, y, -drop * tall)
                    ),
                    material,
                )
            )
        spots.append((x, y, tall * 0.3))
    return parts, spots


def _shaded(base: Material, spots: list[tuple[float, float, float]]) -> Material:
    """The ground with soft shade below far things, which throw no real shadows."""

    def dim(p: Points, n: Points) -> NDArray[np.float64]:
        total = np.zeros(len(p))
        for x, y, spread in spots:
            total = np.maximum(
                total, np.exp(-((p[:, 0] - x) ** 2 + (p[:, 1] - y) ** 2) / (spread * spread))
            )
        return total * 0.75

    return layered(base, (dim, plain("#14180f", 1.0, specular=0.0)))


def _grass(rng: Generator, size: float, colors: tuple[str, str, str]) -> Material:
    salt = int(rng.integers(1000))

    def patches(p: Points, n: Points) -> NDArray[np.float64]:
        return np.clip(layered_noise(p, size * 0.8, salt) * 2.2 - 0.6, 0, 1)

    def tufts(p: Points, n: Points) -> NDArray[np.float64]:
        near = np.exp(-np.linalg.norm(p[:, :2], axis=1) / (size * 3))
        result: NDArray[np.float64] = (
            0.5 + (layered_noise(p * [1, 1, 0], size * 0.05, salt + 4, 2) - 0.5) * near
        )
        return result

    rough = {"roughness": 1.0, "specular": 0.0}
    base = layered(plain(colors[0], **rough), (patches, plain(colors[1], **rough)))
    return tinted(base, tufts, 0.45)


def _hazy(base: Material, haze: str, start: float, full: float) -> Material:
    """``base`` that fades into a haze with distance from the object."""

    def far(p: Points, n: Points) -> NDArray[np.float64]:
        result: NDArray[np.float64] = (
            np.clip((np.linalg.norm(p[:, :2], axis=1) - start) / (full - start), 0, 1) * 0.8
        )
        return result

    return layered(base, (far, plain(haze, 1.0, specular=0.0)))


def meadow(rng: Generator, azimuth: float, size: float) -> Place:
    """Grass, hills and trees."""
    dry = bool(rng.random() < 0.35)
    colors = ("#c3ac6e", "#ab9659", "#d4be84") if dry else ("#8fac66", "#7c9c58", "#a5bc7c")
    hills = ("#9a9a62", "#9fb0b5") if dry else ("#5f8a55", "#8fb0b8")
    leaves = ("#6f8038", "#7d8a45") if dry else ("#5f8f4c", "#759f58", "#4f8058")
    parts, spots = _trees(rng, azimuth, size, leaves, (0.4, 0.9), int(rng.integers(3, 8)))
    ground = _hazy(_shaded(_grass(rng, size, colors), spots), hills[0], size * 8, size * 40)
    return Place(
        (), (ground_part(ground, size * 90), *parts), _daylight(rng, azimuth, colors[0], hills)
    )


def street(rng: Generator, azimuth: float, size: float) -> Place:
    """A road along the object, kerbs, grass or pavement, houses or trees behind."""
    salt = int(rng.integers(1000))
    half_road = size * float(rng.uniform(0.75, 1.0))
    shift = size * float(rng.uniform(-0.2, 0.2))
    green = ("#93ad6c", "#829f5e", "#a6bb7f")

    def speckle(p: Points, n: Points) -> NDArray[np.float64]:
        return 0.6 * layered_noise(p, size * 0.4, salt) + 0.4 * layered_noise(
            p, size * 0.02, salt + 1, 2
        )

    def road(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs(p[:, 1] - shift) - half_road, size * 0.004)

    def kerb(p: Points, n: Points) -> NDArray[np.float64]:
        return step(
            np.abs(np.abs(p[:, 1] - shift) - half_road - size * 0.03) - size * 0.03, size * 0.004
        )

    def pavement(p: Points, n: Points) -> NDArray[np.float64]:
        return step(
            np.abs(np.abs(p[:, 1] - shift) - half_road - size * 0.25) - size * 0.25, size * 0.004
        )

    def slabs(p: Points, n: Points) -> NDArray[np.float64]:
        joint = np.abs((p[:, 0] / (size * 0.22)) % 1.0 - 0.5)
        return step(0.47 - joint, 0.02) * pavement(p, n) * 0.5

    def paint(p: Points, n: Points) -> NDArray[np.float64]:
        dash = ((p[:, 0] / (size * 0.7)) % 1.0) < 0.5
        lane = step(np.abs(np.abs(p[:, 1] - shift) - half_road * 0.86) - size * 0.016, size * 0.004)
        middle = (
            step(np.abs(p[:, 1] - shift - half_road * 0.55) - size * 0.013, size * 0.004) * dash
        )
        return np.maximum(lane, middle) * 0.85

    rough = {"roughness": 0.95, "specular": 0.02}
    asphalt = tinted(plain(pick(rng, "#6d7074", "#7b7a78", "#62666c"), **rough), speckle, 0.16)
    base = layered(
        _grass(rng, size, green),
        (pavement, tinted(plain("#b9b3a8", **rough), speckle, 0.1)),
        (slabs, plain("#8f8a81", **rough)),
        (road, layered(asphalt, (paint, plain("#e9e6dc", **rough)))),
        (kerb, plain("#cfcac0", **rough)),
    )
    parts, spots = _trees(
        rng, azimuth, size, ("#5f8f4c", "#759f58", "#4f8058"), (0.4, 0.85), int(rng.integers(3, 7))
    )
    if rng.random() < 0.55:
        parts, spots = [], []
        parts += _houses(rng, azimuth, size)
    ground = _hazy(_shaded(base, spots), "#8fa58a", size * 10, size * 45)
    return Place(
        (),
        (ground_part(ground, size * 90), *parts),
        _daylight(rng, azimuth, "#77787a", ("#6b8f62", "#97b2bb")),
    )


def _houses(rng: Generator, azimuth: float, size: float) -> list[Part]:
    parts = []
    away = np.radians(azimuth + 180)
    along = np.array([-np.sin(away), np.cos(away), 0.0])
    start = -size * 3.4
    while start < size * 3.4:
        wide = size * float(rng.uniform(0.7, 1.25))
        tall = size * float(rng.uniform(0.8, 1.7))
        deep = size * 0.5
        center = np.array([np.cos(away), np.sin(away), 0.0]) * (size * 3.3 + deep) + along * (
            start + wide / 2
        )
        wall = pick(
            rng, "#e3cdb0", "#c9a08a", "#d8d5cc", "#b7c4c0", "#cdb3a2", "#e8dcc0", "#a9b7c6"
        )
        mesh = block(
            center + vec(0, 0, tall / 2), np.array([deep, wide / 2, tall / 2]), float(away)
        )
        cell = size * 0.22

        def panes(
            p: Points, n: Points, c: Points = center, cell: float = cell, tall: float = tall
        ) -> NDArray[np.float64]:
            u = ((p - c) @ along / cell + 0.5) % 1.0 - 0.5
            v = (p[:, 2] / (cell * 1.25)) % 1.0 - 0.5
            inside = np.maximum(np.abs(u) - 0.24, np.abs(v) - 0.28)
            return (
                step(inside, 0.03)
                * (np.abs(n[:, 2]) < 0.5)
                * (p[:, 2] > cell * 0.3)
                * (p[:, 2] < tall - cell * 0.3)
            )

        glass = plain("#5d7182", 0.15, specular=0.08)
        parts.append(Part(mesh, layered(plain(wall, 0.9), (panes, glass))))
        start += wide * 1.02
    return parts


def apron(rng: Generator, azimuth: float, size: float) -> Place:
    """Concrete with joints and guiding lines, grass and hills behind."""
    salt = int(rng.integers(1000))
    edge = size * float(rng.uniform(1.8, 2.6))

    def stains(p: Points, n: Points) -> NDArray[np.float64]:
        return 0.65 * layered_noise(p, size * 0.6, salt) + 0.35 * layered_noise(
            p, size * 0.02, salt + 1, 2
        )

    def joints(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = (np.abs((p[:, i] / (size * 0.8) + 0.25) % 1.0 - 0.5) for i in (0, 1))
        return np.maximum(step(u - 0.006, 0.006), step(v - 0.006, 0.006)) * 0.5

    def line(p: Points, n: Points) -> NDArray[np.float64]:
        straight = np.abs(p[:, 1]) - size * 0.014
        ring = (
            np.abs(np.hypot(p[:, 0] + size * 0.2, p[:, 1] - size * 1.2) - size * 1.2) - size * 0.012
        )
        return step(np.minimum(straight, ring), size * 0.004) * 0.9

    def slab(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.maximum(np.abs(p[:, 1]) - edge, np.abs(p[:, 0]) - edge * 2.2), size * 0.01)

    rough = {"roughness": 0.9, "specular": 0.03}
    concrete = tinted(plain(pick(rng, "#a9a9a6", "#8f9296", "#b3aea4"), **rough), stains, 0.13)
    concrete = layered(
        concrete, (joints, plain("#5f605f", **rough)), (line, plain("#e8b92e", **rough))
    )
    base = layered(_grass(rng, size, ("#93ad6c", "#829f5e", "#a6bb7f")), (slab, concrete))
    ground = _hazy(base, "#93a98d", size * 8, size * 40)
    return Place(
        (),
        (ground_part(ground, size * 90),),
        _daylight(rng, azimuth, "#9a9a96", ("#6b8f62", "#97b2bb")),
    )
