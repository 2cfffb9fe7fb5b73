"""Floors, walls, skies and far things for an object to stand among."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.camera import direction
from lvlm_eval.synthetic.fields import Field, Points, blend, ellipsoid, round_cone, union
from lvlm_eval.synthetic.light import Light, Sky, gradient_sky
from lvlm_eval.synthetic.materials import (
    Mask,
    Material,
    layered,
    layered_noise,
    linear,
    noise,
    plain,
    step,
    tinted,
)
from lvlm_eval.synthetic.shapes import Mesh, Part, mesh_of, quad
from lvlm_eval.synthetic.wheels import placed


@dataclass(frozen=True)
class Place:
    """What stands around an object: things with shadows, things without, and the light."""

    props: tuple[Part, ...]
    stage: tuple[Part, ...]
    light: Light


def _pick(rng: Generator, *options: str) -> str:
    return options[int(rng.integers(len(options)))]


def _ground(material: Material, reach: float) -> Part:
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]]) * reach
    return Part(quad(corners), material)


def _block(center: Points, half: Points, turn: float) -> Mesh:
    """A plain box (standing turned about z by ``turn`` radians), each face with its own normals."""
    c, s = np.cos(turn), np.sin(turn)
    matrix = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
    vertices, normals, faces = [], [], []
    for axis in range(3):
        for sign in (1.0, -1.0):
            u, v = np.eye(3)[(axis + 1) % 3], np.eye(3)[(axis + 2) % 3]
            n = np.eye(3)[axis] * sign
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
                vertices.append((n + a * u * sign + b * v) * half)
                normals.append(n)
            i = len(vertices) - 4
            faces += [[i, i + 1, i + 2], [i, i + 2, i + 3]]
    return Mesh(np.array(vertices) @ matrix.T + center, np.array(normals) @ matrix.T, np.array(faces))


def _landscape(sky: Sky, rng: Generator, hills: tuple[str, str], cloud: float) -> Sky:
    """``sky`` with two rows of hills and clouds, for sharp rays; blurred reflections see the plain sky."""
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
            wave = sum(np.sin(angle * f + phase[k + i]) / (i + 1) for i, f in enumerate((3, 7, 13, 23)))
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
    zenith = linear(("#3f7fd0", "#7fa9d6", "#6c86c4", "#4a90c8")[mood]) * (1.0, 1.15, 0.9, 1.05)[mood]
    horizon = linear(("#d3e6f7", "#eef2f5", "#f9d9b4", "#dff0f2")[mood]) * (1.15, 1.2, 1.1, 1.15)[mood]
    sun = np.array([(1.0, 0.95, 0.86), (1.0, 0.96, 0.9), (1.0, 0.8, 0.58), (1.0, 0.97, 0.9)][mood])
    strength = (2.8, 1.7, 2.7, 3.0)[mood]
    key = direction(side, rise)
    below = linear(floor)
    sky = gradient_sky(zenith, horizon, below * 0.8, [(key, 0.995, sun * 6.0)])
    # The sun's own disc is in the sky for reflections only; it never stands before the camera.
    return Light(_landscape(sky, rng, hills, (0.9, 1.6, 1.0, 0.6)[mood]), key, sun * strength, 2.2, below, 1.2)


def _tree(rng: Generator, leaf: str) -> tuple[Mesh, Mesh, Material, Material]:
    k = rng.uniform
    balls: list[Field] = [ellipsoid((0, 0, 0.68), (0.27, 0.27, 0.26))]
    for i in range(6):
        a = i * 1.05 + k(0, 0.5)
        balls.append(ellipsoid((0.2 * np.cos(a), 0.2 * np.sin(a), k(0.55, 0.82)), (k(0.13, 0.19),) * 3))
    crown = mesh_of(blend(0.04, *balls), (-0.7, -0.7, 0.1), (0.7, 0.7, 1.2), 40)
    trunk = mesh_of(round_cone((0, 0, -0.02), (0, 0, 0.5), 0.045, 0.03), (-0.3, -0.3, -0.1), (0.3, 0.3, 0.7), 30)
    salt = int(rng.integers(100))

    def mottle(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, 0.5, salt)

    return crown, trunk, tinted(plain(leaf, 0.9, fuzz=0.4), mottle, 0.35), plain("#6b4a32", 0.9)


def _trees(
    rng: Generator, azimuth: float, size: float, leaves: tuple[str, ...], heights: tuple[float, float], count: int
) -> tuple[list[Part], list[tuple[float, float, float]]]:
    """Trees in the far half of the view: parts, and (x, y, spread) of each for its shade on the ground."""
    parts, spots = [], []
    crown, trunk, leaf, bark = _tree(rng, _pick(rng, *leaves))
    drop = float(rng.uniform(0.18, 0.42))
    for _ in range(count):
        angle = np.radians(azimuth + 180 + float(rng.uniform(-38, 38)))
        far = size * float(rng.uniform(2.6, 6.5))
        tall = size * float(rng.uniform(*heights))
        x, y = far * np.cos(angle), far * np.sin(angle)
        for mesh, material in ((crown, leaf), (trunk, bark)):
            parts.append(Part(placed(Mesh(mesh.vertices * tall, mesh.normals, mesh.faces), (x, y, -drop * tall)), material))
        spots.append((x, y, tall * 0.3))
    return parts, spots


def _shaded(base: Material, spots: list[tuple[float, float, float]]) -> Material:
    """The ground with soft shade below far things, which throw no real shadows."""

    def dim(p: Points, n: Points) -> NDArray[np.float64]:
        total = np.zeros(len(p))
        for x, y, spread in spots:
            total = np.maximum(total, np.exp(-((p[:, 0] - x) ** 2 + (p[:, 1] - y) ** 2) / (spread * spread)))
        return total * 0.75

    return layered(base, (dim, plain("#14180f", 1.0, specular=0.0)))


def _grass(rng: Generator, size: float, colors: tuple[str, str, str]) -> Material:
    salt = int(rng.integers(1000))

    def patches(p: Points, n: Points) -> NDArray[np.float64]:
        return np.clip(layered_noise(p, size * 0.8, salt) * 2.2 - 0.6, 0, 1)

    def tufts(p: Points, n: Points) -> NDArray[np.float64]:
        near = np.exp(-np.linalg.norm(p[:, :2], axis=1) / (size * 3))
        return 0.5 + (layered_noise(p * [1, 1, 0], size * 0.05, salt + 4, 2) - 0.5) * near

    rough = {"roughness": 1.0, "specular": 0.0}
    base = layered(plain(colors[0], **rough), (patches, plain(colors[1], **rough)))
    return tinted(base, tufts, 0.45)


def _hazy(base: Material, haze: str, start: float, full: float) -> Material:
    """``base`` that fades into a haze with distance from the object."""

    def far(p: Points, n: Points) -> NDArray[np.float64]:
        return np.clip((np.linalg.norm(p[:, :2], axis=1) - start) / (full - start), 0, 1) * 0.8

    return layered(base, (far, plain(haze, 1.0, specular=0.0)))


def meadow(rng: Generator, azimuth: float, size: float) -> Place:
    """Grass, hills and trees."""
    dry = bool(rng.random() < 0.35)
    colors = ("#c3ac6e", "#ab9659", "#d4be84") if dry else ("#8fac66", "#7c9c58", "#a5bc7c")
    hills = ("#9a9a62", "#9fb0b5") if dry else ("#5f8a55", "#8fb0b8")
    leaves = ("#6f8038", "#7d8a45") if dry else ("#5f8f4c", "#759f58", "#4f8058")
    parts, spots = _trees(rng, azimuth, size, leaves, (0.4, 0.9), int(rng.integers(3, 8)))
    ground = _hazy(_shaded(_grass(rng, size, colors), spots), hills[0], size * 8, size * 40)
    return Place((), (_ground(ground, size * 90), *parts), _daylight(rng, azimuth, colors[0], hills))


def street(rng: Generator, azimuth: float, size: float) -> Place:
    """A road along the object, kerbs, grass or pavement, houses or trees behind."""
    salt = int(rng.integers(1000))
    half_road = size * float(rng.uniform(0.75, 1.0))
    shift = size * float(rng.uniform(-0.2, 0.2))
    green = ("#93ad6c", "#829f5e", "#a6bb7f")

    def speckle(p: Points, n: Points) -> NDArray[np.float64]:
        return 0.6 * layered_noise(p, size * 0.4, salt) + 0.4 * layered_noise(p, size * 0.02, salt + 1, 2)

    def road(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs(p[:, 1] - shift) - half_road, size * 0.004)

    def kerb(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs(np.abs(p[:, 1] - shift) - half_road - size * 0.03) - size * 0.03, size * 0.004)

    def pavement(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs(np.abs(p[:, 1] - shift) - half_road - size * 0.25) - size * 0.25, size * 0.004)

    def slabs(p: Points, n: Points) -> NDArray[np.float64]:
        joint = np.abs((p[:, 0] / (size * 0.22)) % 1.0 - 0.5)
        return step(0.47 - joint, 0.02) * pavement(p, n) * 0.5

    def paint(p: Points, n: Points) -> NDArray[np.float64]:
        dash = ((p[:, 0] / (size * 0.7)) % 1.0) < 0.5
        lane = step(np.abs(np.abs(p[:, 1] - shift) - half_road * 0.86) - size * 0.016, size * 0.004)
        middle = step(np.abs(p[:, 1] - shift - half_road * 0.55) - size * 0.013, size * 0.004) * dash
        return np.maximum(lane, middle) * 0.85

    rough = {"roughness": 0.95, "specular": 0.02}
    asphalt = tinted(plain(_pick(rng, "#6d7074", "#7b7a78", "#62666c"), **rough), speckle, 0.16)
    base = layered(_grass(rng, size, green), (pavement, tinted(plain("#b9b3a8", **rough), speckle, 0.1)),
                   (slabs, plain("#8f8a81", **rough)), (road, layered(asphalt, (paint, plain("#e9e6dc", **rough)))),
                   (kerb, plain("#cfcac0", **rough)))
    parts, spots = _trees(rng, azimuth, size, ("#5f8f4c", "#759f58", "#4f8058"), (0.4, 0.85), int(rng.integers(3, 7)))
    if rng.random() < 0.55:
        parts, spots = [], []
        parts += _houses(rng, azimuth, size)
    ground = _hazy(_shaded(base, spots), "#8fa58a", size * 10, size * 45)
    return Place((), (_ground(ground, size * 90), *parts), _daylight(rng, azimuth, "#77787a", ("#6b8f62", "#97b2bb")))


def _houses(rng: Generator, azimuth: float, size: float) -> list[Part]:
    parts = []
    away = np.radians(azimuth + 180)
    along = np.array([-np.sin(away), np.cos(away), 0.0])
    start = -size * 3.4
    while start < size * 3.4:
        wide = size * float(rng.uniform(0.7, 1.25))
        tall = size * float(rng.uniform(0.8, 1.7))
        deep = size * 0.5
        center = np.array([np.cos(away), np.sin(away), 0.0]) * (size * 3.3 + deep) + along * (start + wide / 2)
        wall = _pick(rng, "#e3cdb0", "#c9a08a", "#d8d5cc", "#b7c4c0", "#cdb3a2", "#e8dcc0", "#a9b7c6")
        mesh = _block(center + [0, 0, tall / 2], np.array([deep, wide / 2, tall / 2]), float(away))
        cell = size * 0.22

        def panes(p: Points, n: Points, c: Points = center, cell: float = cell, tall: float = tall) -> NDArray[np.float64]:
            u = ((p - c) @ along / cell + 0.5) % 1.0 - 0.5
            v = (p[:, 2] / (cell * 1.25)) % 1.0 - 0.5
            inside = np.maximum(np.abs(u) - 0.24, np.abs(v) - 0.28)
            return step(inside, 0.03) * (np.abs(n[:, 2]) < 0.5) * (p[:, 2] > cell * 0.3) * (p[:, 2] < tall - cell * 0.3)

        glass = plain("#5d7182", 0.15, specular=0.08)
        parts.append(Part(mesh, layered(plain(wall, 0.9), (panes, glass))))
        start += wide * 1.02
    return parts


def apron(rng: Generator, azimuth: float, size: float) -> Place:
    """Concrete with joints and guiding lines, grass and hills behind."""
    salt = int(rng.integers(1000))
    edge = size * float(rng.uniform(1.8, 2.6))

    def stains(p: Points, n: Points) -> NDArray[np.float64]:
        return 0.65 * layered_noise(p, size * 0.6, salt) + 0.35 * layered_noise(p, size * 0.02, salt + 1, 2)

    def joints(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = (np.abs((p[:, i] / (size * 0.8) + 0.25) % 1.0 - 0.5) for i in (0, 1))
        return np.maximum(step(u - 0.006, 0.006), step(v - 0.006, 0.006)) * 0.5

    def line(p: Points, n: Points) -> NDArray[np.float64]:
        straight = np.abs(p[:, 1]) - size * 0.014
        ring = np.abs(np.hypot(p[:, 0] + size * 0.2, p[:, 1] - size * 1.2) - size * 1.2) - size * 0.012
        return step(np.minimum(straight, ring), size * 0.004) * 0.9

    def slab(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.maximum(np.abs(p[:, 1]) - edge, np.abs(p[:, 0]) - edge * 2.2), size * 0.01)

    rough = {"roughness": 0.9, "specular": 0.03}
    concrete = tinted(plain(_pick(rng, "#a9a9a6", "#8f9296", "#b3aea4"), **rough), stains, 0.13)
    concrete = layered(concrete, (joints, plain("#5f605f", **rough)), (line, plain("#e8b92e", **rough)))
    base = layered(_grass(rng, size, ("#93ad6c", "#829f5e", "#a6bb7f")), (slab, concrete))
    ground = _hazy(base, "#93a98d", size * 8, size * 40)
    return Place((), (_ground(ground, size * 90),), _daylight(rng, azimuth, "#9a9a96", ("#6b8f62", "#97b2bb")))


def _indoor_light(rng: Generator, azimuth: float, floor: str, wall: str) -> Light:
    side = azimuth + float(rng.choice([-1.0, 1.0])) * float(rng.uniform(30, 80))
    key = direction(side, float(rng.uniform(38, 58)))
    warm = float(rng.uniform(0, 1))
    color = np.array([1.0, 0.95 - 0.05 * warm, 0.9 - 0.16 * warm])
    paint = linear(wall)
    window = direction(azimuth + float(rng.uniform(-60, 60)), 35.0)
    sky = gradient_sky(
        np.array([0.92, 0.93, 0.95]), 0.45 + paint * 0.55, linear(floor) * 0.7,
        [(key, 0.95, color * 2.6), (window, 0.975, np.array([1.6, 1.7, 1.9]))],
    )
    return Light(sky, key, color * float(rng.uniform(1.5, 2.1)), 6.0, linear(floor), 1.25)


def _planks(rng: Generator, size: float, color: str) -> Material:
    salt = int(rng.integers(1000))
    wide = size * float(rng.uniform(0.07, 0.11))
    spin = float(rng.uniform(0, np.pi))
    c, s = np.cos(spin), np.sin(spin)

    def coordinates(p: Points) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        u, v = p[:, 0] * c + p[:, 1] * s, -p[:, 0] * s + p[:, 1] * c
        row = np.floor(v / wide)
        return u + (row * 0.618 % 1.0) * wide * 9, v, row

    def tone(p: Points, n: Points) -> NDArray[np.float64]:
        u, v, row = coordinates(p)
        board = np.column_stack([np.floor(u / (wide * 9)), row, np.zeros(len(p))])
        streak = layered_noise(np.column_stack([u * 0.15, v, row]), wide * 0.35, salt)
        return 0.55 * noise(board + 0.001, 1.0, salt + 3) + 0.45 * streak

    def joints(p: Points, n: Points) -> NDArray[np.float64]:
        u, v, _ = coordinates(p)
        a = np.minimum(v % wide, wide - v % wide)
        b = np.minimum(u % (wide * 9), wide * 9 - u % (wide * 9))
        return step(np.minimum(a, b) - wide * 0.012, wide * 0.02) * 0.6

    shine = {"roughness": 0.45, "specular": 0.035}
    return layered(tinted(plain(color, **shine), tone, 0.2), (joints, plain("#3a281a", **shine)))


def _tiles(rng: Generator, size: float, color: str, joint: str) -> Material:
    wide = size * float(rng.uniform(0.18, 0.3))
    salt = int(rng.integers(1000))
    spin = float(rng.uniform(0, np.pi / 2))
    c, s = np.cos(spin), np.sin(spin)

    def grid(p: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (p[:, 0] * c + p[:, 1] * s) / wide, (-p[:, 0] * s + p[:, 1] * c) / wide

    def joints(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = grid(p)
        d = np.minimum(np.minimum(u % 1, 1 - u % 1), np.minimum(v % 1, 1 - v % 1))
        return step(d - 0.012, 0.014)

    def tone(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = grid(p)
        board = np.column_stack([np.floor(u), np.floor(v), np.zeros(len(p))])
        return 0.5 * noise(board + 0.001, 1.0, salt) + 0.5 * layered_noise(p, wide * 0.7, salt + 2)

    shine = {"roughness": 0.3, "specular": 0.04}
    return layered(tinted(plain(color, **shine), tone, 0.09), (joints, plain(joint, 0.8)))


def _wall(azimuth: float, distance: float, reach: float, material: Material, turn: float) -> Part:
    away = direction(azimuth + 180 + turn, 0.0)
    side = np.array([-away[1], away[0], 0.0])
    base = away * distance
    corners = np.array([base - side * reach, base + side * reach, base + side * reach + [0, 0, reach], base - side * reach + [0, 0, reach]])
    # Counter-clockwise as seen from the room.
    return Part(quad(corners[::-1]), material)


def room(rng: Generator, azimuth: float, size: float) -> Place:
    """A room's floor and walls, with a skirting board, now and then a rug, a picture and a plant."""
    wall = _pick(rng, "#d9cfc0", "#b9c7c4", "#cfd6db", "#d8b9a4", "#a9b8a4", "#e3dccb", "#8fa3b3", "#c7b7c9", "#d9c48f")
    floor = _pick(rng, "#a9764a", "#c69c6d", "#7d563a", "#b98d62", "#d0b48e")
    if rng.random() < 0.3:
        floor = _pick(rng, "#cfc8bb", "#9aa1a3", "#b8a690")
        ground = _tiles(rng, size, floor, "#77726a")
    else:
        ground = _planks(rng, size, floor)
    if rng.random() < 0.55:
        ground = layered(ground, *_rug(rng, size))
    turn = float(rng.uniform(-16, 16))
    distance = size * float(rng.uniform(0.75, 1.15))
    paint = plain(wall, 0.9, specular=0.02)
    skirting = plain("#f2efe8", 0.5)

    def low(p: Points, n: Points) -> NDArray[np.float64]:
        return step(p[:, 2] - size * 0.085, size * 0.004)

    def line(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs(p[:, 2] - size * 0.087) - size * 0.003, size * 0.003) * 0.4

    surface = layered(paint, (low, skirting), (line, plain("#6a655d", 0.9)))
    stage = [_ground(ground, size * 12), _wall(azimuth, distance, size * 9, surface, turn)]
    corner = float(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.5:
        stage.append(_wall(azimuth, size * float(rng.uniform(1.5, 1.9)), size * 9, surface, turn + corner * 90))
    if rng.random() < 0.6:
        stage += _picture(rng, azimuth + turn, distance, size)
    props: list[Part] = []
    if rng.random() < 0.5:
        away = direction(azimuth + 180 + turn, 0.0)
        side = np.array([-away[1], away[0], 0.0])
        place = away * distance * 0.72 - side * corner * size * float(rng.uniform(0.75, 0.95))
        props += _plant(rng, place, size * float(rng.uniform(0.5, 0.75)))
    return Place(tuple(props), tuple(stage), _indoor_light(rng, azimuth, floor, wall))


def _rug(rng: Generator, size: float) -> list[tuple[Mask, Material]]:
    color, rim = _pick(rng, "#8c3f38", "#37556b", "#d8cdb8", "#5d6b4e", "#c08a4b"), _pick(rng, "#e9dfca", "#2c2f33", "#c9a66b")
    half = size * np.array([0.78, 0.95]) * float(rng.uniform(0.85, 1.05))
    rounded = rng.random() < 0.4
    salt = int(rng.integers(1000))

    def edge(p: Points) -> NDArray[np.float64]:
        if rounded:
            return np.hypot(p[:, 0], p[:, 1]) - float(half.max()) * 0.95
        return np.maximum(np.abs(p[:, 0]) - half[0], np.abs(p[:, 1]) - half[1])

    def rug(p: Points, n: Points) -> NDArray[np.float64]:
        return step(edge(p), size * 0.005)

    def border(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.abs(edge(p) + size * 0.08) - size * 0.02, size * 0.005)

    def pile(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, size * 0.03, salt)

    soft = {"roughness": 1.0, "specular": 0.0, "fuzz": 0.4}
    return [(rug, tinted(layered(plain(color, **soft), (border, plain(rim, **soft))), pile, 0.14))]


def _picture(rng: Generator, azimuth: float, distance: float, size: float) -> list[Part]:
    """A framed picture of simple shapes on the back wall."""
    away = direction(azimuth + 180, 0.0)
    side = np.array([-away[1], away[0], 0.0])
    center = away * (distance - size * 0.012) + side * size * float(rng.uniform(-0.6, 0.6)) + np.array([0, 0, size * float(rng.uniform(0.9, 1.05))])
    half = size * np.array([0.2, 0.26])
    colors = [_pick(rng, "#d9694f", "#e4a73d"), _pick(rng, "#3f6f7d", "#32435c"), _pick(rng, "#f2e8d6", "#e6d7c0")]
    hill = float(rng.uniform(-0.3, 0.1))

    def coordinates(p: Points) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return (p - center) @ side / half[0], (p[:, 2] - center[2]) / half[1]

    def inner(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = coordinates(p)
        return step(np.maximum(np.abs(u) - 0.86, np.abs(v) - 0.89), 0.02)

    def sun(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = coordinates(p)
        return step(np.hypot(u - 0.15, (v - 0.25) * 1.3) - 0.36, 0.02) * inner(p, n)

    def land(p: Points, n: Points) -> NDArray[np.float64]:
        u, v = coordinates(p)
        return step(v - hill - 0.16 * np.sin(u * 2.6), 0.02) * inner(p, n)

    paint = layered(plain("#3a2b20", 0.5), (inner, plain(colors[2], 0.9)), (sun, plain(colors[0], 0.9)), (land, plain(colors[1], 0.9)))
    turn = float(np.arctan2(away[1], away[0]))
    return [Part(_block(center, np.array([size * 0.012, half[0], half[1]]), turn), paint)]


def _plant(rng: Generator, place: Points, tall: float) -> list[Part]:
    """A pot with long leaves, ``tall`` in all."""
    pot = round_cone((0, 0, 0.07), (0, 0, 0.2), 0.1, 0.13)
    leaves: list[Field] = []
    for i in range(9):
        a = i * 2.4 + float(rng.uniform(-0.3, 0.3))
        lean = float(rng.uniform(0.25, 0.75))
        axis = np.array([np.cos(a) * lean, np.sin(a) * lean, 1.0])
        axis = axis / np.linalg.norm(axis)
        side = np.cross(axis, [0.0, 0.0, 1.0])
        side = side / np.linalg.norm(side)
        length = float(rng.uniform(0.24, 0.34))
        leaves.append(ellipsoid(np.array([0, 0, 0.26]) + axis * length, (length, 0.065, 0.016), np.stack([axis, side, np.cross(axis, side)])))
    low, high = (-0.7, -0.7, -0.1), (0.7, 0.7, 1.2)
    parts = []
    for field, color, resolution in ((pot, _pick(rng, "#c9774d", "#e8e2d6", "#4d5a63"), 40), (union(*leaves), _pick(rng, "#4f7d46", "#3f6b4f", "#6d8f4d"), 110)):
        mesh = mesh_of(field, low, high, resolution)
        parts.append(Part(placed(Mesh(mesh.vertices * tall, mesh.normals, mesh.faces), place), plain(color, 0.55)))
    return parts


def kitchen(rng: Generator, azimuth: float, size: float) -> Place:
    """A table top before a tiled or painted wall, with some fruit."""
    wall = _pick(rng, "#dfe6e4", "#c7d3cf", "#e6d9c3", "#b5c4cf", "#d9bfa8", "#c3cdb4", "#e9e4da")
    top = _pick(rng, "#b98553", "#8c5d38", "#d3ad7f", "#a8754a")
    if rng.random() < 0.3:
        top = _pick(rng, "#e4e1db", "#5b6066")
        marks = int(rng.integers(1000))

        def veins(p: Points, n: Points) -> NDArray[np.float64]:
            return np.clip(1 - np.abs(layered_noise(p, size * 0.7, marks) - 0.5) * 14, 0, 1)

        table: Material = layered(plain(top, 0.2, specular=0.045), (lambda p, n: veins(p, n) * 0.35, plain("#8d8f93", 0.2)))
    else:
        table = _planks(rng, size * 1.8, top)
    paint = plain(wall, 0.9, specular=0.02)
    if rng.random() < 0.5:
        paint = _bricks(size, wall, azimuth)
    stage = [_ground(table, size * 14), _wall(azimuth, size * float(rng.uniform(1.0, 1.7)), size * 12, paint, float(rng.uniform(-14, 14)))]
    props = []
    if rng.random() < 0.65:
        away = direction(azimuth + 180, 0.0)
        side = np.array([-away[1], away[0], 0.0]) * float(rng.choice([-1.0, 1.0]))
        color = _pick(rng, "#e8902a", "#f0cf3f", "#c43d33", "#8fae3e")
        for i in range(int(rng.integers(1, 4))):
            r = size * float(rng.uniform(0.075, 0.095))
            place = side * size * (0.62 + 0.17 * i) + away * size * float(rng.uniform(0.1, 0.5))
            props.append(_fruit(place + np.array([0, 0, r * 0.93]), r, color))
    return Place(tuple(props), tuple(stage), _indoor_light(rng, azimuth, top, wall))


def _bricks(size: float, color: str, azimuth: float) -> Material:
    away = direction(azimuth + 180, 0.0)
    side = np.array([-away[1], away[0], 0.0])

    def joints(p: Points, n: Points) -> NDArray[np.float64]:
        row = p[:, 2] / (size * 0.14)
        u = (p @ side / (size * 0.28) + 0.5 * (np.floor(row) % 2)) % 1.0
        d = np.minimum(np.minimum(u, 1 - u) * 2, np.minimum(row % 1, 1 - row % 1))
        return step(d - 0.03, 0.03)

    return layered(plain(color, 0.25, specular=0.04), (joints, plain("#f3f1ec", 0.9)))


def _fruit(center: Points, radius: float, color: str) -> Part:
    dent = center + [0, 0, radius * 0.95]
    field = ellipsoid(center, (radius, radius, radius * 0.94))
    mesh = mesh_of(field, center - radius * 1.5, center + radius * 1.5, 36)

    def stem(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.linalg.norm(p - dent, axis=1) - radius * 0.16, radius * 0.05)

    return Part(mesh, layered(plain(color, 0.4, specular=0.045), (stem, plain("#5a4a25", 0.8))))
