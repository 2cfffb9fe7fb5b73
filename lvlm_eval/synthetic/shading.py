"""Pictures out of parts.

Light is soft, by many depth maps, with one bounce from the ground; glossy things mirror the sky.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lvlm_eval.synthetic.camera import Camera
from lvlm_eval.synthetic.fields import Points
from lvlm_eval.synthetic.light import Light, disc, spread, tone
from lvlm_eval.synthetic.materials import Look
from lvlm_eval.synthetic.raster import DepthMaps, joined, triangles_seen
from lvlm_eval.synthetic.shapes import Part

_GROUND_CELLS = 160
_KEY_FADE = 6.0
_SKY_FADE = 0.9


@dataclass(frozen=True)
class Quality:
    """How finely to render.

    ``samples`` across a pixel; numbers of directions for the sky, the key light and the light
    from the ground; ``map_size`` is the side of the depth maps in px.
    """

    samples: int = 2
    sky: int = 60
    key: int = 24
    ground: int = 16
    map_size: int = 640


@dataclass(frozen=True)
class Scene:
    """What is pictured, on the ground z = 0.

    ``casters`` throw shadows, ``stage`` only receives them (floor, walls, far things).
    """

    casters: tuple[Part, ...]
    stage: tuple[Part, ...]
    light: Light


@dataclass(frozen=True)
class _Hits:
    where: NDArray[np.int64]
    owner: NDArray[np.int64]
    points: Points
    normals: Points
    look: Look


def _hits(parts: list[Part], camera: Camera, samples: int, rays: Points) -> _Hits:
    mesh = joined([part.mesh for part in parts])
    seen = triangles_seen(mesh, camera, samples).ravel()
    where = np.flatnonzero(seen >= 0)
    face = seen[where]
    ray = rays.reshape(-1, 3)[where]
    a, b, c = (mesh.vertices[mesh.faces[face, k]] for k in range(3))
    e1, e2, rel = b - a, c - a, camera.position - a
    h = np.cross(ray, e2)
    det = (e1 * h).sum(axis=1)
    det = np.where(np.abs(det) < 1e-15, 1e-15, det)
    u = (rel * h).sum(axis=1) / det
    q = np.cross(rel, e1)
    v = (ray * q).sum(axis=1) / det
    # A sample on an edge may fall just outside its triangle.
    u = np.clip(u, 0.0, 1.0)
    v = np.clip(v, 0.0, 1.0 - u)
    points = a + u[:, None] * e1 + v[:, None] * e2
    na, nb, nc = (mesh.normals[mesh.faces[face, k]] for k in range(3))
    normals = na * (1 - u - v)[:, None] + nb * u[:, None] + nc * v[:, None]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    owner = np.repeat(np.arange(len(parts)), [len(p.mesh.faces) for p in parts])[face]
    n = len(where)
    look = Look(np.zeros((n, 3)), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n))
    for i, part in enumerate(parts):
        mine = np.flatnonzero(owner == i)
        if len(mine) == 0:
            continue
        one = part.material(points[mine], normals[mine])
        look.albedo[mine] = one.albedo
        look.roughness[mine] = one.roughness
        look.metallic[mine] = one.metallic
        look.specular[mine] = one.specular
        look.fuzz[mine] = one.fuzz
        look.glow[mine] = one.glow
    return _Hits(where, owner, points, normals, look)


@dataclass(frozen=True)
class _Lighting:
    diffuse: NDArray[np.float32]
    open_sky: NDArray[np.float32]
    key_share: NDArray[np.float32]


def _lighting(
    points: Points, normals: Points, maps: DepthMaps, light: Light, quality: Quality
) -> _Lighting:
    raised = (points + normals * maps.texel * 1.6).astype(np.float32)
    n32 = normals.astype(np.float32)
    reach = maps.radius * 2.2
    line = ((np.arange(_GROUND_CELLS) + 0.5) / _GROUND_CELLS * 2 - 1) * reach
    gx, gy = np.meshgrid(line + maps.center[0], line + maps.center[1], indexing="ij")
    ground = np.column_stack([gx.ravel(), gy.ravel(), np.full(gx.size, maps.texel)]).astype(
        np.float32
    )
    floor_light = np.zeros((len(ground), 3), np.float32)
    open_floor = np.zeros(3)
    diffuse = np.zeros((len(points), 3), np.float32)
    open_sky = np.zeros(len(points), np.float32)
    key_share = np.zeros(len(points), np.float32)
    lamps = [
        (d, light.key_color / quality.key, True)
        for d in disc(light.key, light.key_size, quality.key)
    ]
    dome = spread(quality.sky, 0.7)
    sky_light = light.sky(dome, 0.5) * (2 * np.pi / quality.sky)
    lamps += [(d, e, False) for d, e in zip(dome, sky_light, strict=True)]
    for toward, energy, is_key in lamps:
        depth, axes = maps.seen_from(toward)
        fade = maps.radius * (_KEY_FADE if is_key else _SKY_FADE)
        lit = maps.lit(depth, axes, raised, fade)
        facing = np.maximum(n32 @ toward.astype(np.float32), 0.0)
        diffuse += (lit * facing)[:, None] * energy.astype(np.float32)
        floor_light += (maps.lit(depth, axes, ground, fade) * max(toward[2], 0.0))[
            :, None
        ] * energy.astype(np.float32)
        open_floor += max(toward[2], 0.0) * energy
        if is_key:
            key_share += lit / quality.key
        else:
            open_sky += lit / quality.sky
    floor_map = floor_light.reshape(_GROUND_CELLS, _GROUND_CELLS, 3)
    for toward in spread(quality.ground, 0.3) * [1.0, 1.0, -1.0]:
        depth, axes = maps.seen_from(toward)
        facing = np.maximum(n32 @ toward.astype(np.float32), 0.0)
        lit = maps.lit(depth, axes, raised, maps.radius * _SKY_FADE) * facing
        some = np.flatnonzero(lit > 0)
        base = points[some] - toward * (points[some, 2:3] / toward[2])
        cell = np.floor(
            (base[:, :2] - maps.center[:2] + reach) / (2 * reach) * _GROUND_CELLS
        ).astype(int)
        inside = ((cell >= 0) & (cell < _GROUND_CELLS)).all(axis=1)
        cell = np.clip(cell, 0, _GROUND_CELLS - 1)
        sent = np.where(inside[:, None], floor_map[cell[:, 0], cell[:, 1]], open_floor)
        sent = sent * light.floor / np.pi * (2 * np.pi / quality.ground)
        diffuse[some] += (lit[some, None] * sent).astype(np.float32)
    return _Lighting(diffuse, open_sky, key_share)


def _pixel_groups(
    hits: _Hits, camera: Camera, samples: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Samples to light, and for each sample the index of its stand-in among them.

    The samples of one pixel that show the same smooth piece of one part get their light from one of
    them; where a pixel holds an edge or a strong bend, each sample is lit by itself.
    """
    width = camera.size[0] * samples
    row, column = hits.where // width, hits.where % width
    pixel = (row // samples) * camera.size[0] + column // samples
    order = np.argsort(pixel, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(pixel[order]) > 0])
    first = order[starts]
    counts = np.diff(np.r_[starts, len(order)])
    leader = np.empty(len(pixel), np.int64)
    leader[order] = np.repeat(first, counts)
    alike = (hits.owner == hits.owner[leader]) & (
        (hits.normals * hits.normals[leader]).sum(axis=1) > 0.985
    )
    distance = np.linalg.norm(hits.points - camera.position, axis=1)
    alike &= np.abs(distance - distance[leader]) < 0.02 * distance
    leader = np.where(alike, leader, np.arange(len(pixel)))
    chosen, stand_in = np.unique(leader, return_inverse=True)
    return chosen, stand_in


