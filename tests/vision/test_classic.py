"""DAISY descriptors as a backbone: where they stand, what borders do, what they are good for."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.feature import daisy

from lvlm_eval.errors import InputError
from lvlm_eval.resources import data_folder
from lvlm_eval.vision.backbones.classic import FLAT, LENGTH, Daisy


def noise(photos: int, side: int, seed: int = 0) -> np.ndarray:
    """Blots a few px wide: what survives the averaging of patches."""
    small = np.random.default_rng(seed).integers(0, 256, (photos, side // 4, side // 4, 3))
    return small.repeat(4, axis=1).repeat(4, axis=2).astype(np.uint8)


def square(path: Path, side: int) -> np.ndarray:
    """A photo as the harness hands it over: white on the right and below, then resized."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    longer = max(photo.size)
    padded = Image.new("RGB", (longer, longer), "white")
    padded.paste(photo, (0, 0))
    return np.asarray(padded.resize((side, side), Image.Resampling.BICUBIC))


def test_one_descriptor_stands_at_the_centre_of_every_patch() -> None:
    photo = noise(1, 320)
    found = Daisy(radius=10).encode(photo)
    assert found.shape == (1, 20, 20, LENGTH + 1)
    assert found.dtype == np.float32
    small = Image.fromarray(photo[0]).resize((100, 100), Image.Resampling.BOX)
    grey = np.asarray(small, dtype=np.float64) / 255 @ np.array((0.2125, 0.7154, 0.0721))
    everywhere = daisy(grey, step=1, radius=10, normalization="off")  # from sample 10 on
    for row in range(6, 14):  # whose circles, blurred, do not reach the border
        for column in range(6, 14):
            at = everywhere[5 * row + 2 - 10, 5 * column + 2 - 10]
            np.testing.assert_allclose(found[0, row, column, :-1], at, atol=1e-5)


def test_rows_come_from_the_top_and_columns_from_the_left() -> None:
    photo = np.full((1, 320, 320, 3), 128, dtype=np.uint8)
    photo[0, 64:72, 256:264] = 255  # in row 4, column 16
    length = np.linalg.norm(Daisy(radius=5).encode(photo)[0, ..., :-1], axis=-1)
    assert np.unravel_index(length.argmax(), length.shape) == (4, 16)


def test_a_photo_moved_by_whole_patches_matches_itself() -> None:
    whole = noise(1, 480, seed=3)[0]
    here, moved = whole[:400, :400], whole[48:448, 32:432]
    maps = Daisy(radius=10).encode(np.stack([here, moved]))
    maps = maps / np.linalg.norm(maps, axis=-1, keepdims=True)
    for row in range(6, 19):
        for column in range(6, 19):
            similar = maps[1] @ maps[0, row, column]
            best = np.unravel_index(similar.argmax(), similar.shape)
            assert best == (row - 3, column - 2)


def test_photos_do_not_depend_on_their_company() -> None:
    photos = noise(3, 160)
    together = Daisy().encode(photos)
    alone = np.concatenate([Daisy().encode(photos[i : i + 1]) for i in range(3)])
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("side", [16, 32, 48, 112])
def test_photos_smaller_than_a_descriptor(side: int) -> None:
    found = Daisy().encode(noise(2, side))
    assert found.shape == (2, side // 16, side // 16, LENGTH + 1)
    assert np.isfinite(found).all()


def test_a_place_without_gradients_has_a_direction_of_its_own() -> None:
    photo = noise(1, 320)
    photo[:, :, 160:] = 255
    found = Daisy(radius=10).encode(photo)[0]
    found = found / np.linalg.norm(found, axis=-1, keepdims=True)
    flat, textured = found[:, 15:].reshape(-1, LENGTH + 1), found[:, :5].reshape(-1, LENGTH + 1)
    np.testing.assert_allclose(flat[:, -1], 1, atol=1e-3)
    assert (flat @ textured.T).max() < 0.5
    assert Daisy().encode(photo)[0, 0, 0, -1] == pytest.approx(FLAT * LENGTH**0.5)


def test_far_better_than_chance_on_the_bundled_sample() -> None:
    """PCK at 0.10 of the box over the points that both views show; a random place has 2 %."""
    sample = data_folder() / "sample"
    backbone, right = Daisy(), []
    for folder in sorted((sample / "PairAnnotations" / "intra").iterdir()):
        for file in sorted(folder.glob("*.json"))[:4]:
            pair = json.loads(file.read_text())
            ends = [
                sample / "Images" / folder.name / pair[f"{end}_image"] for end in ("src", "trg")
            ]
            source, target = backbone.encode(np.stack([square(end, 320) for end in ends]))
            target = target / np.linalg.norm(target, axis=-1, keepdims=True)
            left, top, east, bottom = pair["trg_bndbox"]
            points = {
                end: {
                    point["name"]: np.array(point["pos"]) / max(pair[f"{end}_imsize"])
                    for point in pair[f"{end}_keypoints"]
                }
                for end in ("src", "trg")
            }
            for name in pair["semantic_overlap"]:
                column, row = (points["src"][name] * 20).astype(int)
                similar = target @ source[row, column]
                row, column = np.unravel_index(similar.argmax(), similar.shape)
                off = np.array((column / 20, row / 20)) - points["trg"][name]
                box = max(east - left, bottom - top) / max(pair["trg_imsize"])
                right.append(np.hypot(*off) / box < 0.1)
    assert len(right) > 100
    assert np.mean(right) > 0.08


@pytest.mark.parametrize("radius", [0, 2, -5, 2.5, True, "20"])
def test_a_radius_that_is_none(radius: object) -> None:
    with pytest.raises(InputError, match=r"radius .*: give a whole number of samples, 3 or more"):
        Daisy(radius=radius)  # type: ignore[arg-type]  # as from a command line


def test_identity_is_told_in_words_that_json_can_hold() -> None:
    told = json.loads(json.dumps(Daisy().identity()))
    assert told["border"] == "reflected"
