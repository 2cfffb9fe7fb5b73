"""The bundled sample dataset and its generator."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageStat

from lvlm_eval.synthetic import fields
from lvlm_eval.synthetic.__main__ import main
from lvlm_eval.synthetic.camera import Camera, direction

CAN_DRAW = find_spec("pyvista") is not None
if CAN_DRAW:
    import pyvista as pv

    from lvlm_eval.synthetic import dataset, shapes, views
    from lvlm_eval.synthetic.raster import joined
    from lvlm_eval.synthetic.shading import Quality
    from lvlm_eval.synthetic.visibility import Occluders, visible

draws = pytest.mark.skipif(not CAN_DRAW, reason="meshes and pictures need the optional pyvista")

SAMPLE = Path(__file__).resolve().parent.parent / "lvlm_eval" / "data" / "sample"
SIDES = {"front", "rear", "left", "right"}
SUPERCATEGORIES = {"transportation", "hand_held", "furniture", "animals"}
REDRAWN = "aeroplane"


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def concept(name: str) -> str:
    return "_".join(word for word in name.split("_") if word not in SIDES)


TAXONOMY = load(SAMPLE / "Metadata" / "keypoint_taxonomy.json")["instances"]
CATEGORIES = sorted({row["category"] for row in TAXONOMY})
KEYPOINT_FILES = sorted((SAMPLE / "KeypointAnnotations").glob("*/*.json"))
PAIR_FILES = sorted((SAMPLE / "PairAnnotations").rglob("*.json"))
INTRA_FILES = sorted((SAMPLE / "PairAnnotations" / "intra").rglob("*.json"))
CROSS_FILES = sorted((SAMPLE / "PairAnnotations" / "cross").rglob("*.json"))


def short(path: Path) -> str:
    return "/".join(path.relative_to(SAMPLE).parts[1:])


# The shipped data: nothing but JSON and JPEG needed.


def test_sample_covers_four_supercategories_with_enough_categories_and_views() -> None:
    assert {row["supercategory"] for row in TAXONOMY} == SUPERCATEGORIES
    assert len(CATEGORIES) >= 8
    for category in CATEGORIES:
        assert len(list((SAMPLE / "Images" / category).glob(f"{category}_*.JPEG"))) >= 6


def test_sample_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) <= 3_000_000


def test_sample_has_only_the_expected_files() -> None:
    found = {path.relative_to(SAMPLE).parts[0] for path in SAMPLE.rglob("*") if path.is_file()}
    assert found == {"Images", "KeypointAnnotations", "PairAnnotations", "Metadata", "README.md"}
    images = {path.stem for path in (SAMPLE / "Images").glob("*/*")}
    assert images == {path.stem for path in KEYPOINT_FILES}
    assert load(SAMPLE / "Metadata" / "filename_mapping.json") == {
        category: {p.name: p.name for p in (SAMPLE / "Images" / category).iterdir()}
        for category in CATEGORIES
    }


@pytest.mark.parametrize("path", KEYPOINT_FILES, ids=short)
def test_view_keypoints_lie_in_their_image(path: Path) -> None:
    view = load(path)
    with Image.open(SAMPLE / "Images" / view["category"] / view["image"]) as image:
        assert view["imsize"] == list(image.size)
        assert image.format == "JPEG"
    width, height = view["imsize"]
    left, top, right, bottom = view["bndbox"]
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    names = [k["name"] for k in view["keypoints"]]
    assert len(names) == len(set(names)) >= 6
    for keypoint in view["keypoints"]:
        x, y = keypoint["pos"]
        assert 4 <= x <= width - 4
        assert 4 <= y <= height - 4
        # A keypoint lies on the object, so in the box of its outline; triangles may cut the tip
        # of something round off by a fraction of a pixel.
        assert left - 0.5 <= x <= right + 0.5
        assert top - 0.5 <= y <= bottom + 0.5
        assert [round(x, 2), round(y, 2)] == [x, y]
        assert keypoint["concept_name"] == concept(keypoint["name"])
        assert keypoint["kind"] == "structural"
    assert 0 <= view["pose"]["azimuth_deg"] < 360
    assert 0 < view["pose"]["elevation_deg"] < 90


def test_ids_and_shared_flags_say_one_thing_each() -> None:
    concepts: dict[str, set[int]] = defaultdict(set)
    keypoints: dict[str, set[int]] = defaultdict(set)
    owners: dict[str, set[str]] = defaultdict(set)
    for row in TAXONOMY:
        owners[row["concept"]].add(row["category"])
    for path in KEYPOINT_FILES:
        for k in load(path)["keypoints"]:
            concepts[k["concept_name"]].add(k["concept_id"])
            keypoints[k["name"]].add(k["id"])
            assert k["shared"] is (len(owners[k["concept_name"]]) > 1)
    for table in (concepts, keypoints):
        assert all(len(ids) == 1 for ids in table.values())
        every = list(chain.from_iterable(table.values()))
        assert len(every) == len(set(every))


@pytest.mark.parametrize("path", PAIR_FILES, ids=short)
def test_pair_repeats_its_views_and_matches_follow_from_the_names(path: Path) -> None:
    pair = load(path)
    names = {}
    for end in ("src", "trg"):
        stem = pair[f"{end}_image"].removesuffix(".JPEG")
        view = load(SAMPLE / "KeypointAnnotations" / pair[f"{end}_category"] / f"{stem}.json")
        assert pair[f"{end}_imsize"] == view["imsize"]
        assert pair[f"{end}_bndbox"] == view["bndbox"]
        assert pair[f"{end}_keypoints"] == view["keypoints"]
        assert pair[f"{end}_pose"] == view["pose"]
        assert (SAMPLE / "Images" / pair[f"{end}_category"] / pair[f"{end}_image"]).is_file()
        names[end] = [k["name"] for k in pair[f"{end}_keypoints"]]
    assert sorted(pair["semantic_overlap"]) == sorted(set(names["src"]) & set(names["trg"]))
    both = {concept(n) for n in names["src"]} & {concept(n) for n in names["trg"]}
    assert sorted(group["concept_name"] for group in pair["concept_matches"]) == sorted(both)
    for group in pair["concept_matches"]:
        for end in ("src", "trg"):
            assert sorted(group[f"{end}_keypoints"]) == sorted(
                n for n in names[end] if concept(n) == group["concept_name"]
            )
    assert len(names["trg"]) >= 4
    assert pair["semantic_overlap"]
    assert pair["src_image"] != pair["trg_image"]
    stems = [pair[f"{end}_image"].removesuffix(".JPEG") for end in ("src", "trg")]
    assert path.name == f"{pair['pair_id']:05d}-{stems[0]}-{stems[1]}.json"
    assert path.parent.name == pair["trg_category"] == pair["category"]


def test_intra_and_cross_pairs_are_grouped_and_complete() -> None:
    counts: dict[str, int] = defaultdict(int)
    for path in INTRA_FILES:
        pair = load(path)
        assert pair["src_category"] == pair["trg_category"] == pair["pair_group"]
        counts[pair["pair_group"]] += 1
    assert counts == dict.fromkeys(CATEGORIES, 20)
    groups: dict[str, int] = defaultdict(int)
    for path in CROSS_FILES:
        pair = load(path)
        assert pair["src_category"] != pair["trg_category"]
        assert pair["pair_group"] == f"{pair['src_category']}-{pair['trg_category']}"
        groups[pair["pair_group"]] += 1
    assert all("-".join(reversed(group.split("-"))) in groups for group in groups)
    assert {"car-bus", "chair-sofa", "teapot-kettle", "dog-giraffe"} <= set(groups)
    assert min(groups.values()) >= 6


@pytest.mark.parametrize("category", CATEGORIES)
def test_train_and_test_lists_share_no_image(category: str) -> None:
    images: dict[str, set[str]] = {}
    for split in ("train", "test"):
        files = list((SAMPLE / "PairAnnotations" / "trainsplits" / split / category).glob("*.json"))
        assert len(files) >= 6
        images[split] = set(
            chain.from_iterable((p["src_image"], p["trg_image"]) for p in map(load, files))
        )
    assert not images["train"] & images["test"]


def test_taxonomy_covers_every_keypoint_and_describes_it() -> None:
    known = {(row["category"], row["keypoint"]) for row in TAXONOMY}
    assert len(known) == len(TAXONOMY)
    for path in KEYPOINT_FILES:
        view = load(path)
        assert {(view["category"], k["name"]) for k in view["keypoints"]} <= known
    for row in TAXONOMY:
        assert row["concept"] == concept(row["keypoint"])
        assert row["sides"] == [word for word in row["keypoint"].split("_") if word in SIDES]
        assert row["place"] == row["concept"].split("_")[-1]
        assert re.fullmatch(r"[a-z][a-z', ]+[a-z]", row["description"])
        assert all(side in row["description"] for side in row["sides"])
    for category in CATEGORIES:
        words = [row["description"] for row in TAXONOMY if row["category"] == category]
        assert len(words) == len(set(words))
        assert 10 <= len(words) <= 20


@pytest.mark.parametrize(
    ("keypoint", "description"),
    [
        ("vehicle_wheel_front_left_center", "center point of the front left wheel"),
        ("vehicle_window_rear_right_top", "top right corner of the rear window"),
        ("furniture_armrest_front_left_top", "front end of the left armrest"),
        ("vessel_lid_rear_rim", "rear point of the lid's rim"),
        ("quadruped_paw_rear_right", "toe of the rear right foot"),
        ("aircraft_engine_left_center", "center point of the left engine's intake"),
    ],
)
def test_descriptions_read_as_plain_english(keypoint: str, description: str) -> None:
    assert {row["description"] for row in TAXONOMY if row["keypoint"] == keypoint} == {description}


def test_left_keypoints_show_on_the_right_when_the_object_faces_the_camera() -> None:
    checked = 0
    for path in KEYPOINT_FILES:
        view = load(path)
        azimuth = view["pose"]["azimuth_deg"]
        turned = min(azimuth, 360 - azimuth)
        if 40 < turned < 140:
            continue
        at = {k["name"]: k["pos"][0] for k in view["keypoints"]}
        for name, x in at.items():
            twin = name.replace("left", "right")
            # Heads turn, so their left and right are not those of the body's azimuth.
            head = re.search("_(eye|ear|horn|tusk)_", name)
            if "left" in name and twin in at and not head:
                assert (x > at[twin]) is (turned <= 40), (path.name, name)
                checked += 1
    assert checked >= 40


# The generator. What draws or meshes needs the graphics library.


def looking_down_x(size: tuple[int, int] = (200, 100)) -> Camera:
    """At x = 10, looking at the origin, 90 degrees high: there the image is 20 units high."""
    return Camera(np.array([10.0, 0.0, 0.0]), np.zeros(3), 90.0, size)


@pytest.mark.parametrize(
    ("point", "pixel"),
    [
        ((0.0, 0.0, 0.0), (100.0, 50.0)),
        # Seen from the front, the object's left (positive y) is on the right of the image.
        ((0.0, 4.0, 0.0), (120.0, 50.0)),
        ((0.0, 0.0, 4.0), (100.0, 30.0)),
        # At half the distance everything is twice as large.
        ((5.0, 2.0, -2.0), (120.0, 70.0)),
    ],
)
def test_projection_to_hand_computed_pixels(
    point: tuple[float, float, float], pixel: tuple[float, float]
) -> None:
    assert looking_down_x().project(np.array([point]))[0] == pytest.approx(pixel)


@pytest.mark.parametrize(
    ("azimuth", "elevation", "expected"),
    [(0, 0, (1, 0, 0)), (90, 0, (0, 1, 0)), (180, 0, (-1, 0, 0)), (0, 90, (0, 0, 1))],
)
def test_azimuth_starts_at_the_front_and_grows_to_the_left(
    azimuth: float, elevation: float, expected: tuple[float, float, float]
) -> None:
    assert direction(azimuth, elevation) == pytest.approx(expected, abs=1e-12)


def sphere_before_box() -> shapes.Mesh:
    ball = fields.sphere((4.0, 0.0, 0.0), 1.0)
    block = fields.box((-1.0, 0.0, 0.0), (1.0, 3.0, 3.0))
    return joined(
        [
            shapes.mesh_of(ball, (2, -2, -2), (6, 2, 2), 40),
            shapes.mesh_of(block, (-3, -4, -4), (1, 4, 4), 60),
        ]
    )


@draws
@pytest.mark.parametrize(
    ("name", "position", "seen"),
    [
        ("front of the sphere", (5.0, 0.0, 0.0), True),
        ("back of the sphere", (3.0, 0.0, 0.0), False),
        ("box behind the sphere", (0.0, 0.0, 0.0), False),
        ("box beside the sphere", (0.0, 2.5, 2.0), True),
        ("back of the box", (-2.0, 2.5, 2.0), False),
    ],
)
def test_sphere_before_a_box_hides_what_is_behind_it(
    name: str, position: tuple[float, float, float], seen: bool
) -> None:
    mark = shapes.Mark(name, np.array(position), reach=0.02)
    found = visible((mark,), Occluders(sphere_before_box()), looking_down_x(), size=8.0)
    assert [m.name for m, _ in found] == ([name] if seen else [])


@draws
@pytest.mark.parametrize(
    ("y", "seen"), [(11.9, True), (12.1, False), (22.0, False), (-12.1, False)]
)
def test_points_near_the_border_or_outside_are_not_seen(y: float, seen: bool) -> None:
    # 20 x 10 px, 20 units high at the origin, so 2 units a px and the middle at 10 px.
    mark = shapes.Mark("point", np.array([0.0, y, 0.0]), reach=0.02)
    far = Occluders(
        shapes.quad(np.array([[-50, -9, -9], [-50, 9, -9], [-50, 9, 9], [-50, -9, 9.0]]))
    )
    assert bool(visible((mark,), far, looking_down_x((20, 10)), size=8.0)) is seen


@draws
@pytest.mark.parametrize("category", CATEGORIES)
def test_keypoints_lie_on_the_surface(category: str) -> None:
    model = views.RECIPES[category].build(views.seeded(7, category))
    mesh = joined([part.mesh for part in model.parts])
    size = float(np.linalg.norm(mesh.vertices.max(axis=0) - mesh.vertices.min(axis=0)))
    cloud = pv.PolyData.from_regular_faces(mesh.vertices, mesh.faces)
    _, nearest = cloud.find_closest_cell(
        np.array([mark.position for mark in model.marks]), return_closest_point=True
    )
    gaps = (
        np.linalg.norm(np.array([mark.position for mark in model.marks]) - nearest, axis=1) / size
    )
    assert gaps.max() < 0.006, model.marks[int(gaps.argmax())].name
    assert {mark.name for mark in model.marks} <= {
        r["keypoint"] for r in TAXONOMY if r["category"] == category
    }


@draws
def test_redrawing_a_view_gives_the_shipped_annotation_and_picture(tmp_path: Path) -> None:
    for number in (1, 2):
        view = dataset.make_view(tmp_path, 0, REDRAWN, number, Quality())
        name = f"{REDRAWN}_{number}.json"
        assert (tmp_path / "KeypointAnnotations" / REDRAWN / name).read_bytes() == (
            SAMPLE / "KeypointAnnotations" / REDRAWN / name
        ).read_bytes()
        with (
            Image.open(tmp_path / "Images" / REDRAWN / view.image) as new,
            Image.open(SAMPLE / "Images" / REDRAWN / view.image) as shipped,
        ):
            difference = ImageStat.Stat(
                ImageChops.difference(new.convert("RGB"), shipped.convert("RGB"))
            )
        assert sum(difference.mean) / 3 < 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--categories", "car,sledge"], "unknown category 'sledge'"),
        (["--views", "1"], "--views is 1"),
        (["--seed", "-1"], "--seed is -1"),
        (["--jobs", "0"], "--jobs is 0"),
    ],
)
def test_command_refuses_bad_options_in_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "new"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_command_does_not_write_into_a_folder_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    assert main([str(tmp_path)]) == 2
    assert "is not empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_command_names_the_extra_when_the_renderer_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "lvlm_eval.synthetic.__main__.find_spec", lambda name: None if name == "pyvista" else name
    )
    assert main([str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err == (
        "error: pyvista is not installed, but rendering needs it; "
        'run: pip install "lvlm-eval[synthetic]"\n'
    )
