"""The typed records that flow from a dataset to a table, and nothing else.

Order of the way: Pair → Question → Ask → Request → Response → Prediction → ReadAnswer.
All coordinates are px of the original image file, x to the right and y down, unless a field says
otherwise. All records are frozen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal

from PIL import Image


def plain(value: Any) -> Any:
    """A record as JSON can hold it: like ``dataclasses.asdict``, without copying what is inside."""
    names = _FIELDS.get(type(value))
    if names is None:
        if isinstance(value, tuple | list):
            return [plain(one) for one in value]
        if isinstance(value, Mapping):
            return {key: plain(one) for key, one in value.items()}
        if not is_dataclass(value):
            return value
        names = _FIELDS[type(value)] = tuple(one.name for one in fields(value))
    return {name: plain(getattr(value, name)) for name in names}


_FIELDS: dict[type, tuple[str, ...]] = {}

Setting = Literal["vis", "vis+desc", "desc"]
"""How the query is told: marked source photo, that plus a description, or the description alone."""

Protocol = Literal["options", "markers"]
"""What the four rotations turn: the option texts (published) or the letters drawn on the photo."""

Status = Literal["ok", "refused", "truncated", "error"]
"""How a request ended. Only ``error`` is asked again on resume."""

Control = Literal[
    "no-image", "no-markers", "other-source", "target-only", "letter", "identity", "mirror"
]
"""What is taken from a question, or changed in it, to see what its answers come from."""

SETTINGS: tuple[Setting, ...] = ("vis", "vis+desc", "desc")
LETTERS: tuple[str, ...] = ("A", "B", "C", "D")

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in px; may reach outside the image."""


@dataclass(frozen=True, slots=True)
class Keypoint:
    """One visible, named point of an object.

    Attributes:
        name: the semantic keypoint, such as ``vehicle_wheel_front_left_center``.
        x: px from the left edge.
        y: px from the top edge.
        concept: the concept it is an instance of (the name without the side), if the data tells.
        description: the words that the annotation itself gives for it, if any.
    """

    name: str
    x: float
    y: float
    concept: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """One photo of a pair, as its annotation describes it.

    Attributes:
        category: folder name of the object's category.
        image: path of the file below the dataset's root, with forward slashes.
        size: recorded width and height in px; the file itself may disagree.
        box: bounding box of the object, or None where the data has none.
        keypoints: the visible keypoints; each name once.
        azimuth: camera azimuth in degrees, where the data has a pose.
    """

    category: str
    image: str
    size: tuple[int, int]
    box: Box | None
    keypoints: tuple[Keypoint, ...]
    azimuth: float | None = None


