"""The categories, their keypoints by name, and plain descriptions of every concept."""

from dataclasses import dataclass

FRAME_WORDS = frozenset({"front", "rear", "left", "right"})

_VEHICLE = {
    "vehicle_wheel_center": "center point of the {} wheel",
    "vehicle_headlight_center": "center point of the {} headlight",
    "vehicle_taillight_center": "center point of the {} tail light",
    "vehicle_mirror_center": "center point of the {} wing mirror",
    "vehicle_windshield_top": "top {} corner of the windshield",
    "vehicle_windshield_bottom": "bottom {} corner of the windshield",
    "vehicle_window_top": "top {} corner of the rear window",
    "vehicle_window_bottom": "bottom {} corner of the rear window",
    "vehicle_plate_center": "center point of the {} number plate",
}
_AIRCRAFT = {
    "aircraft_nose_tip": "tip of the nose",
    "aircraft_tail_end": "end of the fuselage at the tail",
    "aircraft_fin_tip": "tip of the vertical tail fin",
    "aircraft_wing_tip": "tip of the {} wing",
    "aircraft_wing_root": "front of the {} wing where it joins the fuselage",
    "aircraft_stabilizer_tip": "tip of the {} horizontal tail fin",
    "aircraft_engine_center": "center point of the {} engine's intake",
    "aircraft_cockpit_window_center": "center point of the {} cockpit window",
    "aircraft_gear_bottom": "lower end of the {} landing gear leg",
}
_VESSEL = {
    "vessel_spout_tip": "tip of the spout",
    "vessel_lid_knob": "top of the knob on the lid",
    "vessel_lid_rim": "{} point of the lid's rim",
    "vessel_base_rim": "{} point of the base's rim",
    "vessel_body_center": "center point of the {} side of the body",
    "vessel_handle_middle": "middle of the handle",
    "vessel_handle_top": "upper joint of the handle with the body",
    "vessel_handle_bottom": "lower joint of the handle with the body",
    "vessel_handle_joint": "{} joint of the handle with the body",
}
_FURNITURE = {
    "furniture_leg_bottom": "bottom end of the {} leg",
    "furniture_leg_top": "top end of the {} leg",
    "furniture_seat_corner": "{} corner of the seat",
    "furniture_backrest_top": "top {} corner of the backrest",
    "furniture_armrest_top": "{} end of the {} armrest",
}
_QUADRUPED = {
    "quadruped_eye": "{} eye",
    "quadruped_ear_tip": "tip of the {} ear",
    "quadruped_nose": "tip of the nose",
    "quadruped_paw": "toe of the {} foot",
    "quadruped_knee": "middle joint of the {} leg",
    "quadruped_tail_base": "base of the tail",
    "quadruped_tail_tip": "tip of the tail",
    "quadruped_withers": "highest point of the shoulders, where the neck begins",
    "quadruped_horn_tip": "tip of the {} horn",
    "quadruped_tusk_tip": "tip of the {} tusk",
}
_DESCRIPTIONS = {**_VEHICLE, **_AIRCRAFT, **_VESSEL, **_FURNITURE, **_QUADRUPED}


@dataclass(frozen=True)
class Category:
    """A kind of object: its super-category and all its keypoints, in their fixed order."""

    name: str
    supercategory: str
    keypoints: tuple[str, ...]


def _sided(pattern: str, *sides: str) -> tuple[str, ...]:
    return tuple(pattern.format(side) for side in sides)


_LR = ("left", "right")
_FOUR = ("front_left", "front_right", "rear_left", "rear_right")
_ROUND = ("front", "rear", "left", "right")

