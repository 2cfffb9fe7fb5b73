"""What stands around an object, and the plain shapes it is made of."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from lvlm_eval.synthetic.fields import Points
from lvlm_eval.synthetic.light import Light
from lvlm_eval.synthetic.materials import (
    Material,
)
from lvlm_eval.synthetic.shapes import Mesh, Part, quad


@dataclass(frozen=True)
class Place:
    """What stands around an object: things with shadows, things without, and the light."""

    props: tuple[Part, ...]
    stage: tuple[Part, ...]
    light: Light


def pick(rng: Generator, *options: str) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


def ground_part(material: Material, reach: float) -> Part:
    """A square of ground that reaches ``reach`` to all sides."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0.0]]) * reach
    return Part(quad(corners), material)


def block(center: Points, half: Points, turn: float) -> Mesh:
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
    return Mesh(
        np.array(vertices) @ matrix.T + center, np.array(normals) @ matrix.T, np.array(faces)
    )
