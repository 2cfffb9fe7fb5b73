"""Wheels: a tyre and a spoked rim, and meshes put in other places."""

import numpy as np

from lvlm_eval.synthetic.fields import (
    Distances,
    Field,
    Points,
    Vec,
    blend,
    carve,
    common,
    cylinder,
    ellipsoid,
    round_cone,
    torus,
    union,
)
from lvlm_eval.synthetic.materials import Material, plain
from lvlm_eval.synthetic.shapes import Mesh, Part, mesh_of

# A hub seen past the edge of its own tyre does not count as seen.
WHEEL_REACH = 0.002


def placed(mesh: Mesh, offset: Vec, side: float = 1.0) -> Mesh:
    """The mesh shifted by ``offset``, mirrored first (y to -y) if ``side`` is negative."""
    if side > 0:
        return Mesh(mesh.vertices + np.asarray(offset, float), mesh.normals, mesh.faces)
    flip = np.array([1.0, -1.0, 1.0])
    return Mesh(
        mesh.vertices * flip + np.asarray(offset, float), mesh.normals * flip, mesh.faces[:, ::-1]
    )


def _folded(field: Field, times: int) -> Field:
    """``field`` repeated ``times`` about the y axis; model it round the positive z axis."""
    wedge = 2 * np.pi / times

    def distance(p: Points) -> Distances:
        angle = np.arctan2(p[:, 0], p[:, 2])
        angle = (angle + wedge / 2) % wedge - wedge / 2
        r = np.hypot(p[:, 0], p[:, 2])
        return field(np.column_stack([r * np.sin(angle), p[:, 1], r * np.cos(angle)]))

    return distance


def wheel(radius: float, width: float, spokes: int, rim: Material) -> list[Part]:
    """A wheel about the y axis, its middle in the origin; its outer face looks to positive y."""
    axis = (0.0, 1.0, 0.0)
    half = width / 2
    tyre = carve(
        0.01 * radius,
        cylinder((0, 0, 0), axis, radius, half, 0.22 * radius),
        cylinder((0, half, 0), axis, 0.68 * radius, width * 0.55, 0.02 * radius),
    )
    face = half * 0.72
    ring = torus((0, face, 0), axis, 0.66 * radius, 0.045 * radius)
    spoke = _spoke(radius, face)
    hub = ellipsoid((0, face, 0), (0.17 * radius, 0.1 * radius, 0.17 * radius))
    disc = cylinder((0, -half * 0.1, 0), axis, 0.68 * radius, 0.02 * radius)
    bright = blend(0.05 * radius, union(ring, _folded(spoke, spokes)), hub)
    box = ([-radius * 1.1, -width, -radius * 1.1], [radius * 1.1, width, radius * 1.1])
    return [
        Part(mesh_of(tyre, *box, 52), plain("#232427", 0.7)),
        Part(
            mesh_of(
                common(0.02 * radius, bright, cylinder((0, 0, 0), axis, 0.7 * radius, width)),
                *box,
                70,
            ),
            rim,
        ),
        Part(mesh_of(disc, *box, 24), plain("#34363a", 0.5, metallic=0.3)),
    ]


def _spoke(radius: float, face: float) -> Field:
    return union(
        round_cone(
            (0.0, face, 0.1 * radius),
            (0.09 * radius, face, 0.64 * radius),
            0.06 * radius,
            0.035 * radius,
        ),
        round_cone(
            (0.0, face, 0.1 * radius),
            (-0.09 * radius, face, 0.64 * radius),
            0.06 * radius,
            0.035 * radius,
        ),
    )


def hub_point(radius: float, width: float) -> Points:
    """The middle of the outer face of :func:`wheel`, (3,)."""
    return np.array([0.0, width * 0.36 + 0.1 * radius, 0.0])
