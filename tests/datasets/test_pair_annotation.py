"""Pair annotations: what is read, and what is passed over with a note."""

import json
import math

import pytest
from making import WHEELS, pair_json

from lvlm_eval.datasets.pair_annotation import Origin, parse_pair
from lvlm_eval.errors import InputError
from lvlm_eval.records import ConceptMatch, Keypoint, Pair

FILE = "PairAnnotations/intra/car/00001.json"


def measured(image: str) -> tuple[int, int]:
    if image == "Images/car/car_1.JPEG":
        return 640, 480
    raise InputError(f"{image} does not exist")


def origin(folder: str = "car", related: bool = False) -> Origin:
    return Origin(FILE, "car/00001", folder, related, measured)


def parsed(content: object, **where):
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return parse_pair(text, origin(**where))


def read(content: object, **where) -> Pair:
    """The pair of a file that must have no defect."""
    pair, defects = parsed(content, **where)
    assert defects == ()
    return pair


def without(*names: str, **changed) -> dict:
    content = pair_json(**changed)
    for name in names:
        del content[name]
    return content


def test_a_complete_file():
    points = (("lamp_left", 8.5, 20), ("lamp_right", 22, 20))
    pair = read(pair_json("car", (4, 7), source_points=points[:1], target_points=points))
    assert pair.key == "car/00001"
    assert pair.group == "car"
    assert pair.source.image == "Images/car/car_4.JPEG"
    assert pair.target.image == "Images/car/car_7.JPEG"
    assert pair.source.size == pair.target.size == (80, 60)
    assert pair.target.box == (4, 10, 70, 50)
    assert pair.source.keypoints == (Keypoint("lamp_left", 8.5, 20.0, "lamp"),)
    assert [point.name for point in pair.target.keypoints] == ["lamp_left", "lamp_right"]
    assert pair.overlap == ("lamp_left",)
    assert pair.concepts == (ConceptMatch("lamp", ("lamp_left",), ("lamp_left", "lamp_right")),)
    assert pair.source.azimuth is None


@pytest.mark.parametrize(
    ("content", "categories", "group"),
    [
        (pair_json("car", source_category="bus"), ("bus", "car"), "car"),
        (pair_json("car", pair_group="wheeled"), ("car", "car"), "wheeled"),
        (without("src_category", "trg_category"), ("car", "car"), "car"),
        (without("src_category", "trg_category", "pair_group"), ("car", "car"), "car"),
        (pair_json(src_category=None, trg_category="", pair_group=None), ("car", "car"), "car"),
        # the category comes before the folder
        (
            without("pair_group", "src_category", "trg_category") | {"category": "van"},
            ("van", "van"),
            "van",
        ),
        # and the folder is the last resort
        (without("pair_group", "category"), ("car", "car"), "folder"),
    ],
)
def test_categories_and_group(content, categories, group):
    pair = read(content, folder="folder")
    assert (pair.source.category, pair.target.category) == categories
    assert pair.group == group


def test_without_any_group_or_folder_the_target_category_is_the_group():
    content = without("pair_group", "category", source_category="bus")
    assert read(content, folder="").group == "car"


def test_category_from_the_folder_is_noted():
    pair, defects = parsed(without("category", "src_category", "trg_category"))
    assert pair.source.category == pair.target.category == "car"
    assert [(one.file, one.field) for one in defects] == [
        (FILE, "src_category"),
        (FILE, "trg_category"),
    ]


@pytest.mark.parametrize(("folder", "related"), [("", False), ("car", True)])
def test_a_category_that_nothing_tells_is_refused(folder, related):
    with pytest.raises(InputError, match=f"^{FILE}: src_category: absent"):
        parsed(without("category", "src_category", "trg_category"), folder=folder, related=related)


def test_unknown_fields_are_passed_over():
    content = pair_json(extra={"deep": [1, None]}, category_id=3)
    content["src_keypoints"][0]["visible"] = "yes"
    assert read(content).overlap == tuple(name for name, _, _ in WHEELS)


@pytest.mark.parametrize("value", [None, "absent"])
@pytest.mark.parametrize(
    "name", ["semantic_overlap", "concept_matches", "src_keypoints", "src_bndbox"]
)
def test_null_or_absent_lists_are_empty(name, value):
    content = without(name) if value == "absent" else pair_json(**{name: None})
    if name == "src_keypoints":
        content |= {"semantic_overlap": [], "concept_matches": None}
    pair = read(content)
    emptied = {
        "semantic_overlap": pair.overlap,
        "concept_matches": pair.concepts,
        "src_keypoints": pair.source.keypoints,
        "src_bndbox": pair.source.box or (),
    }
    assert emptied[name] == ()


def test_an_empty_box_is_none():
    assert read(pair_json(trg_bndbox=[])).target.box is None


def test_a_box_may_reach_outside_the_image():
    assert read(pair_json(trg_bndbox=[-5, -7.5, 900, 800])).target.box == (-5, -7.5, 900, 800)


def test_sizes_may_name_the_channels():
    assert read(pair_json(src_imsize=[80, 60.0, 3])).source.size == (80, 60)


