"""The pinhole camera of a view and where points fall in its image."""

from dataclasses import dataclass

import numpy as np

from lvlm_eval.synthetic.fields import Points, Vec


@dataclass(frozen=True)
class Camera:
    """A camera at ``position`` (3,) looking at ``target`` (3,), z up.

    ``field_of_view`` is the vertical opening in degrees, ``size`` the image's [width, height] in
    px. Image coordinates run from the top-left corner, x to the right and y down; the centre of the
    first pixel is (0.5, 0.5).
    """

    position: Points
    target: Points
    field_of_view: float
    size: tuple[int, int]

    def axes(self) -> tuple[Points, Points, Points]:
        """Unit vectors to the right, up and forward of the image."""
        forward = self.target - self.position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right = right / np.linalg.norm(right)
        return right, np.cross(right, forward), forward

    def project(self, points: Points) -> Points:
        """Image positions (N, 2) in px of the points (N, 3), which must lie before the camera."""
        right, up, forward = self.axes()
        rel = np.asarray(points, float) - self.position
        depth = rel @ forward
        focal = self.size[1] / 2 / np.tan(np.radians(self.field_of_view) / 2)
        return np.column_stack(
            [
                self.size[0] / 2 + focal * (rel @ right) / depth,
                self.size[1] / 2 - focal * (rel @ up) / depth,
            ]
        )

    def rays(self, samples: int) -> Points:
        """Unit directions through a grid of points in each pixel.

        The grid has ``samples`` x ``samples`` points a pixel; the result is (H * samples, W *
        samples, 3).
        """
        right, up, forward = self.axes()
        width, height = self.size[0] * samples, self.size[1] * samples
        slope = np.tan(np.radians(self.field_of_view) / 2)
        x = ((np.arange(width) + 0.5) / width * 2 - 1) * slope * width / height
        y = (1 - (np.arange(height) + 0.5) / height * 2) * slope
        rays = forward + x[None, :, None] * right + y[:, None, None] * up
        result: Points = rays / np.linalg.norm(rays, axis=2, keepdims=True)
        return result


def direction(azimuth: float, elevation: float) -> Points:
    """Unit vector (3,) from an object to a camera, from angles in degrees.

    Azimuth 0 is before the object's front (x); it grows counter-clockwise as seen from above, so
    90 is on the object's own left. Elevation is counted from the ground upwards.
    """
    a, e = np.radians(azimuth), np.radians(elevation)
    return np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])


def framed(
    points: Points,
    azimuth: float,
    elevation: float,
    field_of_view: float,
    size: tuple[int, int],
    fill: float,
    shift: Vec = (0.0, 0.0),
) -> Camera:
    """The camera in a given direction that shows the points at a given size.

    The points' image box fills the share ``fill`` of the image along its tighter side; ``shift``
    moves the box's centre from the image's centre, as shares of the image's width and height.
    Angles are in degrees.
    """
    away = direction(azimuth, elevation)
    target = (points.min(axis=0) + points.max(axis=0)) / 2
    radius = float(np.linalg.norm(points - target, axis=1).max())
    distance = radius * 4
    for _ in range(12):
        camera = Camera(target + away * distance, target, field_of_view, size)
        image = camera.project(points)
        low, high = image.min(axis=0), image.max(axis=0)
        share = float(((high - low) / size).max())
        # Moving the target by the box's offset, in the plane through it, centres the box.
        right, up, _ = camera.axes()
        focal = size[1] / 2 / np.tan(np.radians(field_of_view) / 2)
        off = (low + high) / 2 - np.asarray(size) * (0.5 + np.asarray(shift))
        target = target + (right * off[0] - up * off[1]) * distance / focal
        distance = max(distance * share / fill, radius * 1.1)
    return Camera(target + away * distance, target, field_of_view, size)
