"""Animals: dog, giraffe and elephant on one skeleton of blended limbs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Field,
    Points,
    Vec,
    blend,
    ellipsoid,
    first_hit,
    mirrored,
    rotation,
    round_cone,
    sphere,
    tube,
    turned,
    union,
)
from lvlm_eval.synthetic.materials import Material, cells, layered, layered_noise, noise, plain, step, tinted
from lvlm_eval.synthetic.shapes import Mark, Model, Part, mesh_of, on_surface

_SIDES = (("left", 1.0), ("right", -1.0))


@dataclass(frozen=True)
class Leg:
    """Joints of a left leg from the top (K, 3), their radii, and the foot's half axes; the toe points forward."""

    joints: tuple[Vec, ...]
    radii: tuple[float, ...]
    foot: Vec
    bend: int


def _leg(leg: Leg, side: float, swing: float) -> tuple[Field, Points, list[Points]]:
    """The field of a leg on one side, turned forward about its top by ``swing`` degrees; foot centre and joints."""
    joints = [np.array(j, float) * [1.0, side, 1.0] for j in leg.joints]
    turn = rotation([0.0, 1.0, 0.0], -swing)
    top = joints[0]
    joints = [top + turn @ (j - top) for j in joints]
    # The whole leg is lowered or raised a little so that the turned foot stands on the ground again.
    lift = np.array([0.0, 0.0, leg.joints[-1][2] - joints[-1][2]])
    joints = [j + lift * i / (len(joints) - 1) for i, j in enumerate(joints)]
    bones = [
        round_cone(joints[i], joints[i + 1], leg.radii[i], leg.radii[i + 1]) for i in range(len(joints) - 1)
    ]
    foot = joints[-1] * [1.0, 1.0, 0.0] + [leg.foot[0] * 0.45, 0.0, leg.foot[2]]
    return blend(leg.radii[1] * 0.5, *bones, ellipsoid(foot, leg.foot)), foot, joints


def _limbs(
    front: Leg, rear: Leg, swings: tuple[float, float, float, float], toe: float
) -> tuple[list[Field], list[Mark]]:
    """The four legs and the marks of their paws and knees (carpus and hock seen from the side)."""
    fields: list[Field] = []
    marks = []
    order = [("front", front, "left", 1.0), ("front", front, "right", -1.0)]
    order += [("rear", rear, "left", 1.0), ("rear", rear, "right", -1.0)]
    for (end, leg, side, sign), swing in zip(order, swings, strict=True):
        field, foot, joints = _leg(leg, sign, swing)
        fields.append(field)
        knee = joints[leg.bend]
        marks.append(on_surface(f"quadruped_paw_{end}_{side}", field, foot, [-1.0, 0.0, -0.35], toe))
        outward = [0.5 if end == "front" else -0.5, sign, 0.0]
        marks.append(on_surface(f"quadruped_knee_{end}_{side}", field, knee, [-v for v in outward], 0.012))
    return fields, marks


def _turner(pivot: Vec, matrix: NDArray[np.float64]) -> Callable[[Vec], Points]:
    center = np.asarray(pivot, float)

    def turn(point: Vec) -> Points:
        return center + matrix @ (np.asarray(point, float) - center)

    return turn


def _eyes(head: Field, places: list[tuple[str, Points, Points]], size: float) -> tuple[list[Part], list[Mark]]:
    """Glossy eyes set into ``head`` where the ray to each place meets it: (side, place, way in)."""
    dark = plain("#150d08", roughness=0.08, specular=0.06)
    glint = plain("#ffffff", roughness=0.3, glow=0.9)
    parts, marks = [], []
    for side, place, into in places:
        inward = into / np.linalg.norm(into)
        seat = on_surface("seat", head, place, inward).position
        ball = sphere(seat + inward * size * 0.35, size)
        parts.append(Part(mesh_of(ball, seat - 2 * size, seat + 2 * size, 28), dark))
        up = seat - inward * size * 0.52 + np.array([0.0, 0.0, size * 0.42])
        parts.append(Part(mesh_of(sphere(up, size * 0.2), up - size * 0.4, up + size * 0.4, 10), glint))
        marks.append(on_surface(f"quadruped_eye_{side}", ball, place, inward, 0.008))
    return parts, marks


