"""Pair annotations: what is read, what is passed over with a note, and what is refused."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making import WHEELS, keypoints, pair_json

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


BAD_FIELDS = [
    ("src_image", None, "absent"),
    ("src_image", "", "absent"),
    ("src_image", 7, "is a number; expected a text"),
    ("src_image", "../../secret.jpg", "not a file name below"),
    ("src_image", "/etc/passwd", "not a file name below"),
    ("trg_image", "a/../../b.jpg", "not a file name below"),
    ("trg_image", "C:\\b.jpg", "not a file name below"),
    ("trg_image", "a\nb.jpg", "cannot be printed"),
    ("trg_category", "..", "not the name of a folder"),
    ("trg_category", "/etc", "not the name of a folder"),
    ("src_category", "a/b", "not the name of a folder"),
    ("src_category", ["car"], "is a list; expected a text"),
    ("pair_group", {"a": 1}, "is an object; expected a text"),
    ("category", "\ud800", "cannot be printed"),
    ("src_imsize", [80], "not [width, height]"),
    ("src_imsize", "80x60", "not [width, height]"),
    ("src_imsize", [0, 60], "not [width, height] in whole px"),
    ("trg_imsize", [80, -60], "not [width, height] in whole px"),
    ("trg_imsize", [80.5, 60], "not [width, height] in whole px"),
    ("trg_imsize", ["80", "60"], "not a finite number"),
    ("trg_imsize", [math.inf, 60], "not a finite number"),
    ("trg_imsize", [True, 60], "not a finite number"),
    ("src_bndbox", [70, 10, 4, 50], "swapped sides or no area"),
    ("src_bndbox", [4, 50, 70, 10], "swapped sides or no area"),
    ("trg_bndbox", [4, 10, 4, 50], "swapped sides or no area"),
    ("trg_bndbox", [4, 10, 70, 10], "swapped sides or no area"),
    ("trg_bndbox", [1, 2, 3], "not [left, top, right, bottom]"),
    ("trg_bndbox", {"left": 1}, "not [left, top, right, bottom]"),
    ("trg_bndbox", [1, 2, math.nan, 4], "not a finite number"),
    ("trg_bndbox", [1, 2, None, 4], "not a finite number"),
    ("trg_bndbox", [1, 2, 1e300, 4], "no position in px"),
    ("src_keypoints", {}, "is an object; expected a list"),
    ("src_keypoints", "all", "is a text; expected a list"),
    ("semantic_overlap", "wheel", "is a text; expected a list"),
    ("concept_matches", 3, "is a number; expected a list"),
    ("concept_matches", True, "is true or false; expected a list"),
]


@pytest.mark.parametrize(("name", "value", "said"), BAD_FIELDS)
def test_a_field_of_the_wrong_kind_is_refused(name, value, said):
    with pytest.raises(InputError) as caught:
        parsed(pair_json(**{name: value}))
    assert str(caught.value).startswith(f"{FILE}: {name}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


BAD_POINTS = [
    (None, "src_keypoints[1]", "is null"),
    ("wheel", "src_keypoints[1]", "is a text"),
    ({}, "src_keypoints[1].name", "absent or empty"),
    ({"name": ""}, "src_keypoints[1].name", "absent or empty"),
    ({"name": 4}, "src_keypoints[1].name", "is a number"),
    ({"name": "a"}, "src_keypoints[1].pos", "None is not [x, y]"),
    ({"name": "a", "pos": [1]}, "src_keypoints[1].pos", "[1] is not [x, y]"),
    ({"name": "a", "pos": [1, 2, 3]}, "src_keypoints[1].pos", "is not [x, y]"),
    ({"name": "a", "pos": {"x": 1}}, "src_keypoints[1].pos", "is not [x, y]"),
    ({"name": "a", "pos": [1, None]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": ["1", 2]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [math.nan, 2]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [1, -math.inf]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [10**400, 1]}, "src_keypoints[1].pos", "not a finite number"),
    ({"name": "a", "pos": [1, 2], "concept_name": 3}, "src_keypoints[1].concept_name", "number"),
]


@pytest.mark.parametrize(("point", "field", "said"), BAD_POINTS)
def test_a_broken_keypoint_is_refused(point, field, said):
    with pytest.raises(InputError) as caught:
        parsed(pair_json(src_keypoints=[*keypoints(WHEELS[:1]), point]))
    assert str(caught.value).startswith(f"{FILE}: {field}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"semantic_overlap": ["lamp_left", 3]}, "semantic_overlap[1]"),
        ({"semantic_overlap": [None]}, "semantic_overlap[0]"),
        ({"semantic_overlap": [""]}, "semantic_overlap[0]"),
        ({"concept_matches": ["wheel"]}, "concept_matches[0]"),
        ({"concept_matches": [{}]}, "concept_matches[0].concept_name"),
        (
            {"concept_matches": [{"concept_name": "w", "src_keypoints": "all"}]},
            "concept_matches[0].src_keypoints",
        ),
        (
            {"concept_matches": [{"concept_name": "w", "trg_keypoints": [[]]}]},
            "concept_matches[0].trg_keypoints[0]",
        ),
    ],
)
def test_a_broken_match_list_is_refused(fields, field):
    with pytest.raises(InputError) as caught:
        parsed(pair_json(**fields))
    assert str(caught.value).startswith(f"{FILE}: {field}: ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not readable as JSON"),
        (b"{", "not readable as JSON"),
        (b"\xff\xfe\xfa", "not readable as JSON"),
        (b"[" * 100_000, "not readable as JSON"),
        (b'{"pair_id": ' + b"9" * 5000 + b"}", "not readable as JSON"),
        (b"[]", "holds a list"),
        (b"null", "holds null"),
        (b"3", "holds a number"),
    ],
)
def test_what_is_no_json_object_is_refused(content, said):
    with pytest.raises(InputError) as caught:
        parsed(content)
    assert str(caught.value).startswith(f"{FILE}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_tolerated():
    content = json.dumps(pair_json()).encode("utf-8-sig")
    assert read(content) == read(pair_json())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)
POINTS = st.lists(
    JSON
    | st.fixed_dictionaries(
        {"name": st.sampled_from("abcd"), "pos": st.tuples(JSON | st.integers(), st.floats())}
    ),
    max_size=4,
)
NAMES = st.lists(st.sampled_from("abcde") | JSON, max_size=4)
ANY_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(pair_json(), JSON),
        "src_keypoints": POINTS,
        "trg_keypoints": POINTS,
        "semantic_overlap": NAMES,
        "concept_matches": st.lists(
            st.fixed_dictionaries({"concept_name": st.text(max_size=3), "src_keypoints": NAMES}),
            max_size=2,
        ),
        "src_bndbox": st.lists(st.integers(-9, 99) | st.floats(), min_size=4, max_size=4),
        "src_imsize": st.lists(st.integers(-1, 99), min_size=2, max_size=3),
    },
)


# Few fields at a time, so that many of the files are still readable.
CHANGES = st.lists(st.sampled_from([*pair_json()]), max_size=3).flatmap(
    lambda names: ANY_CHANGES.map(lambda all_: {n: v for n, v in all_.items() if n in names})
)


def assert_sound(pair: Pair) -> None:
    """What a score may rely on, whatever the file said."""
    for view in (pair.source, pair.target):
        names = [point.name for point in view.keypoints]
        assert len(set(names)) == len(names)
        assert all(math.isfinite(p.x) and math.isfinite(p.y) and p.name for p in view.keypoints)
        assert view.image.startswith(f"Images/{view.category}/")
        assert ".." not in view.image.split("/")
        assert min(view.size) >= 1
        if view.box:
            left, top, right, bottom = view.box
            assert left < right
            assert top < bottom
            assert all(map(math.isfinite, view.box))
        assert view.azimuth is None or math.isfinite(view.azimuth)
    here = {point.name for point in pair.source.keypoints}
    there = {point.name for point in pair.target.keypoints}
    assert set(pair.overlap) <= here & there
    assert len(set(pair.overlap)) == len(pair.overlap)
    for concept in pair.concepts:
        assert set(concept.source) <= here
        assert set(concept.target) <= there
        assert concept.concept
    assert pair.group
    assert pair.group.isprintable()


@settings(max_examples=300, deadline=None)
@given(CHANGES)
def test_any_content_is_sound_or_refused(changes):
    try:
        pair, defects = parsed(pair_json() | changes)
    except InputError as error:
        assert str(error).startswith(FILE)
        assert len(str(error).splitlines()) == 1
        return
    assert_sound(pair)
    assert all(one.file == FILE and one.field and one.message for one in defects)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=40) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_refused_in_one_line(content):
    with pytest.raises(InputError) as caught:
        parsed(content)
    assert len(str(caught.value).splitlines()) == 1
