"""Giraffes: long legs and neck, a coat of brown cells."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Field,
    Points,
    blend,
    ellipsoid,
    rotation,
    round_cone,
    tube,
    union,
    vec,
)
from lvlm_eval.synthetic.materials import (
    Material,
    cells,
    layered,
    layered_noise,
    noise,
    plain,
    step,
    tinted,
)
from lvlm_eval.synthetic.shapes import Model, Part, mesh_of, on_surface
from lvlm_eval.synthetic.skeleton import SIDES, Leg, eyes_of, head_axes, limbs, turner


def giraffe(rng: Generator) -> Model:
    """A giraffe: long legs and neck, a coat of brown cells."""
    k = rng.uniform
    tall = k(0.93, 1.08)
    z = 0.98 * tall
    length = k(0.33, 0.38)
    w = 0.115
    front = Leg(
        (
            (length * 0.82, w * 0.8, z + 0.06),
            (length * 0.8, w, z * 0.72),
            (length * 0.8, w * 0.9, z * 0.42),
            (length * 0.78, w * 0.9, z * 0.18),
            (length * 0.8, w * 0.9, 0.06),
        ),
        (0.14, 0.078, 0.052, 0.036, 0.04),
        (0.066, 0.05, 0.045),
        2,
    )
    rear = Leg(
        (
            (-length * 0.82, w * 0.75, z - 0.04),
            (-length * 0.72, w, z * 0.68),
            (-length * 0.98, w * 0.9, z * 0.42),
            (-length * 0.92, w * 0.9, z * 0.18),
            (-length * 0.9, w * 0.9, 0.06),
        ),
        (0.15, 0.088, 0.053, 0.036, 0.04),
        (0.066, 0.05, 0.045),
        2,
    )
    s4 = rng.uniform(-8, 8, 4)
    legs, marks = limbs(
        front, rear, (float(s4[0]), float(s4[1]), float(s4[2]), float(s4[3])), 0.008
    )
    chest = ellipsoid((length * 0.62, 0.0, z + 0.1), (0.24, 0.17, 0.23))
    trunk = round_cone((length * 0.5, 0.0, z + 0.1), (-length * 0.8, 0.0, z + 0.03), 0.19, 0.155)
    nape = np.array([length * 0.85, 0.0, z + 0.18])
    lean = k(0.25, 0.42)
    rise = k(0.78, 0.92) * tall
    s = nape + vec(lean, 0.0, rise)
    spin, nod = float(k(-35, 35)), float(k(-4, 12))
    turn = turner(s, rotation([0, 0, 1], spin) @ rotation([0, 1, 0], nod))
    q = head_axes(turn, s)
    neck = tube(
        (
            nape + vec(-0.08, 0, -0.05),
            nape + vec(lean * 0.38, 0, rise * 0.34),
            nape + vec(lean * 0.74, 0, rise * 0.7),
            s + vec(-0.01, 0, 0.0),
        ),
        (0.19, 0.12, 0.087, 0.075),
        5,
    )
    muzzle = s + vec(0.235, 0.0, -0.085)
    head = blend(
        0.045,
        ellipsoid(turn(s + vec(0.02, 0, 0.01)), (0.1, 0.082, 0.088), q),
        round_cone(turn(s + vec(0.05, 0, 0.0)), turn(muzzle), 0.075, 0.05),
        ellipsoid(turn(muzzle + vec(0.012, 0, -0.005)), (0.06, 0.06, 0.05), q),
    )
    ears: list[Field] = []
    horns: list[Field] = []
    tops: list[Field] = []
    for side, sign in SIDES:
        base, tip = s + vec(-0.045, 0.07 * sign, 0.035), s + vec(-0.085, 0.215 * sign, 0.075)
        axis = turn(tip) - turn(base)
        axis = axis / np.linalg.norm(axis)
        flat = q[0] - axis * float(q[0] @ axis)
        flat = flat / np.linalg.norm(flat)
        blade = ellipsoid(
            (turn(base) + turn(tip)) / 2,
            (0.085, 0.024, 0.046),
            np.stack([axis, flat, np.cross(axis, flat)]),
        )
        ears.append(blade)
        marks.append(
            on_surface(f"quadruped_ear_{side}_tip", blade, turn(base), turn(base) - turn(tip), 0.01)
        )
        root, top = s + vec(-0.005, 0.035 * sign, 0.06), s + vec(-0.045, 0.05 * sign, 0.185)
        horns.append(round_cone(turn(root), turn(top), 0.024, 0.018))
        ball = ellipsoid(turn(top + vec(0, 0, 0.005)), (0.03, 0.03, 0.034))
        tops.append(ball)
        marks.append(
            on_surface(f"quadruped_horn_{side}_tip", ball, turn(top), turn(root) - turn(top), 0.01)
        )
    tail_root = np.array([-length - 0.13, 0.0, z + 0.09])
    sway = float(k(-0.06, 0.06))
    tail_path = [
        tail_root + vec(0.07, 0, 0.0),
        tail_root + vec(-0.05, 0, -0.06),
        tail_root + vec(-0.08, sway * 0.6, -0.26),
        tail_root + vec(-0.075, sway, -0.42),
    ]
    tail = tube(tail_path, (0.045, 0.026, 0.018, 0.016), 5)
    tuft = round_cone(tail_path[-1], tail_path[-1] + np.array([-0.005, 0, -0.15]), 0.03, 0.012)
    body = blend(0.08, blend(0.14, chest, trunk, neck), *legs)
    body = blend(0.035, blend(0.04, body, head, *horns), tail)
    crest = tube(
        (
            nape + vec(-0.19, 0, 0.09),
            nape + vec(lean * 0.38 - 0.115, 0, rise * 0.34 + 0.035),
            nape + vec(lean * 0.74 - 0.085, 0, rise * 0.7 + 0.03),
            s + vec(-0.085, 0, 0.035),
        ),
        (0.022, 0.028, 0.026, 0.014),
        5,
    )
    marks.append(
        on_surface(
            "quadruped_nose",
            body,
            turn(muzzle + vec(0.0, 0, 0.02)),
            turn(s) - turn(s + vec(1, 0, 0.35)),
            0.01,
        )
    )
    sides = [
        (
            side,
            turn(s + vec(0.05, 0.055 * sign, 0.03)),
            turn([0, 0, 0]) - turn([0.35, 1.0 * sign, 0.1]),
        )
        for side, sign in SIDES
    ]
    eyes, eye_marks = eyes_of(head, sides, 0.022)
    marks += eye_marks
    marks.append(
        on_surface("quadruped_tail_base", body, tail_root + vec(-0.01, 0, 0), [0.7, 0.0, -1.0])
    )
    marks.append(on_surface("quadruped_tail_tip", tuft, tail_path[-1], [0.03, 0, 1.0], 0.008))
    marks.append(on_surface("quadruped_withers", body, [length * 0.45, 0, z], [0.0, 0.0, -1.0]))
    coat = _coat(rng, turn(muzzle), z)
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


def _coat(rng: Generator, muzzle: Points, z: float) -> Material:
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
        return step(0.009 + 0.045 * (1 - fade) + 0.06 * (1 - head) - border - wobble, 0.006) * (
            fade > 0
        )

    def snout(p: Points, n: Points) -> NDArray[np.float64]:
        return step(np.linalg.norm(p - muzzle, axis=1) - 0.075, 0.06) * 0.6

    def hoof(p: Points, n: Points) -> NDArray[np.float64]:
        return step(p[:, 2] - 0.07, 0.012)

    def depth(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p, 0.16, salt + 3)

    dark = plain("#3b2a20", 0.55, fuzz=0.0)
    base = layered(
        plain(cream, **fur),
        (spots, plain(brown, **fur)),
        (snout, plain("#9c7c63", **fur)),
        (hoof, dark),
    )
    return tinted(base, depth, 0.1)