def dog(rng: Generator) -> Model:
    """A dog that stands and looks about; ears hang or stand, coats vary."""
    k = rng.uniform
    stocky, leggy, snout = k(0.9, 1.15), k(0.88, 1.12), k(0.85, 1.2)
    pointed = bool(rng.random() < 0.4)
    z = 0.52 * leggy
    length = k(0.3, 0.35)
    w = 0.115 * stocky
    front = Leg(
        ((length * 0.75, w * 0.8, z - 0.02), (length * 0.62, w, z * 0.55), (length * 0.74, w * 0.95, z * 0.24),
         (length * 0.76, w * 0.95, 0.045)),
        (0.1 * stocky, 0.06 * stocky, 0.045 * stocky, 0.043 * stocky), (0.068, 0.05, 0.036), 2,
    )
    rear = Leg(
        ((-length * 0.82, w * 0.7, z + 0.0), (-length * 0.62, w * 1.05, z * 0.58), (-length * 1.12, w, z * 0.3),
         (-length * 0.98, w, 0.045)),
        (0.125 * stocky, 0.08 * stocky, 0.044 * stocky, 0.042 * stocky), (0.066, 0.05, 0.036), 2,
    )
    swings = tuple(float(v) for v in rng.uniform(-11, 11, 4))
    legs, marks = _limbs(front, rear, (swings[0], swings[1], swings[2], swings[3]), 0.01)
    chest = ellipsoid((length * 0.62, 0.0, z + 0.05), (0.2, 0.145 * stocky, 0.185 * stocky))
    trunk = round_cone((length * 0.5, 0.0, z + 0.06), (-length * 0.8, 0.0, z + 0.075), 0.15 * stocky, 0.135 * stocky)
    nape = np.array([length * 0.85, 0.0, z + 0.12])
    skull = np.array([length * 1.22 + 0.03, 0.0, z + 0.4 + 0.05 * leggy])
    turn = _turner(nape, rotation([0, 0, 1], float(k(-28, 28))) @ rotation([0, 1, 0], float(k(-6, 10))))
    q = _head_axes(turn, nape)
    s = skull
    neck = round_cone(nape, turn(s - [0.02, 0.0, 0.03]), 0.118 * stocky, 0.09)
    muzzle_end = s + [0.21 * snout, 0.0, -0.062]
    head = blend(
        0.05,
        ellipsoid(turn(s), (0.128, 0.118, 0.118), q),
        ellipsoid(turn(s + [0.035, 0.0, -0.045]), (0.1, 0.1, 0.085), q),
        round_cone(turn(s + [0.08, 0.0, -0.045]), turn(muzzle_end), 0.074, 0.052),
        round_cone(turn(s + [0.07, 0.0, -0.085]), turn(muzzle_end + [-0.045, 0.0, -0.03]), 0.05, 0.034),
    )
    tail_root = np.array([-length - 0.06, 0.0, z + 0.14])
    wag = float(k(-0.12, 0.12))
    tail_points = [tail_root + [0.06, 0, -0.02], tail_root + [-0.09, wag * 0.3, 0.06],
                   tail_root + [-0.17, wag * 0.8, 0.17], tail_root + [-0.17 + k(-0.05, 0.08), wag * 1.3, 0.31]]
    tail = tube(tail_points, (0.05, 0.042, 0.034, 0.018), 5)
    body = blend(0.07, blend(0.1, chest, trunk, neck, head), *legs)
    body = blend(0.04, body, tail)
    ears: list[Field] = []
    for side, sign in _SIDES:
        if pointed:
            base, mid, tip = ([-0.035, 0.07 * sign, 0.06], [-0.035, 0.09 * sign, 0.13], [-0.03, 0.105 * sign, 0.205])
            flat = blend(0.03, round_cone(turn(s + base), turn(s + mid), 0.058, 0.043),
                         round_cone(turn(s + mid), turn(s + tip), 0.043, 0.012))
            way: Vec = turn(s + tip) - turn(s + base)
        else:
            base, mid, tip = ([-0.025, 0.1 * sign, 0.065], [-0.025, 0.15 * sign, -0.02], [0.0, 0.142 * sign, -0.125])
            flat = blend(0.04, round_cone(turn(s + base), turn(s + mid), 0.03, 0.036),
                         round_cone(turn(s + mid), turn(s + tip), 0.036, 0.03))
            flat = blend(0.03, flat, ellipsoid(turn(s + (np.add(mid, tip) / 2)), (0.058, 0.022, 0.08), q))
            way = [0.0, 0.0, -1.0]
        ears.append(flat)
        marks.append(on_surface(f"quadruped_ear_{side}_tip", flat, turn(s + tip), -np.asarray(way, float), 0.01))
    nose = ellipsoid(turn(muzzle_end + [0.038, 0.0, 0.018]), (0.026, 0.034, 0.025), q)
    ahead = turn(s + [1.0, 0.0, 0.0]) - turn(s)
    marks.append(on_surface("quadruped_nose", nose, turn(muzzle_end + [0.03, 0.0, 0.018]), -ahead, 0.01))
    coat, ear_coat = _dog_coat(rng, s, turn)
    whole = [Part(mesh_of(body, (-1.0, -0.6, -0.1), (1.0, 0.6, 1.4), 190), coat)]
    whole.append(Part(mesh_of(union(*ears), (-1.0, -0.6, 0.2), (1.0, 0.6, 1.5), 110), ear_coat))
    whole.append(Part(mesh_of(nose, (0, -0.6, 0.2), (1.2, 0.6, 1.4), 30), plain("#1b1717", 0.25, specular=0.05)))
    sides = [(side, turn(s + [0.07, 0.05 * sign, 0.03]), turn([0, 0, 0]) - turn([0.72, 0.7 * sign, 0.12]))
             for side, sign in _SIDES]
    eyes, eye_marks = _eyes(head, sides, 0.024)
    marks += eye_marks
    marks.append(on_surface("quadruped_tail_base", body, tail_root + [-0.01, 0, 0.0], [0.5, 0.0, -1.0]))
    end = np.asarray(tail_points[-1], float)
    marks.append(on_surface("quadruped_tail_tip", tail, end, tail_points[-2] - end, 0.01))
    marks.append(on_surface("quadruped_withers", body, [length * 0.55, 0, z], [0.0, 0.0, -1.0]))
    collar = _collar(rng, nape, turn(s), 0.118 * stocky)
    return Model((*whole, *eyes, collar), tuple(marks))