def _mirror(hits: _Hits, rays: Points, lighting: _Lighting, light: Light) -> Points:
    """Reflected light (N, 3): the sky's image in the surface and the key light's highlight."""
    look = hits.look
    view = -rays
    facing = np.clip((hits.normals * view).sum(axis=1), 0.0, 1.0)
    reflected = 2 * facing[:, None] * hits.normals - view
    reflected /= np.maximum(np.linalg.norm(reflected, axis=1, keepdims=True), 1e-9)
    level = np.round(np.clip(look.roughness, 0.05, 1.0) * 12) / 12
    image = np.zeros_like(hits.points)
    for value in np.unique(level):
        mine = level == value
        image[mine] = light.sky(reflected[mine], float(value))
    metal = look.metallic[:, None]
    base = look.specular[:, None] * (1 - metal) + look.albedo * metal
    grazing = (1 - facing[:, None]) ** 5
    strength = base + (np.maximum(1 - look.roughness[:, None], base) - base) * grazing
    # Reflections of what is close by are not traced; openness to the sky stands in for them.
    hidden = np.clip(lighting.open_sky * 2.0 - 0.15, 0.05, 1.0)[:, None]
    hidden = np.where(reflected[:, 2:3] > 0, hidden, np.clip(hidden + 0.25, 0.0, 1.0))
    half = view + light.key
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    nh = np.clip((hits.normals * half).sum(axis=1), 0.0, 1.0)
    nl = np.clip(hits.normals @ light.key, 0.0, 1.0)
    a2 = np.clip(look.roughness, 0.09, 1.0) ** 4
    peak = a2 / (np.pi * (nh * nh * (a2 - 1) + 1) ** 2)
    glint = np.minimum(peak * 0.25, 12.0) * nl * lighting.key_share
    result: Points = image * strength * hidden + glint[:, None] * base * light.key_color
    return result


def render(scene: Scene, camera: Camera, quality: Quality) -> NDArray[np.uint8]:
    """The scene as an image (H * samples, W * samples, 3), to be reduced to the camera's size."""
    rays = camera.rays(quality.samples)
    height, width = rays.shape[:2]
    hits = _hits([*scene.casters, *scene.stage], camera, quality.samples, rays)
    flat = rays.reshape(-1, 3)
    ray = flat[hits.where]
    away = (hits.normals * ray).sum(axis=1) > 0
    hits.normals[away] *= -1
    maps = DepthMaps(joined([part.mesh for part in scene.casters]), quality.map_size)
    chosen, stand_in = _pixel_groups(hits, camera, quality.samples)
    few = _lighting(hits.points[chosen], hits.normals[chosen], maps, scene.light, quality)
    maps.close()
    lighting = _Lighting(few.diffuse[stand_in], few.open_sky[stand_in], few.key_share[stand_in])
    look = hits.look
    facing = np.clip(-(hits.normals * ray).sum(axis=1), 0.0, 1.0)
    light = lighting.diffuse.astype(float) / np.pi
    matte = look.albedo * light * (1 - look.metallic)[:, None]
    rim = look.fuzz * (1 - facing) ** 3
    matte += (0.35 * look.albedo + 0.05) * light * rim[:, None] * 2.0
    color = matte + _mirror(hits, ray, lighting, scene.light) + look.albedo * look.glow[:, None]
    picture = np.zeros((height * width, 3))
    empty = np.ones(height * width, bool)
    empty[hits.where] = False
    picture[empty] = scene.light.sky(flat[empty], 0.0)
    picture[hits.where] = color
    shown = tone(picture * scene.light.exposure) * 255.0 + 0.5
    return shown.astype(np.uint8).reshape(height, width, 3)
