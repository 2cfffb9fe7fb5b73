"""Everything that a check of a dataset can find, and how bad each is."""

from enum import Enum
from typing import Literal

Severity = Literal["error", "warning", "note"]
"""Refused or mis-scored by a run; worked around; only worth knowing."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


class Kind(Enum):
    """A kind of finding: its severity and a heading for a list of them."""

    # A dataset as a whole
    SPLIT = "error", "lists of pairs that cannot be read"
    NO_QUESTIONS = "error", "no question can be drawn"
    TAXONOMY = "error", "keypoint taxonomy that is not JSON"

    # One pair annotation
    PAIR_JSON = "error", "pair files that cannot be read"
    PAIR_BOX = "error", "boxes with swapped sides or no area: pair refused"
    PAIR_FIELD = "error", "fields that cannot be used: pair refused"

    # Photos
    IMAGE_MISSING = "error", "images that do not exist"
    IMAGE_TOO_LARGE = "error", "images too large to decode"
    IMAGE_BROKEN = "error", "images that cannot be decoded"
    IMAGE_SIZE = "error", "recorded sizes unlike the file"

    # Tables
    TABLE = "error", "tables that cannot be used"
    TABLE_ROW = "error", "rows that cannot be read"
    ROW_IMAGE = "error", "images of rows that cannot be had"
    ROW_IMAGE_COUNT = "error", "rows with another number of images than the rest"
    ANSWER_NO_OPTION = "error", "answers that are no option of their row"
    RIGHT_OPTION = "error", "groups whose rows disagree on the right option"
    FEW_OPTIONS = "error", "rows with fewer than two options"
    QUESTION_EMPTY = "error", "rows without a question"

    NAME_UNKNOWN = "warning", "names that a view lacks: ignored"
    NAME_DOUBLED = "warning", "names that stand twice: counted once"
    KEYPOINT_DOUBLED = "warning", "keypoints that stand twice: the first holds"
    POINT_OUTSIDE = "warning", "keypoints outside the padded square: scored as they stand"
    FIELD_ABSENT = "warning", "absent fields taken from elsewhere"
    PAIR_OTHER = "warning", "other oddities of pair files: worked around"
    CONCEPT_NO_TARGET = "warning", "concept groups without target: not scored"
    NO_KEYPOINTS = "warning", "views without keypoints: pair not scored"
    NO_BOX = "warning", "targets without a box: errors in PCK are relative to the whole photo"
    CATEGORIES_DIFFER = "warning", "pairs of two categories outside the cross list"
    PAIR_ID_DOUBLED = "warning", "pair ids that stand twice"
    PAIR_DOUBLED = "warning", "pairs that stand twice: counted twice"
    CASE_COLLISION = "warning", "names that differ only in case"
    TRAIN_AND_TEST = "warning", "images in both the train and the test list"
    IMAGE_TINY = "warning", "images too small for markers"
    IMAGE_DOUBLED = "warning", "images that are the same picture"
    METADATA_JSON = "warning", "other annotation files that are not JSON"
    WORDS_UNUSED = "warning", "descriptions that fit no keypoint"
    TABLE_SETTING = "warning", "settings that are guessed"
    TABLE_IMAGES = "warning", "tables with an unusual number of images a row"
    NO_GROUPS = "warning", "tables without g_index: every row is a group"
    ANSWER_BLANK = "warning", "rows without an answer: right if 'official' reads nothing"
    GROUP_SIZE = "warning", "groups of other than four rows: scored with the rows they have"
    GROUP_MIXED = "warning", "groups whose rows differ in more than their options"
    OPTIONS_DIFFER = "warning", "groups whose rows offer different options"
    NOT_ROTATED = "warning", "groups whose options are no rotation of each other"
    ROTATION_DOUBLED = "warning", "groups that have one rotation twice"
    INDEX_DOUBLED = "warning", "indices that stand twice: the last holds for references"
    SETTING_LACKS = "warning", "questions that one setting lacks"
    SETTING_CATEGORY = "warning", "categories that differ between settings"

    CONCEPT_NO_SOURCE = "note", "concept groups without source: nothing is asked"
    NO_OVERLAP = "note", "pairs without a common keypoint: left out of SOC"
    NO_CONCEPTS = "note", "pairs without a concept group: left out of CC"
    GROUP_UNLIKE_FOLDER = "note", "pair_group unlike the folder: pair_group holds"
    VIEWS_DIFFER = "note", "points that lie elsewhere in another pair of the same image"
    NO_QUESTION = "note", "pairs that were looked at and give no question"
    FILE_IGNORED = "note", "files that are never read"
    ORIENTATION = "note", "images with an EXIF orientation"
    ANIMATED = "note", "images of several frames: the first is used"
    WIDE_CHANNELS = "note", "images of 16 bits a channel"
    CMYK = "note", "CMYK images"
    PALETTE = "note", "palette images"
    TRANSPARENT = "note", "images with transparency"
    FORMAT_UNLIKE_NAME = "note", "images whose format is not that of their name"
    IMAGE_UNUSED = "note", "images that no readable pair uses"
    NAMES_NO_IMAGE = "note", "annotations of images that do not exist"
    CATEGORY_UNKNOWN = "note", "categories that the release does not have"
    SETTING_ANSWER = "note", "right points that differ between settings"
    NOT_THE_RELEASE = "note", "not the released data"

    def __init__(self, severity: Severity, heading: str) -> None:
        self.severity = severity
        self.heading = heading

    @property
    def label(self) -> str:
        """The kind's name in JSON, such as ``image-missing``."""
        return self.name.lower().replace("_", "-")


KINDS: tuple[Kind, ...] = tuple(sorted(Kind, key=lambda kind: SEVERITIES.index(kind.severity)))
"""All kinds, the worst first."""
