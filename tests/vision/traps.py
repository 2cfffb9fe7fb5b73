"""What makes a pair file of a trap tree hard: each function changes the content of a sound one."""

from collections.abc import Callable
from typing import Any

Content = dict[str, Any]
Trap = Callable[[Content], None]


def nothing(content: Content) -> None:
    """A pair as a release has it."""


# Boxes and sizes


def box_null(content: Content) -> None:
    content["trg_bndbox"] = None


def box_field_absent(content: Content) -> None:
    del content["trg_bndbox"], content["src_bndbox"]


def box_reaches_outside(content: Content) -> None:
    width, height = content["trg_imsize"]
    content["trg_bndbox"] = [-0.5 * width, -3.5, 1.25 * width, height + 40]


def box_wholly_outside(content: Content) -> None:
    width, height = content["trg_imsize"]
    content["trg_bndbox"] = [width + 5, 10, width + 5 + 0.6 * max(width, height), 22.5]


def small_box(content: Content) -> None:
    """So small that hardly anything is right."""
    width, height = content["trg_imsize"]
    content["trg_bndbox"] = [0.4 * width, 0.4 * height, 0.6 * width, 0.5 * height]


def target_recorded_doubled(content: Content) -> None:
    content["trg_imsize"] = [2 * side for side in content["trg_imsize"]]


def both_recorded_otherwise(content: Content) -> None:
    """The source half as large, the target lying on its side and 7 px larger."""
    content["src_imsize"] = [side // 2 + 1 for side in content["src_imsize"]]
    content["trg_imsize"] = [side + 7 for side in reversed(content["trg_imsize"])]


# Names of groups and categories


def other_group(content: Content) -> None:
    content["pair_group"] = "vehicles_and_seats"


def group_of_another_folder(content: Content) -> None:
    content["pair_group"] = "car" if content["trg_category"] != "car" else "bus"


def only_category(content: Content) -> None:
    """As in older files."""
    del content["pair_group"], content["src_category"], content["trg_category"]


def category_unlike_folder(content: Content) -> None:
    """No group: then ``category`` names it, although the folder has another name."""
    del content["pair_group"]
    content["category"] = "motor_coach"


def no_group_no_category(content: Content) -> None:
    del content["pair_group"], content["category"]


# Concept groups


def concept_in_two_groups(content: Content) -> None:
    """The first concept's targets are shared out; each source keypoint is in one group only."""
    first = content["concept_matches"].pop(0)
    halves = [
        {
            "concept_name": first["concept_name"],
            "src_keypoints": first["src_keypoints"][half::2],
            "trg_keypoints": first["trg_keypoints"][1 - half :: 2],
        }
        for half in (0, 1)
    ]
    content["concept_matches"] = [halves[0], *content["concept_matches"], halves[1]]


def keypoint_in_two_concepts(content: Content) -> None:
    """The first source keypoint also stands under a concept that has the second one's targets."""
    first, second = content["concept_matches"][:2]
    content["concept_matches"].append(
        {
            "concept_name": "round_thing",
            "src_keypoints": first["src_keypoints"][:1],
            "trg_keypoints": second["trg_keypoints"] + first["trg_keypoints"][:1],
        }
    )


def group_without_targets(content: Content) -> None:
    content["concept_matches"][0]["trg_keypoints"] = []
    content["concept_matches"][-1]["trg_keypoints"] = None


def counterpart_not_in_group(content: Content) -> None:
    """Of the first concept every second target is left out."""
    group = content["concept_matches"][0]
    group["trg_keypoints"] = group["trg_keypoints"][1::2]


def one_candidate(content: Content) -> None:
    for group in content["concept_matches"]:
        group["trg_keypoints"] = group["trg_keypoints"][:1]


def first_concept_in_no_group(content: Content) -> None:
    """Its keypoints are in the overlap alone."""
    del content["concept_matches"][0]


def groups_null(content: Content) -> None:
    content["concept_matches"] = None


def groups_absent(content: Content) -> None:
    del content["concept_matches"]


# The overlap


def overlap_empty(content: Content) -> None:
    content["semantic_overlap"] = []


def overlap_null(content: Content) -> None:
    content["semantic_overlap"] = None


def overlap_absent(content: Content) -> None:
    del content["semantic_overlap"]


def overlap_backwards_and_short(content: Content) -> None:
    content["semantic_overlap"] = content["semantic_overlap"][:0:-1]


# Keypoints


def no_target_keypoints(content: Content) -> None:
    content["trg_keypoints"] = []


def source_keypoints_null(content: Content) -> None:
    content["src_keypoints"] = None


def names_that_views_lack(content: Content) -> None:
    """One keypoint each is gone from the views, and an unknown name is in every list."""
    del content["src_keypoints"][0], content["trg_keypoints"][2]
    content["semantic_overlap"].insert(1, "spoiler_center")
    group = content["concept_matches"][0]
    group["src_keypoints"].append("spoiler_center")
    group["trg_keypoints"].insert(0, "spoiler_center")


def doubled_names(content: Content) -> None:
    """Second keypoints of a name lie elsewhere; lists repeat names."""
    for side in ("src", "trg"):
        again = dict(content[f"{side}_keypoints"][1])
        again["pos"] = [again["pos"][0] * 0.5 + 11, again["pos"][1] * 0.5 + 3]
        content[f"{side}_keypoints"].append(again)
    content["semantic_overlap"] += content["semantic_overlap"][:2]
    for group in content["concept_matches"]:
        group["src_keypoints"] += group["src_keypoints"][:1]
        group["trg_keypoints"] += group["trg_keypoints"][:1]


def two_candidates_in_one_patch(content: Content) -> None:
    """The second target keypoint lies on the first, but for a part of a px."""
    first, second = content["trg_keypoints"][:2]
    first["pos"] = [int(first["pos"][0]) + 0.25, int(first["pos"][1]) + 0.5]
    second["pos"] = [first["pos"][0] + 0.5, first["pos"][1] + 0.25]


# Photos 1 and 2, 2 and 1, 3 and 6, 4 and 3, 5 and 4, 6 and 5, 2 and 3, 1 and 6, 3 and 1, nine pairs
# a category; those with many px come where a trap is best seen.
INTRA_TRAPS: tuple[Trap, ...] = (
    *(nothing, box_null, counterpart_not_in_group, box_reaches_outside, only_category),
    *(group_without_targets, concept_in_two_groups, doubled_names, target_recorded_doubled),
    *(keypoint_in_two_concepts, two_candidates_in_one_patch, other_group, names_that_views_lack),
    *(overlap_null, no_target_keypoints, small_box, one_candidate, first_concept_in_no_group),
    *(box_wholly_outside, no_group_no_category, overlap_absent, groups_null, box_field_absent),
    *(source_keypoints_null, both_recorded_otherwise, overlap_backwards_and_short, overlap_empty),
)

CROSS_TRAPS: tuple[Trap, ...] = (
    *(nothing, concept_in_two_groups, doubled_names, group_of_another_folder, box_null),
    *(groups_absent, category_unlike_folder, two_candidates_in_one_patch, counterpart_not_in_group),
    *(nothing, names_that_views_lack, overlap_empty),
)
"""Photos 1 and 1, 2 and 3, 3 and 2, 4 and 6, 5 and 1, 6 and 4: car to bus, then bus to car."""
