"""Questions become requests: the images drawn, the text written, the options rotated.

There are two sources. A SOCOv1 tree's questions are drawn and worded here, with a renderer and a
prompt. A SOCO-LVLM table's rows are sent exactly as they stand.
"""

import functools
import hashlib
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol as Interface

from PIL import Image

from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.datasets.lvlm_tables import LvlmTable, LvlmTables, TableRow
from lvlm_eval.datasets.soco_tree import SocoTree
from lvlm_eval.errors import InputError
from lvlm_eval.prompts import Option, Prompt, PromptContext
from lvlm_eval.questions import QuestionPolicy, QuestionSet
from lvlm_eval.records import (
    LETTERS,
    SETTINGS,
    Ask,
    Candidate,
    Geometry,
    ImageInfo,
    Picture,
    Protocol,
    Question,
    Request,
    Setting,
)
from lvlm_eval.reference import supercategory_of, unlike_release
from lvlm_eval.renderers import Mark, Renderer

# Questions whose pictures stay in memory: enough for every adapter's requests in flight, and
# about 60 MB at the release's image size.
QUESTIONS_KEPT = 64


class RequestSource(Interface):
    """Where the requests of a run come from."""

    @property
    def name(self) -> str:
        """The dataset's name, for folder names and tables."""
        ...

    @property
    def questions(self) -> Sequence[Question]:
        """All questions; any first part of them is balanced over the categories."""
        ...

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that this source can ask in."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know before the run starts, a line each."""
        ...

    @property
    def comparable(self) -> str:
        """Empty if figures compare with the published ones; else why they do not."""
        ...

    def identity(self) -> dict[str, Any]:
        """Everything on this side that decides the requests, JSON-able."""
        ...

    def asks(self, question: Question, setting: Setting) -> tuple[Ask, ...]:
        """The rows of a question in one setting, in order."""
        ...

    def request(self, ask: Ask) -> Request:
        """What the model gets."""
        ...


def sha256_of_prompt(request: Request) -> str:
    """Hex digest of the system text, a zero byte and the user's text."""
    return hashlib.sha256(f"{request.system or ''}\0{request.text}".encode()).hexdigest()