def _head_axes(turn: Callable[[Vec], Points], pivot: Points) -> Points:
    """Rows are the turned head's own x, y and z."""
    return np.stack([turn(pivot + e) - turn(pivot) for e in np.eye(3)])


def _collar(rng: Generator, low: Points, high: Points, radius: float) -> Part:
    from lvlm_eval.synthetic.fields import cylinder

    center, axis = low + (high - low) * 0.62, high - low
    color = str(rng.choice(["#c8102e", "#1259a8", "#e8a317", "#1c8c6e"]))
    field = cylinder(center, axis, radius, 0.018, 0.012)
    return Part(mesh_of(field, center - 0.25, center + 0.25, 70), plain(color, 0.45))


def _dog_coat(rng: Generator, skull: Points, turn: Callable[[Vec], Points]) -> tuple[Material, Material]:
    coats = [("#c98d4b", "#f3e3c8", "#a9682c"), ("#5a3a26", "#e6d5bd", "#46291a"), ("#d8b27c", "#faf1e0", "#b98a4d"),
             ("#3a3634", "#efe9e0", "#2a2625"), ("#efe6d8", "#ffffff", "#9c6a3c"), ("#9a9590", "#eeeeee", "#77706b")]
    main, pale, ear = coats[int(rng.integers(len(coats)))]
    fur = {"roughness": 0.85, "specular": 0.025, "fuzz": 0.5}
    salt = int(rng.integers(1000))
    blaze = turn(skull + [0.2, 0.0, -0.07])

    def belly(p: Points, n: Points) -> NDArray[np.float64]:
        wobble = 0.05 * (noise(p, 0.12, salt) - 0.5)
        low = step(p[:, 2] - 0.13 + wobble, 0.02)
        under = step(n[:, 2] + 0.45 + wobble * 4, 0.25) * step(p[:, 2] - 0.62, 0.05) * step(np.abs(p[:, 1]) - 0.085, 0.03)
        face = step(np.linalg.norm((p - blaze) * [1.0, 1.0, 1.0], axis=1) - 0.125 + wobble, 0.02)
        return np.maximum(np.maximum(low, under), face)

    def patches(p: Points, n: Points) -> NDArray[np.float64]:
        return step(0.6 - noise(p, 0.3, salt + 5), 0.03)

    def grain(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p * [0.6, 1.6, 1.6], 0.05, salt + 2)

    base = plain(main, **fur)
    if rng.random() < 0.4:
        base = layered(base, (patches, plain(ear, **fur)))
    return tinted(layered(base, (belly, plain(pale, **fur))), grain, 0.1), tinted(plain(ear, **fur), grain, 0.1)