@dataclass(frozen=True, slots=True)
class ConceptMatch:
    """Keypoint names of one concept in both views; any target answers any source (CC)."""

    concept: str
    source: tuple[str, ...]
    target: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos and what corresponds between them.

    Attributes:
        key: ``<folder>/<file name without .json>``, unique within a split of a dataset.
        group: the group that results are averaged in (``pair_group``).
        source: the photo that holds the query.
        target: the photo that holds the candidates.
        overlap: keypoint names visible in both views, each once, in the file's order (SOC).
        concepts: concept groups in the file's order (CC).
    """

    key: str
    group: str
    source: View
    target: View
    overlap: tuple[str, ...]
    concepts: tuple[ConceptMatch, ...]


@dataclass(frozen=True, slots=True)
class Defect:
    """Something wrong in a dataset: which file, which field, what, and what was done about it."""

    file: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An unmarked photo: path below the dataset's root, size in px, the object's box in px."""

    path: str
    size: tuple[int, int]
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """The point that is asked for, in px of the source photo."""

    name: str
    concept: str | None
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the four points to choose from, in px of the target photo.

    The label is the candidate's identity for the whole run. In the ``options`` protocol it is also
    the letter drawn. A TSV tells nothing but the label: the rest is None there.
    """

    label: str
    name: str | None = None
    concept: str | None = None
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One query with its candidates, whatever the setting and the rotation.

    Attributes:
        id: unique within the dataset.
        pair: key of the pair it came from; None where the data does not tell (TSV).
        pair_group: group of the pair.
        category: the object's category.
        supercategory: one of four, or the user's own, or None.
        source: the photo with the query; None where the data does not tell.
        target: the photo with the candidates.
        query: the point asked for.
        candidates: in the order of their labels.
        answer: label of the right candidate; None where the data does not tell.
        description: the words for the query point, without the category's frame.
        description_source: where those words came from.
        rows: setting → number of rows planned in a run; empty before there is a run.
        control: the control that a run asks it under.
        repeats: setting → how often a run asks each of its rows, where that is more than once.
    """

    id: str
    pair: str | None
    pair_group: str | None
    category: str
    supercategory: str | None
    source: ImageInfo | None
    target: ImageInfo | None
    query: Query | None
    candidates: tuple[Candidate, ...]
    answer: str | None
    description: str | None
    description_source: str | None
    rows: Mapping[Setting, int] = field(default_factory=dict)
    control: Control | None = None
    repeats: Mapping[Setting, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """A row that a run is to have an answer for in the end.

    Attributes:
        question: id of the question.
        setting: how the query is told.
        rotation: place of the row in its group, from 0.
        control: the run's control.
        repeat: which of the times that the row is asked, from 0.
    """

    question: str
    setting: Setting
    rotation: int
    control: Control | None = None
    repeat: int = 0

    @property
    def id(self) -> str:
        """``<question>/<setting>/<rotation>``, then the control, then ``r<repeat>``, if any."""
        id = f"{self.question}/{self.setting}/{self.rotation}"
        if self.control:
            id += f"/{self.control}"
        return f"{id}/r{self.repeat}" if self.repeat else id


@dataclass(frozen=True, slots=True)
class Ask:
    """One planned request: a question in one setting and one rotation.

    Attributes:
        id: that of its `PlannedRow`.
        question: id of the question.
        setting: how the query is told.
        rotation: place of the row in its group, from 0.
        options: option letter → candidate label, in the order of the options.
        drawn: option letter → what stands at that candidate in the photo (``B``, ``2``), which is
            also what the option's text names.
        answer: the right option letter; empty where the data has none.
        repeat: which of the times that the row is asked, from 0.
    """

    id: str
    question: str
    setting: Setting
    rotation: int
    options: Mapping[str, str]
    drawn: Mapping[str, str]
    answer: str
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """One image exactly as it is sent: the encoded bytes and what they are.

    Attributes:
        data: the encoded file.
        media_type: such as ``image/png``.
        size: width and height in px.
        sha256: hex digest of ``data``.
    """

    data: bytes = field(repr=False)
    media_type: str
    size: tuple[int, int]
    sha256: str

    def image(self) -> Image.Image:
        """Decode to an RGB image, so that every adapter sees the same pixels."""
        from lvlm_eval.datasets.images import read_rgb  # which needs these records itself

        return read_rgb(self.data, "the picture")


@dataclass(frozen=True, slots=True)
class Geometry:
    """What only baselines and the dense-feature ceiling may look at.

    Attributes:
        query: x and y in px of the unmarked source photo.
        candidates: candidate label → x and y in px of the unmarked target photo.
        load_source: opens the unmarked source photo as RGB.
        load_target: opens the unmarked target photo as RGB.
    """

    query: tuple[float, float]
    candidates: Mapping[str, tuple[float, float]]
    load_source: Callable[[], Image.Image] = field(repr=False)
    load_target: Callable[[], Image.Image] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Request:
    """What an adapter gets: everything a model may see of one Ask, and not the right answer.

    Attributes:
        id: to be repeated in the Response.
        question: id of the question; the requests of one question share their images.
        setting: how the query is told.
        rotation: place in the group, from 0.
        text: the final text of the user's turn; the images come before it.
        system: the system text, if the prompt has one.
        options: option letter → candidate label.
        load_pictures: gives the pictures in the order of the prompt; drawn when first called.
        geometry: unmarked photos and points; None where the data has none (TSV).
    """

    id: str
    question: str
    setting: Setting
    rotation: int
    text: str
    system: str | None
    options: Mapping[str, str]
    load_pictures: Callable[[], tuple[Picture, ...]] = field(repr=False)
    geometry: Geometry | None = field(default=None, repr=False)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The images as encoded files, in the order of the prompt."""
        return self.load_pictures()

    @property
    def images(self) -> tuple[Image.Image, ...]:
        """The images as RGB, at the size they are sent in, in the order of the prompt."""
        return tuple(picture.image() for picture in self.pictures)


@dataclass(frozen=True, slots=True)
class Response:
    """What an adapter gives back for one Request.

    Attributes:
        id: the request's.
        text: the model's answer, without reasoning where the model keeps that apart.
        reasoning: the model's separate reasoning, if any.
        finish_reason: as the model or the server said it.
        status: how it ended.
        error: one line, for ``error`` and ``refused``.
        logprobs: option letter → natural log probability, where asked for.
        usage: token counts and the like, as the server said it.
        seconds: wall time of the request.
        served_model: the model's own name for itself, as the server said it.
    """

    id: str
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    status: Status = "ok"
    error: str | None = None
    logprobs: Mapping[str, float] | None = None
    usage: Mapping[str, Any] | None = None
    seconds: float | None = None
    served_model: str | None = None


@dataclass(frozen=True, slots=True)
class SeenPictures:
    """Pictures of one size, as a model sees them after its own resizing.

    Attributes:
        sent: width and height in px as they were sent.
        seen: width and height in px after resizing; None where a picture is cut in tiles.
        patches: down and across, before neighbours are merged; None where there is no such grid.
        tokens: that one picture takes in the prompt.
        pictures: how many distinct ones.
    """

    sent: tuple[int, int]
    seen: tuple[int, int] | None
    patches: tuple[int, int] | None
    tokens: int
    pictures: int


@dataclass(frozen=True, slots=True)
class ModelView:
    """What a model makes of the pictures that it was sent.

    Attributes:
        processor: what resizes them; it may be there in several variants that differ a little.
        pixel_budget: least and most px of a picture after resizing; None without such bounds.
        pictures: by size.
    """

    processor: str
    pixel_budget: tuple[int, int] | None
    pictures: tuple[SeenPictures, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of ``predictions*.jsonl``: an Ask with its Response.

    Attributes:
        id: the Ask's.
        question: id of the question.
        setting: how the query was told.
        rotation: place in the group, from 0.
        options: option letter → candidate label.
        answer: the right option letter; empty where the data has none.
        text: the model's answer.
        reasoning: see Response.
        finish_reason: see Response.
        status: see Response.
        error: see Response.
        logprobs: see Response.
        usage: see Response.
        seconds: see Response.
        served_model: see Response.
        at: when it was recorded, UTC, ISO 8601.
        prompt_sha256: of the system text, a zero byte and the user's text.
        images: sha256 of each picture sent; empty where the adapter looked at none.
        drawn: option letter → what its option text named; None in files that do not have it.
        repeat: which of the times that the row was asked, from 0.
    """

    id: str
    question: str
    setting: Setting
    rotation: int
    options: Mapping[str, str]
    answer: str
    text: str = ""
    reasoning: str | None = None
    finish_reason: str | None = None
    status: Status = "ok"
    error: str | None = None
    logprobs: Mapping[str, float] | None = None
    usage: Mapping[str, Any] | None = None
    seconds: float | None = None
    served_model: str | None = None
    at: str | None = None
    prompt_sha256: str | None = None
    images: tuple[str, ...] = ()
    drawn: Mapping[str, str] | None = None
    repeat: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one parser made of one answer.

    Attributes:
        letter: the option letter read, or None.
        rule: name of the rule that fired, or why nothing was read.
    """

    letter: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class ScoredRow:
    """One answered row, read by both parsers; the input of the metrics.

    Attributes:
        question: id of the question (the group).
        setting: how the query was told.
        rotation: place in the group.
        answer: the right option letter; empty where the data has none.
        status: how the request ended; None for a row that was planned and never asked.
        readings: parser name → what it read; empty where there is nothing to read.
        correct: parser name → right or wrong.
    """

    question: str
    setting: Setting
    rotation: int
    answer: str
    status: Status | None
    readings: Mapping[str, Reading]
    correct: Mapping[str, bool]
