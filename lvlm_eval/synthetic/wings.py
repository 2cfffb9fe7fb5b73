"""Wings: skins lofted over sections."""

import numpy as np

from lvlm_eval.synthetic.fields import (
    Points,
    Vec,
    vec,
)
from lvlm_eval.synthetic.shapes import Mesh


def loft(sections: list[Points]) -> Mesh:
    """A closed skin over outlines (S lists of (K, 3) points in the same order), with flat ends."""
    s, k = len(sections), len(sections[0])
    rows = np.vstack(sections)
    faces = []
    for i in range(s - 1):
        for j in range(k):
            a, b = i * k + j, i * k + (j + 1) % k
            faces += [[a, b, b + k], [a, b + k, a + k]]
    for row, flip in ((0, True), (s - 1, False)):
        for j in range(1, k - 1):
            tri = [row * k, row * k + j, row * k + j + 1]
            faces.append(tri[::-1] if flip else tri)
    index = np.array(faces)
    face_normal = np.cross(
        rows[index[:, 1]] - rows[index[:, 0]], rows[index[:, 2]] - rows[index[:, 0]]
    )
    center = rows.mean(axis=0)
    if ((rows[index].mean(axis=1) - center) * face_normal).sum() < 0:
        index, face_normal = index[:, ::-1], -face_normal
    normals = np.zeros_like(rows)
    for corner in range(3):
        np.add.at(normals, index[:, corner], face_normal)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Mesh(rows, normals, index)


def airfoil(nose: Vec, chord: float, thickness: float, upright: bool) -> Points:
    """An outline (40, 3) with its leading edge at ``nose``.

    It lies in the plane of x and y if ``upright``, of x and z otherwise.
    """
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    along = (1 - np.cos(t)) / 2
    across = thickness * np.sin(t) * (1 - along) ** 0.5 * (0.35 + 1.2 * along**0.5) * 0.62
    zero = np.zeros_like(t)
    shape = np.column_stack(
        [-along * chord, across, zero] if upright else [-along * chord, zero, across]
    )
    return np.asarray(nose, float) + shape


def wing(
    root: Vec,
    tip: Vec,
    chords: tuple[float, float],
    thickness: float,
    tip_curl: float,
    upright: bool,
) -> Mesh:
    """A tapered wing from ``root`` to ``tip`` (leading edges); its end curls up by ``tip_curl``."""
    a, b = np.asarray(root, float), np.asarray(tip, float)
    rows = []
    for t in [*np.linspace(0, 0.9, 14), 0.93, 0.96, 0.98, 0.993, 1.0]:
        chord = chords[0] + (chords[1] - chords[0]) * t
        rounded = np.sqrt(max(1 - max((t - 0.93) / 0.07, 0.0) ** 2, 0.02))
        place = a + (b - a) * t
        place = place + vec(
            -(1 - rounded) * chord * 0.35,
            0,
            tip_curl * max((t - 0.8) / 0.2, 0.0) ** 2,
        )
        rows.append(
            airfoil(
                place,
                chord * (0.35 + 0.65 * rounded),
                thickness * (1 - 0.55 * t) * rounded,
                upright,
            )
        )
    return loft(rows)
