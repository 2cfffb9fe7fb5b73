"""Places under a roof: a room and a kitchen table."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.camera import direction
from lvlm_eval.synthetic.fields import Field, Points, ellipsoid, round_cone, union, vec
from lvlm_eval.synthetic.light import Light, gradient_sky
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
from lvlm_eval.synthetic.scenery import Place, block, ground_part, pick
from lvlm_eval.synthetic.shapes import Mesh, Part, mesh_of, quad
from lvlm_eval.synthetic.wheels import placed


def _indoor_light(rng: Generator, azimuth: float, floor: str, wall: str) -> Light:
    side = azimuth + float(rng.choice([-1.0, 1.0])) * float(rng.uniform(30, 80))
    key = direction(side, float(rng.uniform(38, 58)))
    warm = float(rng.uniform(0, 1))
    color = np.array([1.0, 0.95 - 0.05 * warm, 0.9 - 0.16 * warm])
    paint = linear(wall)
    window = direction(azimuth + float(rng.uniform(-60, 60)), 35.0)
    sky = gradient_sky(
        np.array([0.74, 0.75, 0.77]),
        0.36 + paint * 0.44,
        linear(floor) * 0.7,
        [(key, 0.95, color * 2.6), (window, 0.975, np.array([1.6, 1.7, 1.9]))],
    )
    return Light(sky, key, color * float(rng.uniform(2.0, 2.7)), 6.0, linear(floor), 1.12)


def _planks(rng: Generator, size: float, color: str) -> Material:
    salt = int(rng.integers(1000))
    wide = size * float(rng.uniform(0.07, 0.11))
    spin = float(rng.uniform(0, np.pi))
    c, s = np.cos(spin), np.sin(spin)

    def coordinates(
        p: Points,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
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
    corners = np.array(
        [
            base - side * reach,
            base + side * reach,
            base + side * reach + vec(0, 0, reach),
            base - side * reach + vec(0, 0, reach),
        ]
    )
    # Counter-clockwise as seen from the room.
    return Part(quad(corners[::-1]), material)


def room(rng: Generator, azimuth: float, size: float) -> Place:
    """A room's floor and walls, now and then with a rug, a picture and a plant."""
    wall = pick(
        rng,
        "#d9cfc0",
        "#b9c7c4",
        "#cfd6db",
        "#d8b9a4",
        "#a9b8a4",
        "#e3dccb",
        "#8fa3b3",
        "#c7b7c9",
        "#d9c48f",
    )
    floor = pick(rng, "#a9764a", "#c69c6d", "#7d563a", "#b98d62", "#d0b48e")
    if rng.random() < 0.3:
        floor = pick(rng, "#cfc8bb", "#9aa1a3", "#b8a690")
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
    stage = [ground_part(ground, size * 12), _wall(azimuth, distance, size * 9, surface, turn)]
    corner = float(rng.choice([-1.0, 1.0]))
    if rng.random() < 0.5:
        stage.append(
            _wall(
                azimuth, size * float(rng.uniform(1.5, 1.9)), size * 9, surface, turn + corner * 90
            )
        )
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
    color, rim = (
        pick(rng, "#8c3f38", "#37556b", "#d8cdb8", "#5d6b4e", "#c08a4b"),
        pick(rng, "#e9dfca", "#2c2f33", "#c9a66b"),
    )
    half = size * np.array([0.78, 0.95]) * float(rng.uniform(0.85, 1.05))
    rounded = rng.random() < 0.4
    salt = int(rng.integers(1000))

    def edge(p: Points) -> NDArray[np.float64]:
        if rounded:
            return np.hypot(p[:, 0], p[:, 1]) - float(half.max()) * 0.95
        result: NDArray[np.float64] = np.maximum(
            np.abs(p[:, 0]) - half[0], np.abs(p[:, 1]) - half[1]
        )
        return result

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
    center = (
        away * (distance - size * 0.012)
        + side * size * float(rng.uniform(-0.6, 0.6))
        + np.array([0, 0, size * float(rng.uniform(0.9, 1.05))])
    )
    half = size * np.array([0.2, 0.26])
    colors = [
        pick(rng, "#d9694f", "#e4a73d"),
        pick(rng, "#3f6f7d", "#32435c"),
        pick(rng, "#f2e8d6", "#e6d7c0"),
    ]
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

    paint = layered(
        plain("#3a2b20", 0.5),
        (inner, plain(colors[2], 0.9)),
        (sun, plain(colors[0], 0.9)),
        (land, plain(colors[1], 0.9)),
    )
    turn = float(np.arctan2(away[1], away[0]))
    return [Part(block(center, np.array([size * 0.012, half[0], half[1]]), turn), paint)]


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
        leaves.append(
            ellipsoid(
                np.array([0, 0, 0.26]) + axis * length,
                (length, 0.065, 0.016),
                np.stack([axis, side, np.cross(axis, side)]),
            )
        )
    low, high = (-0.7, -0.7, -0.1), (0.7, 0.7, 1.2)
    parts = []
    for field, color, resolution in (
        (pot, pick(rng, "#c9774d", "#e8e2d6", "#4d5a63"), 40),
        (union(*leaves), pick(rng, "#4f7d46", "#3f6b4f", "#6d8f4d"), 110),
    ):
        mesh = mesh_of(field, low, high, resolution)
        parts.append(
            Part(
                placed(Mesh(mesh.vertices * tall, mesh.normals, mesh.faces), place),
                plain(color, 0.55),
            )
        )
    return parts


def kitchen(rng: Generator, azimuth: float, size: float) -> Place:
    """A table top before a tiled or painted wall, with some fruit."""
    wall = pick(rng, "#dfe6e4", "#c7d3cf", "#e6d9c3", "#b5c4cf", "#d9bfa8", "#c3cdb4", "#e9e4da")
    top = pick(rng, "#b98553", "#8c5d38", "#d3ad7f", "#a8754a")
    if rng.random() < 0.3:
        top = pick(rng, "#e4e1db", "#5b6066")
        marks = int(rng.integers(1000))

        def veins(p: Points, n: Points) -> NDArray[np.float64]:
            result: NDArray[np.float64] = np.clip(
                1 - np.abs(layered_noise(p, size * 0.7, marks) - 0.5) * 14, 0, 1
            )
            return result

        table: Material = layered(
            plain(top, 0.2, specular=0.045),
            (lambda p, n: veins(p, n) * 0.35, plain("#8d8f93", 0.2)),
        )
    else:
        table = _planks(rng, size * 1.8, top)
    paint = plain(wall, 0.9, specular=0.02)
    if rng.random() < 0.5:
        paint = _bricks(size, wall, azimuth)
    stage = [
        ground_part(table, size * 14),
        _wall(
            azimuth,
            size * float(rng.uniform(1.0, 1.7)),
            size * 12,
            paint,
            float(rng.uniform(-14, 14)),
        ),
    ]
    props = []
    if rng.random() < 0.65:
        away = direction(azimuth + 180, 0.0)
        side = np.array([-away[1], away[0], 0.0]) * float(rng.choice([-1.0, 1.0]))
        color = pick(rng, "#e8902a", "#f0cf3f", "#c43d33", "#8fae3e")
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
    dent = center + vec(0, 0, radius * 0.95)
    field = ellipsoid(center, (radius, radius, radius * 0.94))
    mesh = mesh_of(field, center - radius * 1.5, center + radius * 1.5, 36)

    def stem(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.linalg.norm(p - dent, axis=1) - radius * 0.16, radius * 0.05)

    return Part(mesh, layered(plain(color, 0.4, specular=0.045), (stem, plain("#5a4a25", 0.8))))
