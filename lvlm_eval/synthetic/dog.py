"""Dogs: ears that hang or stand, plain and patched coats."""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import (
    Field,
    Points,
    Vec,
    blend,
    cylinder,
    ellipsoid,
    rotation,
    round_cone,
    tube,
    union,
    vec,
)
from lvlm_eval.synthetic.materials import (
    Material,
    layered,
    layered_noise,
    noise,
    plain,
    step,
    tinted,
)
from lvlm_eval.synthetic.shapes import Model, Part, mesh_of, on_surface
from lvlm_eval.synthetic.skeleton import SIDES, Leg, eyes_of, head_axes, limbs, turner


def dog(rng: Generator) -> Model:
    """A dog that stands and looks about; ears hang or stand, coats vary."""
    k = rng.uniform
    stocky, leggy, snout = k(0.9, 1.15), k(0.88, 1.12), k(0.85, 1.2)
    pointed = bool(rng.random() < 0.4)
    z = 0.52 * leggy
    length = k(0.3, 0.35)
    w = 0.115 * stocky
    front = Leg(
        (
            (length * 0.75, w * 0.8, z - 0.02),
            (length * 0.62, w, z * 0.55),
            (length * 0.74, w * 0.95, z * 0.24),
            (length * 0.76, w * 0.95, 0.045),
        ),
        (0.1 * stocky, 0.06 * stocky, 0.045 * stocky, 0.043 * stocky),
        (0.068, 0.05, 0.036),
        2,
    )
    rear = Leg(
        (
            (-length * 0.82, w * 0.7, z + 0.0),
            (-length * 0.62, w * 1.05, z * 0.58),
            (-length * 1.12, w, z * 0.3),
            (-length * 0.98, w, 0.045),
        ),
        (0.125 * stocky, 0.08 * stocky, 0.044 * stocky, 0.042 * stocky),
        (0.066, 0.05, 0.036),
        2,
    )
    swings = tuple(float(v) for v in rng.uniform(-11, 11, 4))
    legs, marks = limbs(front, rear, (swings[0], swings[1], swings[2], swings[3]), 0.01)
    chest = ellipsoid((length * 0.62, 0.0, z + 0.05), (0.2, 0.145 * stocky, 0.185 * stocky))
    trunk = round_cone(
        (length * 0.5, 0.0, z + 0.06),
        (-length * 0.8, 0.0, z + 0.075),
        0.15 * stocky,
        0.135 * stocky,
    )
    nape = np.array([length * 0.85, 0.0, z + 0.12])
    skull = np.array([length * 1.22 + 0.03, 0.0, z + 0.4 + 0.05 * leggy])
    turn = turner(
        nape, rotation([0, 0, 1], float(k(-28, 28))) @ rotation([0, 1, 0], float(k(-6, 10)))
    )
    q = head_axes(turn, nape)
    s = skull
    neck = round_cone(nape, turn(s - vec(0.02, 0.0, 0.03)), 0.118 * stocky, 0.09)
    muzzle_end = s + vec(0.21 * snout, 0.0, -0.062)
    head = blend(
        0.05,
        ellipsoid(turn(s), (0.128, 0.118, 0.118), q),
        ellipsoid(turn(s + vec(0.035, 0.0, -0.045)), (0.1, 0.1, 0.085), q),
        round_cone(turn(s + vec(0.08, 0.0, -0.045)), turn(muzzle_end), 0.074, 0.052),
        round_cone(
            turn(s + vec(0.07, 0.0, -0.085)),
            turn(muzzle_end + vec(-0.045, 0.0, -0.03)),
            0.05,
            0.034,
        ),
    )
    tail_root = np.array([-length - 0.06, 0.0, z + 0.14])
    wag = float(k(-0.12, 0.12))
    tail_points = [
        tail_root + vec(0.06, 0, -0.02),
        tail_root + vec(-0.09, wag * 0.3, 0.06),
        tail_root + vec(-0.17, wag * 0.8, 0.17),
        tail_root + vec(-0.17 + k(-0.05, 0.08), wag * 1.3, 0.31),
    ]
    tail = tube(tail_points, (0.05, 0.042, 0.034, 0.018), 5)
    body = blend(0.07, blend(0.1, chest, trunk, neck, head), *legs)
    body = blend(0.04, body, tail)
    ears: list[Field] = []
    for side, sign in SIDES:
        if pointed:
            base, mid, tip = (
                [-0.035, 0.07 * sign, 0.06],
                [-0.035, 0.09 * sign, 0.13],
                [-0.03, 0.105 * sign, 0.205],
            )
            flat = blend(
                0.03,
                round_cone(turn(s + base), turn(s + mid), 0.058, 0.043),
                round_cone(turn(s + mid), turn(s + tip), 0.043, 0.012),
            )
            way: Vec = turn(s + tip) - turn(s + base)
        else:
            base, mid, tip = (
                [-0.025, 0.1 * sign, 0.065],
                [-0.025, 0.15 * sign, -0.02],
                [0.0, 0.142 * sign, -0.125],
            )
            flat = blend(
                0.04,
                round_cone(turn(s + base), turn(s + mid), 0.03, 0.036),
                round_cone(turn(s + mid), turn(s + tip), 0.036, 0.03),
            )
            flat = blend(
                0.03, flat, ellipsoid(turn(s + (np.add(mid, tip) / 2)), (0.058, 0.022, 0.08), q)
            )
            way = [0.0, 0.0, -1.0]
        ears.append(flat)
        marks.append(
            on_surface(
                f"quadruped_ear_{side}_tip", flat, turn(s + tip), -np.asarray(way, float), 0.01
            )
        )
    nose = ellipsoid(turn(muzzle_end + vec(0.038, 0.0, 0.018)), (0.026, 0.034, 0.025), q)
    ahead = turn(s + vec(1.0, 0.0, 0.0)) - turn(s)
    marks.append(
        on_surface("quadruped_nose", nose, turn(muzzle_end + vec(0.03, 0.0, 0.018)), -ahead, 0.01)
    )
    coat, ear_coat = _coat(rng, s, turn)
    whole = [Part(mesh_of(body, (-1.0, -0.6, -0.1), (1.0, 0.6, 1.4), 190), coat)]
    whole.append(Part(mesh_of(union(*ears), (-1.0, -0.6, 0.2), (1.0, 0.6, 1.5), 110), ear_coat))
    whole.append(
        Part(
            mesh_of(nose, (0, -0.6, 0.2), (1.2, 0.6, 1.4), 30),
            plain("#1b1717", 0.25, specular=0.05),
        )
    )
    sides = [
        (
            side,
            turn(s + vec(0.07, 0.05 * sign, 0.03)),
            turn([0, 0, 0]) - turn([0.72, 0.7 * sign, 0.12]),
        )
        for side, sign in SIDES
    ]
    eyes, eye_marks = eyes_of(head, sides, 0.024)
    marks += eye_marks
    marks.append(
        on_surface("quadruped_tail_base", body, tail_root + vec(-0.01, 0, 0.0), [0.5, 0.0, -1.0])
    )
    end = np.asarray(tail_points[-1], float)
    marks.append(on_surface("quadruped_tail_tip", tail, end, tail_points[-2] - end, 0.01))
    marks.append(on_surface("quadruped_withers", body, [length * 0.55, 0, z], [0.0, 0.0, -1.0]))
    collar = _collar(rng, nape, turn(s), 0.118 * stocky)
    return Model((*whole, *eyes, collar), tuple(marks))


