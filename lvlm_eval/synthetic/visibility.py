"""Which keypoints a camera sees, decided by rays against the scene's triangles."""

import numpy as np
from vtkmodules.vtkCommonCore import mutable
from vtkmodules.vtkCommonDataModel import vtkStaticCellLocator

from lvlm_eval.synthetic.camera import Camera
from lvlm_eval.synthetic.fields import Points
from lvlm_eval.synthetic.raster import surface_of
from lvlm_eval.synthetic.shapes import Mark, Mesh

MARGIN_PX = 4.0


class Occluders:
    """Triangles that can hide keypoints, indexed for rays."""

    def __init__(self, mesh: Mesh) -> None:
        """Index ``mesh``."""
        # The locator keeps no reference to the surface that counts for Python.
        self._surface = surface_of(mesh)
        self._locator = vtkStaticCellLocator()
        self._locator.SetDataSet(self._surface)
        self._locator.BuildLocator()

    def gap_before(self, eye: Points, point: Points) -> float:
        """How far before ``point`` the ray from ``eye`` first meets a surface.

        It is 0 if the ray reaches the point.
        """
        t = mutable(0.0)
        sub = mutable(0)
        where, local = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
        met = self._locator.IntersectWithLine(tuple(eye), tuple(point), 0.0, t, where, local, sub)
        if not met:
            return 0.0
        return float(np.linalg.norm(np.asarray(where) - point))


def visible(
    marks: tuple[Mark, ...], occluders: Occluders, camera: Camera, size: float
) -> list[tuple[Mark, Points]]:
    """The marks that the camera sees, with their image positions (2,) in px, in the order given.

    A mark counts as seen if it lies in the image, at least 4 px from its border, and the first
    surface on the ray from the camera to it is no further before it than the mark's reach times
    ``size``, the object's diagonal.
    """
    seen = []
    for mark in marks:
        place = camera.project(mark.position[None])[0]
        inside = (place >= MARGIN_PX).all() and (place <= np.asarray(camera.size) - MARGIN_PX).all()
        if inside and occluders.gap_before(camera.position, mark.position) <= mark.reach * size:
            seen.append((mark, place))
    return seen