def giraffe(rng: Generator) -> Model:
    """A giraffe: long legs and neck, a coat of brown cells."""
    k = rng.uniform
    tall = k(0.93, 1.08)
    z = 0.98 * tall
    length = k(0.33, 0.38)
    w = 0.115
    front = Leg(
        ((length * 0.82, w * 0.8, z + 0.06), (length * 0.8, w, z * 0.72), (length * 0.8, w * 0.9, z * 0.42),
         (length * 0.78, w * 0.9, z * 0.18), (length * 0.8, w * 0.9, 0.06)),
        (0.14, 0.078, 0.052, 0.036, 0.04), (0.066, 0.05, 0.045), 2,
    )
    rear = Leg(
        ((-length * 0.82, w * 0.75, z - 0.04), (-length * 0.72, w, z * 0.68), (-length * 0.98, w * 0.9, z * 0.42),
         (-length * 0.92, w * 0.9, z * 0.18), (-length * 0.9, w * 0.9, 0.06)),
        (0.15, 0.088, 0.053, 0.036, 0.04), (0.066, 0.05, 0.045), 2,
    )
    s4 = rng.uniform(-8, 8, 4)
    legs, marks = _limbs(front, rear, (float(s4[0]), float(s4[1]), float(s4[2]), float(s4[3])), 0.008)
    chest = ellipsoid((length * 0.62, 0.0, z + 0.1), (0.24, 0.17, 0.23))
    trunk = round_cone((length * 0.5, 0.0, z + 0.1), (-length * 0.8, 0.0, z + 0.03), 0.19, 0.155)
    nape = np.array([length * 0.85, 0.0, z + 0.18])
    lean = k(0.25, 0.42)
    rise = k(0.78, 0.92) * tall
    s = nape + [lean, 0.0, rise]
    spin, nod = float(k(-35, 35)), float(k(-4, 12))
    turn = _turner(s, rotation([0, 0, 1], spin) @ rotation([0, 1, 0], nod))
    q = _head_axes(turn, s)
    neck = tube((nape + [-0.08, 0, -0.05], nape + [lean * 0.38, 0, rise * 0.34], nape + [lean * 0.74, 0, rise * 0.7],
                 s + [-0.01, 0, 0.0]), (0.19, 0.12, 0.087, 0.075), 5)
    muzzle = s + [0.235, 0.0, -0.085]
    head = blend(
        0.045,
        ellipsoid(turn(s + [0.02, 0, 0.01]), (0.1, 0.082, 0.088), q),
        round_cone(turn(s + [0.05, 0, 0.0]), turn(muzzle), 0.075, 0.05),
        ellipsoid(turn(muzzle + [0.012, 0, -0.005]), (0.06, 0.06, 0.05), q),
    )
    ears: list[Field] = []
    horns: list[Field] = []
    tops: list[Field] = []
    for side, sign in _SIDES:
        base, tip = s + [-0.045, 0.07 * sign, 0.035], s + [-0.085, 0.215 * sign, 0.075]
        axis = turn(tip) - turn(base)
        axis = axis / np.linalg.norm(axis)
        flat = q[0] - axis * float(q[0] @ axis)
        flat = flat / np.linalg.norm(flat)
        blade = ellipsoid((turn(base) + turn(tip)) / 2, (0.085, 0.024, 0.046),
                          np.stack([axis, flat, np.cross(axis, flat)]))
        ears.append(blade)
        marks.append(on_surface(f"quadruped_ear_{side}_tip", blade, turn(base), base_to(turn(tip), turn(base)), 0.01))
        root, top = s + [-0.005, 0.035 * sign, 0.06], s + [-0.045, 0.05 * sign, 0.185]
        horns.append(round_cone(turn(root), turn(top), 0.024, 0.018))
        ball = ellipsoid(turn(top + [0, 0, 0.005]), (0.03, 0.03, 0.034))
        tops.append(ball)
        marks.append(on_surface(f"quadruped_horn_{side}_tip", ball, turn(top), turn(root) - turn(top), 0.01))
    tail_root = np.array([-length - 0.13, 0.0, z + 0.09])
    sway = float(k(-0.06, 0.06))
    tail_path = [tail_root + [0.07, 0, 0.0], tail_root + [-0.05, 0, -0.06], tail_root + [-0.08, sway * 0.6, -0.26],
                 tail_root + [-0.075, sway, -0.42]]
    tail = tube(tail_path, (0.045, 0.026, 0.018, 0.016), 5)
    tuft = round_cone(tail_path[-1], tail_path[-1] + np.array([-0.005, 0, -0.15]), 0.03, 0.012)
    body = blend(0.08, blend(0.14, chest, trunk, neck), *legs)
    body = blend(0.035, blend(0.04, body, head, *horns), tail)
    crest = tube((nape + [-0.19, 0, 0.09], nape + [lean * 0.38 - 0.115, 0, rise * 0.34 + 0.035],
                  nape + [lean * 0.74 - 0.085, 0, rise * 0.7 + 0.03], s + [-0.085, 0, 0.035]),
                 (0.022, 0.028, 0.026, 0.014), 5)
    marks.append(on_surface("quadruped_nose", body, turn(muzzle + [0.0, 0, 0.02]), turn(s) - turn(s + [1, 0, 0.35]), 0.01))
    sides = [(side, turn(s + [0.05, 0.055 * sign, 0.03]), turn([0, 0, 0]) - turn([0.35, 1.0 * sign, 0.1]))
             for side, sign in _SIDES]
    eyes, eye_marks = _eyes(head, sides, 0.022)
    marks += eye_marks
    marks.append(on_surface("quadruped_tail_base", body, tail_root + [-0.01, 0, 0], [0.7, 0.0, -1.0]))
    marks.append(on_surface("quadruped_tail_tip", tuft, tail_path[-1], [0.03, 0, 1.0], 0.008))
    marks.append(on_surface("quadruped_withers", body, [length * 0.45, 0, z], [0.0, 0.0, -1.0]))
    coat = _giraffe_coat(rng, turn(muzzle), z, tail_root)
    dark = plain("#3a2416", 0.8, fuzz=0.4)
    low, high = (-1.1, -0.6, -0.1), (1.4, 0.6, 2.6)
    pale = plain("#e9c994", 0.8, fuzz=0.4)
    parts = [
        Part(mesh_of(body, low, high, 300), coat),
        Part(mesh_of(union(*ears), (-0.5, -0.6, 1.0), high, 90), pale),
        Part(mesh_of(union(*tops, tuft), low, high, 260), dark),
        Part(mesh_of(crest, low, high, 150), plain("#6b3d1e", 0.8, fuzz=0.4)),
    ]
    return Model((*parts, *eyes), tuple(marks))


