"""Controls: what a model is shown under each, on what settings, and how that is recorded."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import complaint_of, lvlm_eval
from hypothesis import given
from hypothesis import strategies as st
from making import WHEELS, table_rows, write_table, write_tables, write_tree
from PIL import Image, ImageChops, ImageOps

from lvlm_eval.controls import CONTROLS, FACTS
from lvlm_eval.datasets.images import read_rgb
from lvlm_eval.errors import InputError
from lvlm_eval.mirroring import mirrored, other_side
from lvlm_eval.records import (
    SETTINGS,
    ConceptMatch,
    Control,
    Keypoint,
    Pair,
    Question,
    Request,
    Setting,
    View,
)
from lvlm_eval.requests import RequestSource
from lvlm_eval.runs.jobs import DrawingChoices, open_source

OF_TABLES = ("no-image", "other-source", "target-only")


def source_of(data: str, control: Control | None, **choices: Any) -> RequestSource:
    return open_source(data, DrawingChoices(control=control, **choices), None)


def rows(source: RequestSource, question: Question, setting: Setting) -> list[Request]:
    return [source.request(ask) for ask in source.asks(question, setting)]


def marked(picture: Image.Image, photo: Image.Image) -> bool:
    return ImageChops.difference(picture, photo).getbbox() is not None


def photo(path: str) -> Image.Image:
    return read_rgb(Path("lvlm_eval/data/sample/Images").resolve() / path.split("/", 1)[1], path)


@pytest.fixture(scope="module")
def plain() -> RequestSource:
    return source_of("sample", None)


@pytest.mark.parametrize("control", CONTROLS)
def test_ids_settings_and_identity_name_the_control(control: Control) -> None:
    source = source_of("sample", control)
    assert source.settings == FACTS[control].settings
    assert source.identity()["control"] == control
    question = source.questions[0]
    assert question.control == control
    ids = [ask.id for ask in source.asks(question, "vis")]
    assert ids == [f"{question.id}/vis/{rotation}/{control}" for rotation in range(4)]


def test_without_a_control_nothing_speaks_of_one(plain: RequestSource) -> None:
    assert "control" not in plain.identity()
    assert plain.questions[0].control is None


def test_no_image_sends_the_same_text_and_no_picture(plain: RequestSource) -> None:
    source = source_of("sample", "no-image")
    for setting in SETTINGS:
        for bare, usual in zip(
            rows(source, source.questions[0], setting),
            rows(plain, plain.questions[0], setting),
            strict=True,
        ):
            assert bare.text == usual.text
            assert bare.options == usual.options
            assert bare.pictures == ()
            assert bare.geometry is None
    assert source.files(source.questions[:5]) == {}


def test_no_markers_shows_the_photos_as_they_are(plain: RequestSource) -> None:
    source = source_of("sample", "no-markers")
    question = source.questions[0]
    assert question.source and question.target
    for request in rows(source, question, "vis"):
        for image, info in zip(request.images, (question.source, question.target), strict=True):
            assert not marked(image, photo(info.path))
    usual = rows(plain, plain.questions[0], "vis")[0]
    assert marked(usual.images[0], photo(question.source.path))
    (alone,) = rows(source, question, "desc")[0].images
    assert not marked(alone, photo(question.target.path))


def test_target_only_shows_the_second_picture_alone(plain: RequestSource) -> None:
    source = source_of("sample", "target-only")
    for setting in ("vis", "vis+desc"):
        for one, usual in zip(
            rows(source, source.questions[3], setting),
            rows(plain, plain.questions[3], setting),
            strict=True,
        ):
            assert [p.sha256 for p in one.pictures] == [usual.pictures[1].sha256]
            assert one.text == usual.text


def test_identity_asks_for_the_right_point_in_the_target_itself() -> None:
    source = source_of("sample", "identity")
    for question in source.questions[:20]:
        assert question.source and question.target
        request = rows(source, question, "vis")[0]
        assert request.geometry is not None
        right = next(one for one in question.candidates if one.label == question.answer)
        assert request.geometry.query == (right.x, right.y)
        assert source.files_of(question, "vis") == (question.target.path,) * 2
        box = ImageChops.difference(request.images[0], photo(question.target.path)).getbbox()
        assert box is not None and right.x is not None and right.y is not None
        # The arrow's tip is the point: what was drawn reaches to within a few px of it.
        assert box[0] - 4 <= right.x <= box[2] + 4 and box[1] - 4 <= right.y <= box[3] + 4


def test_other_source_is_of_no_candidate_and_none_of_the_photos(plain: RequestSource) -> None:
    source = source_of("sample", "other-source")
    by_photo: dict[tuple[str, float, float], list[str]] = {}
    for question in plain.questions:
        assert question.source and question.query
        key = (question.source.path, question.query.x, question.query.y)
        by_photo.setdefault(key, []).append(question.query.name)
    for question in source.questions:
        assert question.source and question.target
        shown, target = source.files_of(question, "vis")
        assert shown not in (question.source.path, question.target.path)
        assert target == question.target.path
        geometry = source.request(source.asks(question, "vis")[0]).geometry
        assert geometry is not None
        names = by_photo[shown, *geometry.query]
        assert not set(names) <= {one.name for one in question.candidates}
        assert shown.split("/")[1] == question.category  # the sample has enough of each
    assert source.files(source.questions[:1]).keys() == set(
        source.files_of(source.questions[0], "vis")
    )


def test_letter_shows_one_marker_and_asks_for_its_letter() -> None:
    source = source_of("sample", "letter")
    question = source.questions[0]
    assert question.target
    pictures = set()
    for ask in source.asks(question, "vis"):
        request = source.request(ask)
        (image,) = request.images
        assert "REF" not in request.text and "A. Point A\nB. Point B" in request.text
        assert ask.drawn[ask.answer] == ask.answer  # what is drawn is what is to be answered
        pictures.add(request.pictures[0].sha256)
        box = ImageChops.difference(image, photo(question.target.path)).getbbox()
        assert box is not None
        assert math.hypot(box[2] - box[0], box[3] - box[1]) < 0.45 * math.hypot(*image.size)
    assert len(pictures) == 4


def test_a_mirrored_target_is_answered_by_the_other_side() -> None:
    source = source_of("sample", "mirror")
    usual = {one.id: one for one in source_of("sample", None).questions}
    sided = 0
    for question in source.questions:
        assert question.query and question.target
        right = next(one for one in question.candidates if one.label == question.answer)
        assert right.name == question.query.name
        if question.id in usual and other_side(right.name or "") != right.name:
            sided += 1
    assert sided > 20
    question = source.questions[0]
    assert question.target
    request = rows(source, question, "desc")[0]
    mirrored_photo = ImageOps.mirror(photo(question.target.path))
    difference = np.asarray(ImageChops.difference(request.images[0], mirrored_photo)).any(axis=2)
    assert 0 < difference.mean() < 0.1  # the markers alone
    assert request.geometry is not None
    assert not marked(request.geometry.load_target(), mirrored_photo)


names = st.lists(
    st.sampled_from(["left", "right", "Left", "RIGHT", "wheel", "cleft", "front", "upright", "1"]),
    min_size=1,
    max_size=4,
).map("_".join)


@given(names)
def test_the_other_side_of_the_other_side_is_the_same(name: str) -> None:
    assert other_side(other_side(name)) == name
    assert len(other_side(name)) - len(name) in range(-4, 5)


def test_sides_are_words_of_their_own() -> None:
    assert other_side("vehicle_wheel_front_left_center") == "vehicle_wheel_front_right_center"
    assert other_side("Left Ear") == "Right Ear"
    assert other_side("cleft_upright_bright") == "cleft_upright_bright"
    assert other_side("left-RIGHT") == "right-LEFT"
    assert other_side("ear_R") == "ear_L"
    assert other_side("l_eye") == "r_eye"
    assert other_side("earLeft") == "earRight"
    assert other_side("leftFrontPaw") == "rightFrontPaw"
    assert other_side("Leftover_corner") == "Leftover_corner"
    assert other_side("wheel_rear") == "wheel_rear"


points = st.dictionaries(
    names, st.tuples(st.integers(0, 99), st.integers(0, 49)), min_size=1, max_size=6
).map(
    lambda found: tuple(
        Keypoint(name, float(x), float(y), name.split("_")[0]) for name, (x, y) in found.items()
    )
)


@given(points, points)
def test_mirroring_twice_changes_nothing(source: tuple[Keypoint, ...], target: Any) -> None:
    pair = Pair(
        "car/1",
        "car",
        View("car", "a.jpg", (100, 50), None, source),
        View("car", "b.jpg", (100, 50), (3.0, 4.0, 90.0, 40.0), target, azimuth=30.0),
        tuple(one.name for one in source if one.name in {two.name for two in target}),
        (ConceptMatch("wheel", ("wheel_left",), ("wheel_right", "wheel_left")),),
    )
    once = mirrored(pair)
    assert mirrored(once) == pair
    assert once.source == pair.source
    shown = {one.name for one in once.target.keypoints}
    assert set(once.overlap) == shown & {one.name for one in source}
    assert once.target.azimuth == 330.0
    assert once.target.box == (10.0, 4.0, 97.0, 40.0)


def test_tables_have_three_controls(tmp_path: Path) -> None:
    path = str(write_table(tmp_path / "soco_lvlm_img.tsv", table_rows(groups=6)))
    plain = source_of(path, None)
    for control in CONTROLS:
        if control not in OF_TABLES:
            with pytest.raises(InputError, match=f"control '{control}' cannot be made of"):
                source_of(path, control)
            continue
        source = source_of(path, control)
        assert source.identity()["control"] == control
        donors = set()
        for question in plain.questions:
            for usual, changed in zip(
                rows(plain, question, "vis"), rows(source, question, "vis"), strict=True
            ):
                assert changed.text == usual.text
                assert changed.id == f"{usual.id}/{control}"
                if control == "no-image":
                    assert changed.pictures == ()
                elif control == "target-only":
                    assert changed.pictures == usual.pictures[1:]
                else:
                    assert changed.pictures[1] == usual.pictures[1]
                    assert changed.pictures[0] != usual.pictures[0]
                    donors.add(changed.pictures[0].sha256)
        assert len(donors) != 1


def test_a_table_of_one_group_has_no_other_source(tmp_path: Path) -> None:
    path = str(write_table(tmp_path / "soco_lvlm_img.tsv", table_rows(groups=1)))
    source = source_of(path, "other-source")
    with pytest.raises(InputError, match="no other pair has a source photo"):
        _ = rows(source, source.questions[0], "vis")[0].pictures


def renamed(root: Path, new: dict[str, str]) -> Path:
    """The pairs of a tree with other names for their keypoints."""
    for file in root.glob("PairAnnotations/intra/*/*.json"):
        content = json.loads(file.read_text())
        for view in ("src", "trg"):
            for one in content[f"{view}_keypoints"]:
                one["name"] = new[one["name"]]
        content["semantic_overlap"] = [new[name] for name in content["semantic_overlap"]]
        content["concept_matches"] = []
        file.write_text(json.dumps(content))
    return root


NAMES = [name for name, _, _ in WHEELS]


def test_names_that_tell_no_side_are_refused(tmp_path: Path) -> None:
    for kind, names in (
        ("numbers", map(str, range(len(NAMES)))),
        ("other words", (name.replace("left", "near").replace("right", "far") for name in NAMES)),
    ):
        root = renamed(write_tree(tmp_path / kind), dict(zip(NAMES, names, strict=True)))
        with pytest.raises(InputError, match="no keypoint's name says left or right"):
            source_of(str(root), "mirror")


def test_sides_in_other_spellings_change_places(tmp_path: Path) -> None:
    plain = source_of(str(write_tree(tmp_path / "plain")), "mirror")
    for kind, names in (
        ("short", (name.replace("_left", "_L").replace("_right", "_R") for name in NAMES)),
        ("camel", (name.replace("_left", "Left").replace("_right", "Right") for name in NAMES)),
    ):
        new = dict(zip(NAMES, names, strict=True))
        source = source_of(str(renamed(write_tree(tmp_path / kind), new)), "mirror")
        points = {(c.name, c.x) for one in source.questions for c in one.candidates}
        expected = {(new[c.name or ""], c.x) for one in plain.questions for c in one.candidates}
        assert points <= {(name, x) for name in new.values() for _, x in expected}
        for question in source.questions:
            right = next(one for one in question.candidates if one.label == question.answer)
            assert question.query and right.name == question.query.name
            # At 79 - x stands, by its new name, what was of the other side.
            before = {new[name]: x for name, x, _ in WHEELS}
            assert right.x == 79 - before[other_side(right.name or "")]


def test_a_mirrored_photo_of_another_size_is_marked_where_its_points_are(tmp_path: Path) -> None:
    root = write_tree(tmp_path)  # recorded as 80 px wide
    for path in (root / "Images").rglob("*.JPEG"):
        wide = Image.new("RGB", (180, 60), "white")
        wide.paste(Image.open(path), (0, 0))
        wide.save(path)
    for question in source_of(str(root), "mirror").questions:
        for candidate in question.candidates:
            before = {name: x for name, x, _ in WHEELS}
            assert candidate.x == 179 - before[other_side(candidate.name or "")]


def test_a_table_shows_sources_of_other_super_categories(tmp_path: Path) -> None:
    kinds = ("car", "chair", "bus", "sofa")  # vehicles and furniture
    path = str(write_table(tmp_path / "soco_lvlm_img.tsv", table_rows(groups=8, categories=kinds)))
    plain, source = source_of(path, None), source_of(path, "other-source")
    of_picture = {
        rows(plain, one, "vis")[0].pictures[0].sha256: one.supercategory for one in plain.questions
    }
    for question in source.questions:
        shown = rows(source, question, "vis")[0].pictures[0].sha256
        assert of_picture[shown] != question.supercategory


def test_a_question_left_out_changes_no_other_source(tmp_path: Path) -> None:
    source = source_of("sample", "other-source")
    shown = {one.id: source.files_of(one, "vis") for one in source.questions}
    (tmp_path / "ids").write_text(f"{source.questions[0].id}\n")
    fewer = source_of("sample", "other-source", exclude=tmp_path / "ids")
    changed = [one.id for one in fewer.questions if fewer.files_of(one, "vis") != shown[one.id]]
    assert len(changed) <= 6


def test_workbooks_of_a_control_are_known_as_such(tmp_path: Path) -> None:
    words = ("run", "--model", "random++", "--limit", 4, "--setting", "vis", "--repeat", 2)
    lvlm_eval(*words, "--control", "no-image", "--out", "r", cwd=tmp_path)
    done = lvlm_eval("export", "r", "--format", "vlmevalkit", "--out", "books", cwd=tmp_path)
    assert "under the control 'no-image'" in done.stderr
    assert "only the first answers are exported" in done.stderr
    scored = " ".join(lvlm_eval("score", "books", cwd=tmp_path).stdout.split())
    assert "control no-image" in scored
    assert "not comparable" in scored and "it is the control 'no-image'" in scored


def test_a_control_is_run_scored_and_kept_apart(tmp_path: Path) -> None:
    words = ("run", "--model", "random++", "--data", "sample", "--limit", 6, "--out", "r")
    lvlm_eval(*words, "--control", "other-source", cwd=tmp_path)
    metrics = json.loads((tmp_path / "r/metrics.json").read_text())
    assert list(metrics["settings"]) == ["vis", "vis+desc"]
    assert metrics["settings"]["vis"]["complete"] is True
    lines = [json.loads(one) for one in (tmp_path / "r/predictions.jsonl").read_text().splitlines()]
    assert len(lines) == 6 * 2 * 4
    assert all(one["id"].endswith("/other-source") for one in lines)
    done = lvlm_eval("status", "r", "--json", cwd=tmp_path)
    status = json.loads(done.stdout)
    assert (status.get("runs") or [status])[0]["done"] == 48
    lvlm_eval("merge", "r", cwd=tmp_path)
    assert "control other-source" in lvlm_eval("score", "r", cwd=tmp_path).stdout
    assert "another run: control" in complaint_of(*words, cwd=tmp_path, status=2)


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    def said(*words: object) -> str:
        run = ("run", "--model", "random", "--data", "sample")
        return complaint_of(*run, *words, cwd=tmp_path, status=2)

    assert "Did you mean 'mirror'?" in said("--control", "miror")
    assert "control 'letter' is for vis only" in said("--control", "letter", "--setting", "desc")
    assert "--prompt cannot be used with the control 'letter'" in said(
        "--control", "letter", "--prompt", "nothing"
    )
    assert "--protocol cannot be used" in said("--control", "letter", "--protocol", "options")
    write_tables(tmp_path / "tables")
    line = complaint_of(
        *("run", "--model", "random", "--data", "tables", "--control", "mirror"),
        cwd=tmp_path,
        status=2,
    )
    assert "a table tells no points" in line and "no-image" in line