_CAR = (
    *_sided("vehicle_wheel_{}_center", *_FOUR),
    *_sided("vehicle_headlight_{}_center", *_LR),
    *_sided("vehicle_taillight_{}_center", *_LR),
    *_sided("vehicle_mirror_{}_center", *_LR),
    *_sided("vehicle_windshield_{}_top", *_LR),
    *_sided("vehicle_windshield_{}_bottom", *_LR),
    *_sided("vehicle_window_rear_{}_top", *_LR),
    *_sided("vehicle_window_rear_{}_bottom", *_LR),
    *_sided("vehicle_plate_{}_center", "front", "rear"),
)
_POT = (
    "vessel_spout_tip",
    "vessel_lid_knob",
    *_sided("vessel_lid_{}_rim", *_ROUND),
    *_sided("vessel_base_{}_rim", *_ROUND),
    *_sided("vessel_body_{}_center", *_LR),
    "vessel_handle_middle",
)
_SEATING = (
    *_sided("furniture_leg_{}_bottom", *_FOUR),
    *_sided("furniture_leg_{}_top", *_FOUR),
    *_sided("furniture_seat_{}_corner", *_FOUR),
    *_sided("furniture_backrest_{}_top", *_LR),
    *_sided("furniture_armrest_front_{}_top", *_LR),
)
_ANIMAL = (
    *_sided("quadruped_eye_{}", *_LR),
    *_sided("quadruped_ear_{}_tip", *_LR),
    "quadruped_nose",
    *_sided("quadruped_paw_{}", *_FOUR),
    *_sided("quadruped_knee_{}", *_FOUR),
    "quadruped_withers",
    "quadruped_tail_base",
    "quadruped_tail_tip",
)

CATEGORIES = (
    Category("car", "transportation", _CAR),
    Category("bus", "transportation", _CAR),
    Category(
        "aeroplane",
        "transportation",
        (
            "aircraft_nose_tip",
            "aircraft_tail_end",
            "aircraft_fin_tip",
            *_sided("aircraft_wing_{}_tip", *_LR),
            *_sided("aircraft_wing_{}_root", *_LR),
            *_sided("aircraft_stabilizer_{}_tip", *_LR),
            *_sided("aircraft_engine_{}_center", *_LR),
            *_sided("aircraft_cockpit_window_{}_center", *_LR),
            *_sided("aircraft_gear_{}_bottom", "front", "rear_left", "rear_right"),
        ),
    ),
    Category("teapot", "hand_held", (*_POT, "vessel_handle_top", "vessel_handle_bottom")),
    Category("kettle", "hand_held", (*_POT, *_sided("vessel_handle_{}_joint", "front", "rear"))),
    Category("chair", "furniture", _SEATING),
    Category("sofa", "furniture", (*_SEATING, *_sided("furniture_armrest_rear_{}_top", *_LR))),
    Category("dog", "animals", _ANIMAL),
    Category("giraffe", "animals", (*_ANIMAL, *_sided("quadruped_horn_{}_tip", *_LR))),
    Category("elephant", "animals", (*_ANIMAL, *_sided("quadruped_tusk_{}_tip", *_LR))),
)

RELATED = (
    ("car", "bus"),
    ("teapot", "kettle"),
    ("chair", "sofa"),
    ("dog", "giraffe"),
    ("giraffe", "elephant"),
)
"""Categories that share concepts and are paired with each other, in both directions."""


def sides_of(name: str) -> tuple[str, ...]:
    """The words of a name that say which of the repeated places it is.

    These are front, rear, left and right.
    """
    return tuple(word for word in name.split("_") if word in FRAME_WORDS)


def concept_of(name: str) -> str:
    """The keypoint's name without its sides."""
    return "_".join(word for word in name.split("_") if word not in FRAME_WORDS)


def place_of(name: str) -> str:
    """The last word of the concept: the place on its part, or a part that is a point."""
    return concept_of(name).split("_")[-1]


def describe(name: str) -> str:
    """A keypoint in words, as the object sees it: "center point of the front left wheel"."""
    sides = list(sides_of(name))
    template = _DESCRIPTIONS[concept_of(name)]
    if concept_of(name) in ("vehicle_window_top", "vehicle_window_bottom"):
        sides.remove("rear")
    if template.count("{}") == 2:
        return template.format(*sides)
    return template.format(" ".join(sides))


KEYPOINT_IDS = {
    name: i for i, name in enumerate(sorted({k for c in CATEGORIES for k in c.keypoints}), start=1)
}
CONCEPT_IDS = {
    name: i for i, name in enumerate(sorted({concept_of(k) for k in KEYPOINT_IDS}), start=1)
}


def is_shared(category: str, name: str) -> bool:
    """Whether another category has the keypoint's concept."""
    concept = concept_of(name)
    return any(
        concept == concept_of(other)
        for c in CATEGORIES
        if c.name != category
        for other in c.keypoints
    )
