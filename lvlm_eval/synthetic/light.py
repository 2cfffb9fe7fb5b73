"""Light of a scene: a sky that shines from all around, and one main lamp or sun."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.synthetic.fields import Points

_WHITE = 2.6
_SATURATION = 1.02
_CONTRAST = 0.5
Sky = Callable[[Points, float], Points]


@dataclass(frozen=True)
class Light:
    """The light of a place.

    ``sky`` gives radiance (N, 3) from unit directions (N, 3), blurred by a roughness; ``key`` is
    the unit direction to the main light, ``key_color`` (3,) its irradiance, ``key_size`` its
    angular radius in degrees; ``floor`` (3,) is the mean albedo of the ground, ``exposure`` the
    brightness of the picture.
    """

    sky: Sky
    key: Points
    key_color: Points
    key_size: float
    floor: Points
    exposure: float


def spread(count: int, turn: float) -> Points:
    """``count`` unit directions (N, 3) evenly over the upper half sphere.

    They are turned about z by ``turn`` radians.
    """
    i = np.arange(count)
    z = (i + 0.5) / count
    angle = i * np.pi * (3 - np.sqrt(5)) + turn
    r = np.sqrt(1 - z * z)
    return np.column_stack([r * np.cos(angle), r * np.sin(angle), z])


def disc(center: Points, radius: float, count: int) -> Points:
    """``count`` unit directions (N, 3) evenly over a disc of the sky.

    Its angular ``radius`` about ``center`` is in degrees.
    """
    i = np.arange(count)
    r = np.tan(np.radians(radius)) * np.sqrt((i + 0.5) / count)
    angle = i * np.pi * (3 - np.sqrt(5))
    side = np.cross(center, [0.0, 0.0, 1.0])
    side = side / np.linalg.norm(side)
    other = np.cross(side, center)
    rays = center + (r * np.cos(angle))[:, None] * side + (r * np.sin(angle))[:, None] * other
    result: Points = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    return result


def gradient_sky(
    zenith: Points, horizon: Points, ground: Points, windows: list[tuple[Points, float, Points]]
) -> Sky:
    """A sky from ``horizon`` to ``zenith`` over ``ground`` with bright windows.

    The colours are radiances (3,); a window is (unit direction, cosine of its half opening,
    radiance).
    """

    def radiance(rays: Points, roughness: float) -> Points:
        up = rays[:, 2]
        rise = np.clip(up, 0.0, 1.0)[:, None] ** 0.6
        above = horizon + (zenith - horizon) * rise
        soft = 0.03 + 0.9 * roughness
        over = np.clip(up / soft * 0.5 + 0.5, 0.0, 1.0)[:, None]
        over = over * over * (3 - 2 * over)
        # Floors look darker straight below than far off, which gives polished metal its shape.
        below = ground * (1.25 - 0.75 * np.clip(-up, 0.0, 1.0)[:, None] ** 0.5)
        result = below + (above - below) * over
        for toward, cosine, color in windows:
            edge = 0.015 + 0.5 * roughness
            hit = np.clip((rays @ toward - cosine) / edge + 0.5, 0.0, 1.0)
            share = (1 - cosine) / (1 - cosine + edge)
            result = result + (hit * hit * (3 - 2 * hit))[:, None] * color * share
        return result

    return radiance


def tone(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    """Display values in [0, 1] for linear light.

    Bright parts roll off softly; the sRGB curve follows, with a little more contrast and colour.
    """
    x = np.maximum(linear, 0.0)
    x = x * (1 + x / _WHITE**2) / (1 + x)
    x = np.clip(x, 0.0, 1.0)
    grey = x.mean(axis=-1, keepdims=True)
    x = np.clip(grey + (x - grey) * _SATURATION, 0.0, 1.0)
    y = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    result: NDArray[np.float64] = y + _CONTRAST * (y * y * (3 - 2 * y) - y)
    return result