@dataclass(frozen=True)
class DrawnRequests:
    """Requests made from a SOCOv1 tree with our own renderer and prompt.

    Attributes:
        dataset: gives the photos.
        drawn_questions: the questions with what was skipped.
        policy: how the questions were drawn.
        prompt: writes the text.
        renderer: draws the markers.
        protocol: what the rotations turn.
        rotations: 4 for circular evaluation, or 1.
    """

    dataset: SocoTree
    drawn_questions: QuestionSet
    policy: QuestionPolicy
    prompt: Prompt
    renderer: Renderer
    protocol: Protocol
    rotations: int

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.dataset.name

    @property
    def questions(self) -> Sequence[Question]:
        """All questions, the categories taking turns."""
        return self.drawn_questions.questions

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that the prompt has words for."""
        return self.prompt.settings

    @property
    def notes(self) -> tuple[str, ...]:
        """Skipped pairs, annotation defects and shadowed files, a line each kind."""
        lines = []
        for what, defects in (
            ("pairs gave no question", self.drawn_questions.skipped),
            ("annotation defects were worked around", self.drawn_questions.defects),
        ):
            if defects:
                named = "; ".join(f"{one.file}: {one.message}" for one in defects[:3])
                more = f"; and {len(defects) - 3} more" if len(defects) > 3 else ""
                lines.append(f"{len(defects)} {what}: {named}{more}")
        for kind, asset in (("prompt", self.prompt), ("renderer", self.renderer)):
            if asset.shadows:
                lines.append(f"./{kind}s has a '{asset.name}' that hides the built-in {kind}")
        return tuple(lines)

    @property
    def comparable(self) -> str:
        """Own questions are new draws, so they compare with the published figures only roughly."""
        why = unlike_release((one.category for one in self.questions), len(self.questions))
        return why or "its questions are drawn anew, not those of the published tables"

    def identity(self) -> dict[str, Any]:
        """Fingerprint of questions and photos, and everything that decides text and images."""
        return {
            "dataset": self._fingerprint,
            "questions": asdict(self.policy),
            "protocol": self.protocol,
            "rotations": self.rotations,
            "prompt": {"name": self.prompt.name, **self.prompt.definition},
            "renderer": {"name": self.renderer.name, **self.renderer.definition()},
        }

    @functools.cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for question in self.questions:
            digest.update(repr(question).encode())
        images = {
            image.path
            for question in self.questions
            for image in (question.source, question.target)
            if image is not None
        }
        present = [(path, self.dataset.image_path(path)) for path in sorted(images)]
        # A missing photo is reported where it is needed; here it only changes the fingerprint.
        digest.update(
            fingerprint_files((name, path) for name, path in present if path.is_file()).encode()
        )
        return digest.hexdigest()

    def asks(self, question: Question, setting: Setting) -> tuple[Ask, ...]:
        """The rotations of a question.

        Rotation r of the ``options`` protocol puts candidate i + r behind option i, and the letters
        in the photo stay. In the ``markers`` protocol the same candidate stands behind the option,
        and the option's own letter is drawn at it.
        """
        asks = []
        for rotation in range(self.rotations):
            turned = question.candidates[rotation:] + question.candidates[:rotation]
            options = {
                letter: candidate.label for letter, candidate in zip(LETTERS, turned, strict=True)
            }
            label_of = dict(zip(LETTERS, self.renderer.labels, strict=True))
            drawn = {
                letter: label_of[label if self.protocol == "options" else letter]
                for letter, label in options.items()
            }
            asks.append(
                Ask(
                    id=f"{question.id}/{setting}/{rotation}",
                    question=question.id,
                    setting=setting,
                    rotation=rotation,
                    options=options,
                    drawn=drawn,
                    answer=next(k for k, label in options.items() if label == question.answer),
                )
            )
        return tuple(asks)

    def request(self, ask: Ask) -> Request:
        """The text, and the pictures to be drawn when they are first looked at."""
        question = self._by_id[ask.question]
        text = self.prompt.write(
            PromptContext(
                setting=ask.setting,
                category=question.category.replace("_", " "),
                description=question.description or "",
                options=tuple(Option(letter, label) for letter, label in ask.drawn.items()),
                labels=tuple(sorted(ask.drawn.values())),
                marker=self.renderer.marker_words,
                source_label=self.renderer.source_label,
            )
        )
        drawings = self._drawings(ask.question)
        label_drawn = {ask.options[letter]: drawn for letter, drawn in ask.drawn.items()}

        def load() -> tuple[Picture, ...]:
            target = drawings.target(label_drawn)
            return (target,) if ask.setting == "desc" else (drawings.source(), target)

        return Request(
            id=ask.id,
            question=ask.question,
            setting=ask.setting,
            rotation=ask.rotation,
            text=text.user,
            system=text.system,
            options=ask.options,
            load_pictures=load,
            geometry=self._geometry(question),
        )

    @functools.cached_property
    def _by_id(self) -> dict[str, Question]:
        return {question.id: question for question in self.questions}

    @functools.cached_property
    def _drawings(self) -> Callable[[str], "_Drawings"]:
        @functools.lru_cache(maxsize=QUESTIONS_KEPT)
        def drawings(question: str) -> _Drawings:
            return _Drawings(self.dataset, self.renderer, self._by_id[question])

        return drawings

    def _geometry(self, question: Question) -> Geometry:
        source, target, query = _located(question)
        return Geometry(
            query=(query.x, query.y),
            candidates={c.label: _place(c) for c in question.candidates},
            load_source=lambda: self.dataset.load_image(source.path),
            load_target=lambda: self.dataset.load_image(target.path),
        )


@dataclass
class _Drawings:
    """The marked photos of one question, each drawn once however many threads ask."""

    dataset: SocoTree
    renderer: Renderer
    question: Question
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _targets: dict[tuple[tuple[str, str], ...], Picture] = field(default_factory=dict)
    _photo: Image.Image | None = None
    _source: Picture | None = None

    def source(self) -> Picture:
        """The source photo with its marker."""
        info, _, query = _located(self.question)
        with self._lock:
            if self._source is None:
                mark = Mark(self.renderer.source_label, query.x, query.y)
                self._source = self._draw(self.dataset.load_image(info.path), (mark,), info)
            return self._source

    def target(self, label_drawn: Mapping[str, str]) -> Picture:
        """The target photo with what is to be drawn at each candidate."""
        _, info, _ = _located(self.question)
        key = tuple(sorted(label_drawn.items()))
        with self._lock:
            if key not in self._targets:
                if self._photo is None:
                    self._photo = self.dataset.load_image(info.path)
                marks = tuple(
                    Mark(label_drawn[candidate.label], *_place(candidate))
                    for candidate in self.question.candidates
                )
                self._targets[key] = self._draw(self._photo, marks, info)
            return self._targets[key]

    def _draw(self, photo: Image.Image, marks: Sequence[Mark], info: ImageInfo) -> Picture:
        width, height = photo.size
        for mark in marks:
            if not (0 <= mark.x < width and 0 <= mark.y < height):
                raise InputError(
                    f"{info.path} is {width}×{height} px, its annotation says "
                    f"{info.size[0]}×{info.size[1]}: the point ({mark.x:g}, {mark.y:g}) is outside."
                )
        return self.renderer.render(photo, marks)


@dataclass(frozen=True)
class WrittenRequests:
    """Requests that stand ready in SOCO-LVLM tables: text, options and images as in the file.

    Attributes:
        tables: one table a setting.
        wanted: the settings of this run; no other table is read through.
    """

    tables: LvlmTables
    wanted: tuple[Setting, ...]

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.tables.name

    @functools.cached_property
    def questions(self) -> Sequence[Question]:
        """One question a group, over the wanted tables, the categories taking turns."""
        first_rows: dict[str, TableRow] = {}
        for row in self._rows():
            first_rows.setdefault(row.group, row)
        by_category: dict[str, list[Question]] = {}
        for row in first_rows.values():
            by_category.setdefault(row.category, []).append(_written_question(row))
        rounds = itertools.zip_longest(*by_category.values())
        return tuple(question for turn in rounds for question in turn if question)

    def _rows(self) -> Iterator[TableRow]:
        for setting in self.wanted:
            yield from self.tables.tables[setting].rows()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that there is a table for."""
        return tuple(setting for setting in SETTINGS if setting in self.tables.tables)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was unusual in the tables, and rows without an answer."""
        lines = [f"{one.file}, {one.field}: {one.message}" for one in self.tables.defects]
        blank = sum(not row.answer for row in self._rows())
        if blank:
            lines.append(
                f"{blank} rows have no answer: the official parser counts them right when the "
                "model says nothing, the strict one never"
            )
        return tuple(lines)

    @property
    def comparable(self) -> str:
        """Only the release's own 2,000 questions with four rows each compare."""
        return unlike_release((one.category for one in self.questions), len(self.questions))

    def identity(self) -> dict[str, Any]:
        """Fingerprint of all tables: text and images are part of them."""
        files = sorted((str(setting), table.path) for setting, table in self.tables.tables.items())
        return {"dataset": fingerprint_files(files), "protocol": "as written"}

    def asks(self, question: Question, setting: Setting) -> tuple[Ask, ...]:
        """The rows of a group, in the order of the file; a group can have any size."""
        rows = self._groups[setting].get(question.id, ())
        return tuple(
            Ask(
                id=f"{question.id}/{setting}/{place}",
                question=question.id,
                setting=setting,
                rotation=place,
                options={letter: _label(text) for letter, text in row.options.items()},
                drawn={letter: _label(text) for letter, text in row.options.items()},
                answer=row.answer,
            )
            for place, row in enumerate(rows)
        )

    def request(self, ask: Ask) -> Request:
        """The row's own text and pictures; nothing is drawn or reworded."""
        table = self.tables.tables[ask.setting]
        row = self._groups[ask.setting][ask.question][ask.rotation]
        return Request(
            id=ask.id,
            question=ask.question,
            setting=ask.setting,
            rotation=ask.rotation,
            text=table.request_text(row),
            system=None,
            options=ask.options,
            load_pictures=lambda: self._pictures(table, row.number),
        )

    @functools.cached_property
    def _pictures(self) -> Callable[[LvlmTable, int], tuple[Picture, ...]]:
        @functools.lru_cache(maxsize=QUESTIONS_KEPT)
        def pictures(table: LvlmTable, number: int) -> tuple[Picture, ...]:
            return table.pictures(table.rows()[number - 1])

        return pictures

    @functools.cached_property
    def _groups(self) -> Mapping[Setting, Mapping[str, tuple[TableRow, ...]]]:
        groups: dict[Setting, dict[str, tuple[TableRow, ...]]] = {}
        for setting in self.wanted:
            of_setting = groups.setdefault(setting, {})
            for row in self.tables.tables[setting].rows():
                of_setting[row.group] = (*of_setting.get(row.group, ()), row)
        return groups


def _written_question(row: TableRow) -> Question:
    labels = {letter: _label(text) for letter, text in row.options.items()}
    return Question(
        id=row.group,
        pair=None,
        pair_group=None,
        category=row.category,
        supercategory=supercategory_of(row.category),
        source=None,
        target=None,
        query=None,
        candidates=tuple(Candidate(label) for label in sorted(set(labels.values()))),
        answer=labels.get(row.answer),
        description=None,
        description_source=None,
    )


def _label(option: str) -> str:
    """The point that an option's text names: "Point C" is C; other texts are their own label."""
    head, _, tail = option.strip().partition(" ")
    return tail.strip() if head.lower() == "point" and tail.strip() else option.strip()


def _located(question: Question) -> tuple[ImageInfo, ImageInfo, Any]:
    if question.source is None or question.target is None or question.query is None:
        raise InputError(f"question '{question.id}' has no photos to draw on.")
    return question.source, question.target, question.query


def _place(candidate: Candidate) -> tuple[float, float]:
    if candidate.x is None or candidate.y is None:
        raise InputError(f"candidate '{candidate.label}' has no position.")
    return candidate.x, candidate.y