def _collar(rng: Generator, low: Points, high: Points, radius: float) -> Part:
    center, axis = low + (high - low) * 0.62, high - low
    color = str(rng.choice(["#c8102e", "#1259a8", "#e8a317", "#1c8c6e"]))
    field = cylinder(center, axis, radius, 0.018, 0.012)
    return Part(mesh_of(field, center - 0.25, center + 0.25, 70), plain(color, 0.45))


def _coat(
    rng: Generator, skull: Points, turn: Callable[[Vec], Points]
) -> tuple[Material, Material]:
    coats = [
        ("#c98d4b", "#f3e3c8", "#a9682c"),
        ("#5a3a26", "#e6d5bd", "#46291a"),
        ("#d8b27c", "#faf1e0", "#b98a4d"),
        ("#3a3634", "#efe9e0", "#2a2625"),
        ("#efe6d8", "#ffffff", "#9c6a3c"),
        ("#9a9590", "#eeeeee", "#77706b"),
    ]
    main, pale, ear = coats[int(rng.integers(len(coats)))]
    fur = {"roughness": 0.85, "specular": 0.025, "fuzz": 0.5}
    salt = int(rng.integers(1000))
    blaze = turn(skull + vec(0.2, 0.0, -0.07))

    def belly(p: Points, n: Points) -> NDArray[np.float64]:
        wobble = 0.05 * (noise(p, 0.12, salt) - 0.5)
        low = step(p[:, 2] - 0.13 + wobble, 0.02)
        under = (
            step(n[:, 2] + 0.45 + wobble * 4, 0.25)
            * step(p[:, 2] - 0.62, 0.05)
            * step(np.abs(p[:, 1]) - 0.085, 0.03)
        )
        face = step(np.linalg.norm((p - blaze) * [1.0, 1.0, 1.0], axis=1) - 0.125 + wobble, 0.02)
        return np.maximum(np.maximum(low, under), face)

    def patches(p: Points, n: Points) -> NDArray[np.float64]:
        return step(0.6 - noise(p, 0.45, salt + 5), 0.015)

    def grain(p: Points, n: Points) -> NDArray[np.float64]:
        return layered_noise(p * [0.6, 1.6, 1.6], 0.05, salt + 2)

    base = plain(main, **fur)
    if rng.random() < 0.4:
        base = layered(base, (patches, plain(ear, **fur)))
    return tinted(layered(base, (belly, plain(pale, **fur))), grain, 0.1), tinted(
        plain(ear, **fur), grain, 0.1
    )