def base_to(start: Points, end: Points) -> Points:
    """The vector from ``start`` to ``end``."""
    return end - start


def _giraffe_coat(rng: Generator, muzzle: Points, z: float, tail_root: Points) -> Material:
    salt = int(rng.integers(1000))
    brown = str(rng.choice(["#8a4a1e", "#a5602a", "#6e3a1a", "#96541f"]))
    cream = str(rng.choice(["#f0d9a8", "#ecd3a0", "#f5e3bd"]))
    fur = {"roughness": 0.8, "specular": 0.03, "fuzz": 0.4}
    size = float(rng.uniform(0.13, 0.16))

    def spots(p: Points, n: Points) -> NDArray[np.float64]:
        wobble = 0.012 * (noise(p, 0.05, salt + 9) - 0.5)
        border, _ = cells(p + 0.02 * np.sin(p[:, [1, 2, 0]] * 31), size, salt)
        fade = np.clip((p[:, 2] - z * 0.32) / (z * 0.25), 0, 1)
        head = np.clip((np.linalg.norm(p - muzzle, axis=1) - 0.24) / 0.1, 0, 1)
        return step(0.009 + 0.045 * (1 - fade) + 0.06 * (1 - head) - border - wobble, 0.006) * (fade > 0)

    def snout(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.linalg.norm(p - muzzle, axis=1) - 0.075, 0.06) * 0.6

    def hoof(p: Points, n: Points) -> NDArray[np.float64]:
        return step(p[:, 2] - 0.07, 0.012)

    def depth(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, 0.16, salt + 3)

    dark = plain("#3b2a20", 0.55, fuzz=0.0)
    base = layered(plain(cream, **fur), (spots, plain(brown, **fur)), (snout, plain("#9c7c63", **fur)), (hoof, dark))
    return tinted(base, depth, 0.1)