def test_an_absent_size_is_taken_from_the_file_and_noted():
    pair, (defect,) = parsed(pair_json(src_imsize=None))
    assert pair.source.size == (640, 480)
    assert (defect.field, "640x480" in defect.message) == ("src_imsize", True)
    with pytest.raises(InputError, match=r"trg_imsize: absent.*car_2\.JPEG does not exist"):
        parsed(without("trg_imsize"))


@pytest.mark.parametrize(
    ("fields", "azimuth"),
    [
        ({"src_pose": {"azimuth": 30}}, 30.0),
        ({"src_pose": {"azimuth_deg": -12.5}}, -12.5),
        ({"src_azimuth": 270}, 270.0),
        ({"src_azimuth_deg": 1}, 1.0),
        ({"trg_azimuth": 40}, None),
        ({"src_pose": {"azimuth": None}}, None),
        ({"src_pose": [30]}, None),
        ({"src_pose": {"azimuth": "30"}}, None),
        ({"src_azimuth": True}, None),
        ({"src_azimuth": math.nan}, None),
        ({"src_azimuth": 10**400}, None),
    ],
)
def test_azimuth(fields, azimuth):
    assert read(pair_json(**fields)).source.azimuth == azimuth


@pytest.mark.parametrize(
    ("fields", "description"),
    [
        ({}, None),
        ({"description": "front left wheel"}, "front left wheel"),
        ({"text": " front\n left "}, "front left"),
        ({"phrase": "hub"}, "hub"),
        ({"language": "center point of the wheel"}, "center point of the wheel"),
        ({"language": "en"}, None),
        ({"language": "en-GB"}, None),
        ({"description": "", "text": "hub"}, "hub"),
        ({"description": ["hub"], "phrase": None}, None),
        ({"description": "half \ud800 a sign"}, None),
    ],
)
def test_a_keypoints_own_description(fields, description):
    content = pair_json()
    content["src_keypoints"][0] |= fields
    assert read(content).source.keypoints[0].description == description


def test_a_keypoint_may_have_no_concept():
    content = pair_json()
    content["src_keypoints"][0]["concept_name"] = None
    del content["src_keypoints"][1]["concept_name"]
    assert [point.concept for point in read(content).source.keypoints[:3]] == [None, None, "wheel"]


def test_names_that_a_view_lacks_are_ignored_and_noted():
    points = WHEELS[:2]
    pair, defects = parsed(
        pair_json(
            source_points=points[:1],
            target_points=points,
            semantic_overlap=["wheel_front_right", "wheel_front_left", "horn"],
            concept_matches=[
                {
                    "concept_name": "wheel",
                    "src_keypoints": ["wheel_front_left", "horn"],
                    "trg_keypoints": ["horn", "wheel_front_right"],
                }
            ],
        )
    )
    assert pair.overlap == ("wheel_front_left",)
    assert pair.concepts == (ConceptMatch("wheel", ("wheel_front_left",), ("wheel_front_right",)),)
    assert [(one.field, one.message.split(" is ")[0]) for one in defects] == [
        ("semantic_overlap", "'wheel_front_right'"),
        ("semantic_overlap", "'horn'"),
        ("concept_matches[0].src_keypoints", "'horn'"),
        ("concept_matches[0].trg_keypoints", "'horn'"),
    ]
    assert "the source lacks it" in defects[0].message
    assert "each of the two views lacks it" in defects[1].message


def test_doubled_names_count_once():
    points = (*WHEELS[:2], ("wheel_front_left", 70, 9))
    pair, defects = parsed(
        pair_json(
            source_points=WHEELS[:2],
            target_points=points,
            semantic_overlap=["wheel_front_left", "wheel_front_left"],
            concept_matches=[],
        )
    )
    assert [(p.name, p.x) for p in pair.target.keypoints] == [
        ("wheel_front_left", 10),  # the first one holds
        ("wheel_front_right", 20),
    ]
    assert pair.overlap == ("wheel_front_left",)
    assert [one.field for one in defects] == ["trg_keypoints[2]", "semantic_overlap"]


def test_one_concept_may_stand_in_several_groups_and_a_group_may_lack_targets():
    groups = [
        {"concept_name": "wheel", "src_keypoints": ["lamp_left"], "trg_keypoints": ["lamp_left"]},
        {"concept_name": "wheel", "src_keypoints": ["lamp_left"], "trg_keypoints": []},
        {"concept_name": "wheel", "src_keypoints": ["lamp_left"], "trg_keypoints": None},
    ]
    assert read(pair_json(concept_matches=groups)).concepts == (
        ConceptMatch("wheel", ("lamp_left",), ("lamp_left",)),
        ConceptMatch("wheel", ("lamp_left",), ()),
        ConceptMatch("wheel", ("lamp_left",), ()),
    )


@pytest.mark.parametrize(
    ("position", "outside"),
    [
        ([0, 0], False),
        ([79.9, 79.9], False),  # below the photo, inside the square that it is padded to
        ([80, 10], True),
        ([10, -0.5], True),
    ],
)
def test_points_outside_the_padded_square_are_kept_and_noted(position, outside):
    content = pair_json(size=(80, 60))
    content["trg_keypoints"][0]["pos"] = position
    pair, defects = parsed(content)
    assert (pair.target.keypoints[0].x, pair.target.keypoints[0].y) == tuple(position)
    assert [one.field for one in defects] == (["trg_keypoints[0]"] if outside else [])
