"""One view: the object, its place, the camera, the picture and the keypoints seen."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from PIL import Image

from lvlm_eval.synthetic import indoors, outdoors
from lvlm_eval.synthetic.aeroplane import aeroplane
from lvlm_eval.synthetic.bus import bus
from lvlm_eval.synthetic.camera import Camera, framed
from lvlm_eval.synthetic.car import car
from lvlm_eval.synthetic.chair import chair
from lvlm_eval.synthetic.dog import dog
from lvlm_eval.synthetic.elephant import elephant
from lvlm_eval.synthetic.giraffe import giraffe
from lvlm_eval.synthetic.names import CATEGORIES
from lvlm_eval.synthetic.raster import joined
from lvlm_eval.synthetic.scenery import Place
from lvlm_eval.synthetic.shading import Quality, Scene, render
from lvlm_eval.synthetic.shapes import Model
from lvlm_eval.synthetic.sofa import sofa
from lvlm_eval.synthetic.vessels import kettle, teapot
from lvlm_eval.synthetic.visibility import Occluders, visible

MINIMUM_SEEN = 6
_ATTEMPTS = 40
_GOLDEN_ANGLE = 137.508


@dataclass(frozen=True)
class Recipe:
    """How a category is pictured.

    Its builder, its places, the range of camera elevations in degrees, and the range of the share
    of the image that it fills.
    """

    build: Callable[[Generator], Model]
    places: tuple[Callable[[Generator, float, float], Place], ...]
    elevations: tuple[float, float]
    fill: tuple[float, float]


RECIPES = {
    "car": Recipe(car, (outdoors.street,), (5.0, 20.0), (0.74, 0.86)),
    "bus": Recipe(bus, (outdoors.street,), (8.0, 24.0), (0.76, 0.87)),
    "aeroplane": Recipe(aeroplane, (outdoors.apron,), (8.0, 30.0), (0.8, 0.9)),
    "teapot": Recipe(teapot, (indoors.kitchen,), (14.0, 38.0), (0.66, 0.78)),
    "kettle": Recipe(kettle, (indoors.kitchen,), (12.0, 36.0), (0.68, 0.8)),
    "chair": Recipe(chair, (indoors.room,), (12.0, 32.0), (0.72, 0.84)),
    "sofa": Recipe(sofa, (indoors.room,), (12.0, 30.0), (0.74, 0.86)),
    "dog": Recipe(
        dog,
        (outdoors.meadow, outdoors.meadow, indoors.room),
        (6.0, 24.0),
        (0.72, 0.84),
    ),
    "giraffe": Recipe(giraffe, (outdoors.meadow,), (3.0, 16.0), (0.78, 0.87)),
    "elephant": Recipe(elephant, (outdoors.meadow,), (5.0, 20.0), (0.74, 0.85)),
}


@dataclass(frozen=True)
class Seen:
    """A keypoint in an image: its full name and position in px, rounded to 0.01."""

    name: str
    x: float
    y: float


@dataclass(frozen=True)
class View:
    """The annotation of one image.

    ``size`` is in px, ``box`` is (left, top, right, bottom) in px, ``azimuth`` and ``elevation``
    of the camera are in degrees (see :func:`lvlm_eval.synthetic.camera.direction`).
    """

    category: str
    number: int
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    keypoints: tuple[Seen, ...]
    azimuth: float
    elevation: float

    @property
    def image(self) -> str:
        """The image's file name."""
        return f"{self.category}_{self.number}.JPEG"


@dataclass(frozen=True)
class Composition:
    """A view's annotation with all that is needed to draw it."""

    view: View
    model: Model
    place: Place
    camera: Camera


def seeded(seed: int, *parts: str | int) -> Generator:
    """A random generator for one purpose, independent of those for other purposes."""
    return np.random.default_rng([seed, *(zlib.crc32(str(part).encode()) for part in parts)])


def compose(seed: int, category: str, number: int) -> Composition:
    """Build the object and choose place and camera for view ``number`` (from 1) of ``category``.

    The camera is tried in an ever wider range of directions until at least six keypoints are seen.

    Raises:
        RuntimeError: no camera position shows six keypoints.
    """
    recipe = RECIPES[category]
    start = seeded(seed, category, "turn").uniform(0, 360)
    rng = seeded(seed, category, number)
    model = recipe.build(rng)
    points = np.vstack([part.mesh.vertices for part in model.parts])
    size = float(np.linalg.norm(points.max(axis=0) - points.min(axis=0)))
    order = {
        name: i
        for i, name in enumerate(next(c.keypoints for c in CATEGORIES if c.name == category))
    }
    scale = max(float((points.max(axis=0) - points.min(axis=0)).max()), 1e-6)
    for attempt in range(_ATTEMPTS):
        turn = 14 + 4 * attempt
        azimuth = float(start + number * _GOLDEN_ANGLE + rng.uniform(-turn, turn)) % 360
        elevation = float(rng.uniform(*recipe.elevations))
        camera = _camera(rng, recipe, points, azimuth, elevation)
        place = recipe.places[int(rng.integers(len(recipe.places)))](rng, azimuth, scale)
        blockers = Occluders(joined([part.mesh for part in (*model.parts, *place.props)]))
        seen = visible(model.marks, blockers, camera, size)
        if len(seen) >= MINIMUM_SEEN:
            break
    else:
        raise RuntimeError(
            f"{category} view {number}: fewer than {MINIMUM_SEEN} keypoints seen from {_ATTEMPTS} "
            "cameras; try another seed"
        )
    image = camera.project(points)
    box = (*image.min(axis=0), *image.max(axis=0))
    keypoints = sorted(
        (Seen(mark.name, round(float(at[0]), 2), round(float(at[1]), 2)) for mark, at in seen),
        key=lambda s: order[s.name],
    )
    left, top, right, bottom = (round(float(v), 2) for v in box)
    view = View(
        category,
        number,
        camera.size,
        (left, top, right, bottom),
        tuple(keypoints),
        round(azimuth, 2),
        round(elevation, 2),
    )
    return Composition(view, model, place, camera)


def _camera(
    rng: Generator, recipe: Recipe, points: np.ndarray, azimuth: float, elevation: float
) -> Camera:
    long_side = int(rng.integers(50, 58)) * 8
    ratio = float(rng.choice([0.667, 0.75, 0.8]))
    field_of_view = float(rng.uniform(20, 36))
    fill = float(rng.uniform(*recipe.fill))
    shift = (float(rng.uniform(-0.04, 0.04)), float(rng.uniform(0.0, 0.03)))
    short_side = round(long_side * ratio / 4) * 4
    trial = framed(points, azimuth, elevation, field_of_view, (long_side, long_side), 0.8)
    image = trial.project(points)
    width, height = image.max(axis=0) - image.min(axis=0)
    portrait = height > width * 1.08
    size = (short_side, long_side) if portrait else (long_side, short_side)
    return framed(points, azimuth, elevation, field_of_view, size, fill, shift)


def picture(composition: Composition, quality: Quality) -> Image.Image:
    """Draw a composed view, supersampled and reduced to its size."""
    place = composition.place
    scene = Scene((*composition.model.parts, *place.props), place.stage, place.light)
    fine = render(scene, composition.camera, quality)
    return Image.fromarray(fine).resize(composition.camera.size, Image.Resampling.LANCZOS)