def elephant(rng: Generator) -> Model:
    """An elephant: a heavy body on pillars, large ears, a trunk and tusks."""
    k = rng.uniform
    z = 0.62 * k(0.95, 1.08)
    length = k(0.4, 0.46)
    w = 0.2
    front = Leg(
        ((length * 0.78, w * 0.85, z + 0.08), (length * 0.78, w, z * 0.55), (length * 0.8, w, 0.1)),
        (0.19, 0.135, 0.118), (0.135, 0.128, 0.07), 1,
    )
    rear = Leg(
        ((-length * 0.85, w * 0.75, z + 0.06), (-length * 0.78, w * 0.98, z * 0.52), (-length * 0.9, w, 0.1)),
        (0.22, 0.14, 0.115), (0.13, 0.125, 0.07), 1,
    )
    s4 = rng.uniform(-9, 9, 4)
    legs, marks = _limbs(front, rear, (float(s4[0]), float(s4[1]), float(s4[2]), float(s4[3])), 0.012)
    trunk_body = ellipsoid((0.0, 0.0, z + 0.24), (length * 1.3, 0.33, 0.33))
    rump = ellipsoid((-length * 0.72, 0, z + 0.2), (0.3, 0.28, 0.3))
    chest = ellipsoid((length * 0.75, 0, z + 0.22), (0.27, 0.27, 0.28))
    s = np.array([length + 0.34, 0.0, z + 0.42])
    nape = np.array([length * 0.8, 0.0, z + 0.32])
    turn = _turner(nape, rotation([0, 0, 1], float(k(-16, 16))) @ rotation([0, 1, 0], float(k(-5, 7))))
    q = _head_axes(turn, nape)
    neck = round_cone(nape, turn(s + [-0.08, 0, -0.03]), 0.25, 0.2)
    raised = bool(rng.random() < 0.4)
    if raised:
        path = [[0.1, 0, -0.1], [0.27, 0, -0.24], [0.42, 0, -0.25], [0.53, 0, -0.1], [0.55, 0, 0.1], [0.6, 0, 0.22]]
    else:
        curl = k(-0.05, 0.1)
        path = [[0.1, 0, -0.08], [0.225, 0, -0.26], [0.25, 0, -0.47], [0.25, 0, -0.66], [0.3 + curl, 0, -0.8],
                [0.37 + curl * 1.4, 0, -0.815]]
    points = [turn(s + p) for p in path]
    nose = tube(points, (0.15, 0.112, 0.09, 0.072, 0.06, 0.05), 5)
    head = blend(
        0.08,
        ellipsoid(turn(s + [0, 0, 0.03]), (0.2, 0.19, 0.215), q),
        ellipsoid(turn(s + [0.07, 0, -0.08]), (0.15, 0.155, 0.16), q),
        round_cone(turn(s + [0.04, 0, -0.17]), turn(s + [0.15, 0, -0.26]), 0.085, 0.05),
        nose,
    )
    body = blend(0.17, blend(0.16, trunk_body, rump, chest, neck), *legs)
    body = blend(0.07, body, head)
    tail_root = np.array([-length * 1.27, 0.0, z + 0.36])
    tail_path = [tail_root + [0.08, 0, 0.0], tail_root + [-0.07, 0, -0.08], tail_root + [-0.1, k(-0.05, 0.05), -0.28],
                 tail_root + [-0.1, k(-0.08, 0.08), -0.44]]
    tail = tube(tail_path, (0.05, 0.03, 0.02, 0.016), 5)
    tuft = round_cone(tail_path[-1], tail_path[-1] + np.array([0, 0, -0.09]), 0.026, 0.012)
    body = blend(0.05, body, tail)
    ears: list[Field] = []
    tusks: list[Field] = []
    flap = float(k(15, 45))
    big = float(k(0.85, 1.1))
    for side, sign in _SIDES:
        root = turn(s + [-0.08, 0.16 * sign, 0.05])
        swing = rotation([0, 0, 1], sign * flap)
        axes = (swing @ q.T).T
        axes = np.stack([-axes[0] * 1.0, axes[1] * sign, axes[2]])
        # Plane of the ear: backward-and-out, and up; it is thin across.
        out = -q[0] * np.cos(np.radians(90 - flap)) + q[1] * sign * np.sin(np.radians(90 - flap))
        frame = np.stack([out, np.cross(q[2], out), q[2]])
        center = root + out * 0.19 * big + q[2] * -0.03
        blade = blend(0.06, ellipsoid(center, (0.25 * big, 0.042, 0.27 * big), frame),
                      ellipsoid(center + out * -0.03 * big - q[2] * 0.17 * big, (0.14 * big, 0.038, 0.19 * big), frame))
        ears.append(blade)
        low_tip = center - out * 0.04 * big - q[2] * 0.33 * big
        marks.append(on_surface(f"quadruped_ear_{side}_tip", blade, low_tip + q[2] * 0.05, q[2], 0.012))
        tusk_path = [turn(s + [0.11, 0.1 * sign, -0.19]), turn(s + [0.22, 0.125 * sign, -0.31]),
                     turn(s + [0.36, 0.125 * sign, -0.35]), turn(s + [0.47, 0.105 * sign, -0.3])]
        tusk = tube(tusk_path, (0.042, 0.038, 0.03, 0.012), 5)
        tusks.append(tusk)
        marks.append(on_surface(f"quadruped_tusk_{side}_tip", tusk, tusk_path[-1], tusk_path[-2] - tusk_path[-1], 0.008))
    marks.append(on_surface("quadruped_nose", nose, points[-1], points[-2] - points[-1], 0.012))
    sides = [(side, turn(s + [0.12, 0.14 * sign, 0.03]), turn([0, 0, 0]) - turn([0.6, 1.0 * sign, 0.1]))
             for side, sign in _SIDES]
    eyes, eye_marks = _eyes(head, sides, 0.027)
    marks += eye_marks
    marks.append(on_surface("quadruped_tail_base", body, tail_root + [-0.01, 0, 0], [0.7, 0.0, -1.0]))
    marks.append(on_surface("quadruped_tail_tip", tuft, tail_path[-1], [0.0, 0, 1.0], 0.008))
    marks.append(on_surface("quadruped_withers", body, [length * 0.55, 0, z], [0.0, 0.0, -1.0]))
    salt = int(rng.integers(1000))
    gray = str(rng.choice(["#8d8a8c", "#7c7f86", "#97908a", "#858a90"]))
    hide = {"roughness": 0.75, "specular": 0.03, "fuzz": 0.25}

    def pale(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, 0.25, salt)

    def nails(p: Points, n: Points) -> NDArray[np.float64]:
        wave = np.cos(np.arctan2(n[:, 1], n[:, 0]) * 7)
        return step(p[:, 2] - 0.055, 0.006) * step(0.05 - n[:, 0], 0.05) * step(0.1 - wave, 0.12)

    def folds(p: Points, n: Points) -> NDArray[np.float64]:
        # Fine rings round the trunk, strongest on its lower half.
        along = np.clip((p - turn(s))[:, 0] / 0.2, 0, 1)
        return step(-np.sin(np.linalg.norm(p - turn(s), axis=1) * 170) + 0.75, 0.4) * (along > 0.9) * 0.3

    coat = tinted(
        layered(plain(gray, **hide), (nails, plain("#d9cfc0", 0.5)), (folds, plain("#5e5b5e", **hide))), pale, 0.12
    )
    inner = tinted(plain(gray, **hide), pale, 0.12)
    low, high = (-1.1, -0.8, -0.1), (1.7, 0.8, 1.8)
    parts = [
        Part(mesh_of(body, low, high, 200), coat),
        Part(mesh_of(union(*ears), low, high, 190), inner),
        Part(mesh_of(union(*tusks), low, high, 150), plain("#f4ead6", 0.3)),
        Part(mesh_of(tuft, low, high, 30), plain("#3b3838", 0.8)),
    ]
    return Model((*parts, *eyes), tuple(marks))
