"""Elephants: a heavy body on pillars, large ears, a trunk and tusks."""

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
    layered,
    layered_noise,
    plain,
    step,
    tinted,
)
from lvlm_eval.synthetic.shapes import Model, Part, mesh_of, on_surface
from lvlm_eval.synthetic.skeleton import SIDES, Leg, eyes_of, head_axes, limbs, turner


def elephant(rng: Generator) -> Model:
    """An elephant: a heavy body on pillars, large ears, a trunk and tusks."""
    k = rng.uniform
    z = 0.62 * k(0.95, 1.08)
    length = k(0.4, 0.46)
    w = 0.2
    front = Leg(
        ((length * 0.78, w * 0.85, z + 0.08), (length * 0.78, w, z * 0.55), (length * 0.8, w, 0.1)),
        (0.19, 0.135, 0.118),
        (0.135, 0.128, 0.07),
        1,
    )
    rear = Leg(
        (
            (-length * 0.85, w * 0.75, z + 0.06),
            (-length * 0.78, w * 0.98, z * 0.52),
            (-length * 0.9, w, 0.1),
        ),
        (0.22, 0.14, 0.115),
        (0.13, 0.125, 0.07),
        1,
    )
    s4 = rng.uniform(-9, 9, 4)
    legs, marks = limbs(
        front, rear, (float(s4[0]), float(s4[1]), float(s4[2]), float(s4[3])), 0.012
    )
    trunk_body = ellipsoid((0.0, 0.0, z + 0.24), (length * 1.3, 0.33, 0.33))
    rump = ellipsoid((-length * 0.72, 0, z + 0.2), (0.3, 0.28, 0.3))
    chest = ellipsoid((length * 0.75, 0, z + 0.22), (0.27, 0.27, 0.28))
    s = np.array([length + 0.34, 0.0, z + 0.42])
    nape = np.array([length * 0.8, 0.0, z + 0.32])
    turn = turner(
        nape, rotation([0, 0, 1], float(k(-16, 16))) @ rotation([0, 1, 0], float(k(-5, 7)))
    )
    q = head_axes(turn, nape)
    neck = round_cone(nape, turn(s + vec(-0.08, 0, -0.03)), 0.25, 0.2)
    raised = bool(rng.random() < 0.4)
    if raised:
        path = [
            [0.1, 0, -0.1],
            [0.27, 0, -0.24],
            [0.42, 0, -0.25],
            [0.53, 0, -0.1],
            [0.55, 0, 0.1],
            [0.6, 0, 0.22],
        ]
    else:
        curl = k(-0.05, 0.1)
        path = [
            [0.1, 0, -0.08],
            [0.225, 0, -0.26],
            [0.25, 0, -0.47],
            [0.25, 0, -0.66],
            [0.3 + curl, 0, -0.8],
            [0.37 + curl * 1.4, 0, -0.815],
        ]
    points = [turn(s + p) for p in path]
    nose = tube(points, (0.15, 0.112, 0.09, 0.072, 0.06, 0.05), 5)
    head = blend(
        0.08,
        ellipsoid(turn(s + vec(0, 0, 0.03)), (0.2, 0.19, 0.215), q),
        ellipsoid(turn(s + vec(0.07, 0, -0.08)), (0.15, 0.155, 0.16), q),
        round_cone(turn(s + vec(0.04, 0, -0.17)), turn(s + vec(0.15, 0, -0.26)), 0.085, 0.05),
        nose,
    )
    body = blend(0.17, blend(0.16, trunk_body, rump, chest, neck), *legs)
    body = blend(0.07, body, head)
    tail_root = np.array([-length * 1.27, 0.0, z + 0.36])
    tail_path = [
        tail_root + vec(0.08, 0, 0.0),
        tail_root + vec(-0.07, 0, -0.08),
        tail_root + vec(-0.1, k(-0.05, 0.05), -0.28),
        tail_root + vec(-0.1, k(-0.08, 0.08), -0.44),
    ]
    tail = tube(tail_path, (0.05, 0.03, 0.02, 0.016), 5)
    tuft = round_cone(tail_path[-1], tail_path[-1] + np.array([0, 0, -0.09]), 0.026, 0.012)
    body = blend(0.05, body, tail)
    ears: list[Field] = []
    tusks: list[Field] = []
    flap = float(k(15, 45))
    big = float(k(0.85, 1.1))
    for side, sign in SIDES:
        root = turn(s + vec(-0.08, 0.16 * sign, 0.05))
        # Plane of the ear: backward-and-out, and up; it is thin across.
        out = -q[0] * np.cos(np.radians(90 - flap)) + q[1] * sign * np.sin(np.radians(90 - flap))
        frame = np.stack([out, np.cross(q[2], out), q[2]])
        center = root + out * 0.19 * big + q[2] * -0.03
        blade = blend(
            0.06,
            ellipsoid(center, (0.25 * big, 0.042, 0.27 * big), frame),
            ellipsoid(
                center + out * -0.03 * big - q[2] * 0.17 * big,
                (0.14 * big, 0.038, 0.19 * big),
                frame,
            ),
        )
        ears.append(blade)
        low_tip = center - out * 0.04 * big - q[2] * 0.33 * big
        marks.append(
            on_surface(f"quadruped_ear_{side}_tip", blade, low_tip + q[2] * 0.05, q[2], 0.012)
        )
        tusk_path = [
            turn(s + vec(0.11, 0.1 * sign, -0.19)),
            turn(s + vec(0.22, 0.125 * sign, -0.31)),
            turn(s + vec(0.36, 0.125 * sign, -0.35)),
            turn(s + vec(0.47, 0.105 * sign, -0.3)),
        ]
        tusk = tube(tusk_path, (0.042, 0.038, 0.03, 0.012), 5)
        tusks.append(tusk)
        marks.append(
            on_surface(
                f"quadruped_tusk_{side}_tip",
                tusk,
                tusk_path[-1],
                tusk_path[-2] - tusk_path[-1],
                0.008,
            )
        )
    marks.append(on_surface("quadruped_nose", nose, points[-1], points[-2] - points[-1], 0.012))
    sides = [
        (
            side,
            turn(s + vec(0.12, 0.14 * sign, 0.03)),
            turn([0, 0, 0]) - turn([0.6, 1.0 * sign, 0.1]),
        )
        for side, sign in SIDES
    ]
    eyes, eye_marks = eyes_of(head, sides, 0.027)
    marks += eye_marks
    marks.append(
        on_surface("quadruped_tail_base", body, tail_root + vec(-0.01, 0, 0), [0.7, 0.0, -1.0])
    )
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
        return (
            step(-np.sin(np.linalg.norm(p - turn(s), axis=1) * 170) + 0.75, 0.4)
            * (along > 0.9)
            * 0.3
        )

    coat = tinted(
        layered(
            plain(gray, **hide), (nails, plain("#d9cfc0", 0.5)), (folds, plain("#5e5b5e", **hide))
        ),
        pale,
        0.12,
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
