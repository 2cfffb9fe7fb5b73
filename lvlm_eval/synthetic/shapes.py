"""Records of a modelled object (parts, marks) and the meshing of distance fields."""

from dataclasses import dataclass

import numpy as np
import pyvista as pv
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import Field, Points, Vec, first_hit
from lvlm_eval.synthetic.materials import Material

_BLOCK = 8


@dataclass(frozen=True)
class Mesh:
    """Triangles: ``vertices`` (V, 3), unit ``normals`` (V, 3), ``faces`` (F, 3) of indices."""

    vertices: Points
    normals: Points
    faces: NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """A mesh and what it is made of."""

    mesh: Mesh
    material: Material


@dataclass(frozen=True)
class Mark:
    """A keypoint on an object: full name and position (3,) in the object's frame.

    ``reach`` is how far before the point a ray from the camera may already meet the surface, as a
    fraction of the object's size. It is larger only at the ends of thin parts, such as the foot of
    a chair leg, whose middle lies inside the part's outline from every side.
    """

    name: str
    position: Points
    reach: float = 0.006


@dataclass(frozen=True)
class Model:
    """An object: x points to its front, y to its own left, z up; it stands on z = 0."""

    parts: tuple[Part, ...]
    marks: tuple[Mark, ...]


def bounds_of(field: Field, low: Vec, high: Vec, cells: int = 40) -> tuple[Points, Points]:
    """The corners of a box, with some room, about the surface inside the search box."""
    low_, high_ = np.asarray(low, float), np.asarray(high, float)
    step = float((high_ - low_).max()) / cells
    axes = [np.arange(low_[i], high_[i] + step, step) for i in range(3)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    near = grid[np.abs(field(grid)) < step * 1.5]
    if len(near) == 0:
        raise ValueError(f"no surface in the box {low_.tolist()} to {high_.tolist()}")
    return near.min(axis=0) - 1.5 * step, near.max(axis=0) + 1.5 * step


def mesh_of(field: Field, low: Vec, high: Vec, resolution: int = 150) -> Mesh:
    """The surface of ``field`` inside a box.

    ``resolution`` is the number of cells along its longest side. Only blocks near the surface are
    sampled finely, so the field must not overstate distances by much.
    """
    low_, high_ = bounds_of(field, low, high)
    step = float((high_ - low_).max()) / resolution
    counts = np.ceil((high_ - low_) / step / _BLOCK).astype(int)
    corner = np.stack(np.meshgrid(*[np.arange(c) for c in counts], indexing="ij"), axis=-1).reshape(
        -1, 3
    )
    centers = low_ + (corner + 0.5) * _BLOCK * step
    coarse = field(centers)
    values = np.repeat(coarse[:, None], _BLOCK**3, axis=1)
    near = np.abs(coarse) < _BLOCK * step * 1.5
    inner = np.stack(np.meshgrid(*[np.arange(_BLOCK)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    fine = (low_ + (corner[near][:, None] * _BLOCK + inner) * step).reshape(-1, 3)
    values[near] = field(fine).reshape(-1, _BLOCK**3)
    nx, ny, nz = counts
    dense = values.reshape(nx, ny, nz, _BLOCK, _BLOCK, _BLOCK).transpose(0, 3, 1, 4, 2, 5)
    dense = dense.reshape(nx * _BLOCK, ny * _BLOCK, nz * _BLOCK)
    image = pv.ImageData(dimensions=dense.shape, spacing=(step, step, step), origin=tuple(low_))
    image.point_data["d"] = dense.ravel(order="F")
    surface = image.contour([0.0], scalars="d", method="flying_edges", compute_normals=False)
    vertices = np.asarray(surface.points, float)
    faces = np.asarray(surface.regular_faces, np.int64)
    return Mesh(vertices, gradient(field, vertices, step * 0.5), faces)


def gradient(field: Field, points: Points, step: float) -> Points:
    """Unit outward normals (N, 3) of ``field`` at ``points``."""
    columns = []
    for axis in range(3):
        offset = np.zeros(3)
        offset[axis] = step
        columns.append(field(points + offset) - field(points - offset))
    normals = np.column_stack(columns)
    result: Points = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return result


def quad(corners: Points) -> Mesh:
    """A flat rectangle from four corners (4, 3), counter-clockwise as seen from its front."""
    normal = np.cross(corners[1] - corners[0], corners[3] - corners[0])
    normal = normal / np.linalg.norm(normal)
    return Mesh(corners, np.repeat(normal[None], 4, axis=0), np.array([[0, 1, 2], [0, 2, 3]]))


def on_surface(name: str, field: Field, toward: Vec, direction: Vec, reach: float = 0.006) -> Mark:
    """A mark where a ray along ``direction`` towards a point first meets ``field``.

    The ray comes from far off and ends a little beyond ``toward``.

    Raises:
        ValueError: the ray meets no surface.
    """
    target, along = np.asarray(toward, float), np.asarray(direction, float)
    along = along / np.linalg.norm(along)
    far = 8.0
    # Marching from just outside keeps the samples of the root search dense where it matters.
    samples = np.linspace(-far, 0.5, 4001)
    values = field(target + samples[:, None] * along)
    inside = np.flatnonzero(values <= 0)
    if len(inside) == 0:
        raise ValueError(f"{name}: no surface towards {target.tolist()} along {along.tolist()}")
    start = target + samples[max(int(inside[0]) - 1, 0)] * along
    return Mark(name, first_hit(field, start, along, 0.01), reach)
