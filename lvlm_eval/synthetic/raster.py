"""What is asked of the graphics library: the triangle at each pixel, and depth maps.

Colours are computed elsewhere from these, so the picture hardly depends on the graphics driver.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyvista as pv
from numpy.typing import NDArray
from vtkmodules.vtkCommonCore import vtkFloatArray

from lvlm_eval.synthetic.camera import Camera
from lvlm_eval.synthetic.fields import Points
from lvlm_eval.synthetic.shapes import Mesh


def joined(meshes: list[Mesh]) -> Mesh:
    """One mesh out of several, faces in the same order."""
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    return Mesh(
        np.vstack([m.vertices for m in meshes]),
        np.vstack([m.normals for m in meshes]),
        np.vstack([m.faces + o for m, o in zip(meshes, offsets, strict=True)]),
    )


def surface_of(mesh: Mesh) -> pv.PolyData:
    """The mesh as the graphics library's own object."""
    surface: pv.PolyData = pv.PolyData.from_regular_faces(mesh.vertices, mesh.faces)
    return surface


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hold back what the graphics library writes to the error stream.

    Its C++ code complains there about missing displays.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with Path(os.devnull).open("w") as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _plotter(size: tuple[int, int]) -> pv.Plotter:
    plotter = pv.Plotter(off_screen=True, window_size=list(size), lighting="none")
    plotter.set_background("black")
    plotter.disable_anti_aliasing()
    plotter.render_window.SetMultiSamples(0)
    return plotter


def triangles_seen(mesh: Mesh, camera: Camera, samples: int) -> NDArray[np.int64]:
    """The face seen by each sample (H * samples, W * samples), or -1 where there is none."""
    surface = surface_of(mesh)
    ids = np.arange(1, len(mesh.faces) + 1)
    surface.cell_data["id"] = np.column_stack([ids & 255, ids >> 8 & 255, ids >> 16]).astype(
        np.uint8
    )
    with quiet():
        plotter = _plotter((camera.size[0] * samples, camera.size[1] * samples))
        plotter.add_mesh(surface, scalars="id", rgb=True, lighting=False, show_scalar_bar=False)
        view = plotter.camera
        view.position = tuple(camera.position)
        view.focal_point = tuple(camera.target)
        view.up = (0.0, 0.0, 1.0)
        view.view_angle = camera.field_of_view
        reach = np.linalg.norm(mesh.vertices - camera.position, axis=1)
        view.clipping_range = (float(reach.min()) * 0.25, float(reach.max()) * 1.05)
        image = np.asarray(plotter.screenshot(return_img=True)).astype(np.int64)
        plotter.close()
    faces: NDArray[np.int64] = image[..., 0] + (image[..., 1] << 8) + (image[..., 2] << 16) - 1
    return faces


class DepthMaps:
    """Depth maps of a fixed mesh for parallel light from any direction."""

    def __init__(self, mesh: Mesh, size: int) -> None:
        """Load ``mesh``; maps will be ``size`` x ``size``."""
        low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
        self.center: Points = (low + high) / 2
        self.radius = float(np.linalg.norm(mesh.vertices - self.center, axis=1).max()) * 1.02
        self.size = size
        self.texel = 2 * self.radius / size
        surface = surface_of(mesh)
        with quiet():
            self._plotter = _plotter((size, size))
            self._plotter.add_mesh(surface, color="white", lighting=False)
            self._plotter.camera.parallel_projection = True
            self._plotter.camera.parallel_scale = self.radius
            self._plotter.show(auto_close=False)

    def seen_from(self, toward: Points) -> tuple[NDArray[np.float32], Points]:
        """The depth map (size, size) of parallel light from ``toward`` (3,), and its axes (3, 3).

        Rows of the map run upwards. Depth is in units of space along the light, from ``radius``
        before the centre.
        """
        up = np.array([0.0, 0.0, 1.0]) if abs(toward[2]) < 0.99 else np.array([1.0, 0.0, 0.0])
        right = np.cross(up, toward)
        right = right / np.linalg.norm(right)
        above = np.cross(toward, right)
        view = self._plotter.camera
        view.position = tuple(self.center + toward * self.radius * 2)
        view.focal_point = tuple(self.center)
        view.up = tuple(above)
        view.clipping_range = (self.radius * 0.9, self.radius * 3.1)
        with quiet():
            self._plotter.render()
            buffer = vtkFloatArray()
            self._plotter.render_window.GetZbufferData(0, 0, self.size - 1, self.size - 1, buffer)
        depth = np.array(pv.convert_array(buffer), np.float32).reshape(self.size, self.size)
        depth = np.where(depth >= 1.0, np.inf, depth * 2.2 * self.radius - 0.1 * self.radius)
        return depth.astype(np.float32), np.stack([right, above, -toward])

    def lit(
        self,
        depth: NDArray[np.float32],
        axes: Points,
        points: NDArray[np.float32],
        fade: float,
    ) -> NDArray[np.float32]:
        """The share of light (N,) in [0, 1] that reaches each point (N, 3), softened over a texel.

        A shadow is half as deep at the distance ``fade`` from what throws it. One map stands for
        light from a wide cone, whose true shadow would blur away with distance.
        """
        local = (points - self.center.astype(np.float32)) @ axes.T.astype(np.float32)
        u = (local[:, 0] + self.radius) / self.texel - 0.5
        v = (local[:, 1] + self.radius) / self.texel - 0.5
        w = local[:, 2] + np.float32(self.radius - self.texel)
        result = np.ones(len(points), np.float32)
        near = (u > 0) & (v > 0) & (u < self.size - 2) & (v < self.size - 2)
        index = np.flatnonzero(near)
        iu, iv = u[index].astype(np.int32), v[index].astype(np.int32)
        fu, fv, wi = u[index] - iu, v[index] - iv, w[index]
        flat = depth.ravel()
        base = iv * self.size + iu
        dark = np.zeros(len(index), np.float32)
        for offset, weight in (
            (0, (1 - fu) * (1 - fv)),
            (1, fu * (1 - fv)),
            (self.size, (1 - fu) * fv),
            (self.size + 1, fu * fv),
        ):
            gap = wi - flat[base + offset]
            some = np.flatnonzero(gap > 0)
            dark[some] += weight[some] / (1 + (gap[some] / np.float32(fade)) ** 4)
        result[index] = 1 - dark
        return result

    def close(self) -> None:
        """Free the graphics window."""
        self._plotter.close()
