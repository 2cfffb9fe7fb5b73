"""The published figures as the package carries them."""

from collections import Counter

import pytest

from lvlm_eval import reference


def test_the_table_has_all_rows_in_the_papers_order():
    names = [row.name for row in reference.lvlm_rows()]
    assert names[:3] == ["Random", "Random++", "DINOv2 (VFM ceiling)"]
    assert len(names) == 10


@pytest.mark.parametrize(
    ("name", "vis", "vis_desc", "desc"),
    [
        ("Random", 0.4, 0.4, 0.4),
        ("Random++", 25.0, 25.0, 25.0),
        ("DINOv2 (VFM ceiling)", 81.0, None, None),
        ("Qwen3-VL-8B", 34.2, 30.8, 54.0),
        ("GPT4o", 30.2, 30.9, 37.6),
    ],
)
def test_published_rows(name, vis, vis_desc, desc):
    row = next(one for one in reference.lvlm_rows() if one.name == name)
    assert (row.vis, row.vis_desc, row.desc) == (vis, vis_desc, desc)
    assert [row.circular_accuracy(one) for one in ("vis", "vis+desc", "desc")] == [
        vis,
        vis_desc,
        desc,
    ]


def test_every_category_has_a_supercategory():
    names = reference.category_names()
    assert len(names) == len(set(names)) == 100
    assert all(name == name.lower() and " " not in name for name in names)
    assert Counter(map(reference.supercategory_of, names)) == {
        "transportation": 31,
        "hand_held": 19,
        "furniture": 10,
        "animals": 40,
    }


@pytest.mark.parametrize(
    ("category", "supercategory"),
    [
        ("bus", "transportation"),
        ("fire_truck", "transportation"),
        ("Fire Truck", "transportation"),
        ("fire-truck", "transportation"),
        (" french_horn ", "hand_held"),
        ("DISHWASHER", "furniture"),
        ("ice bear", "animals"),
        ("submarine", None),
        ("", None),
    ],
)
def test_supercategory_of(category, supercategory):
    assert reference.supercategory_of(category) == supercategory


def test_the_source_is_named():
    assert "arXiv:2605.31597" in reference.source()
