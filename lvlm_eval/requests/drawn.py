"""Requests made from annotated pairs: photos marked, texts written, options rotated."""

import functools
import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from PIL import Image, ImageOps
from pydantic import TypeAdapter

from lvlm_eval.controls import settings_under
from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.descriptions import COMPOSED
from lvlm_eval.drawing.legibility import illegible_note, shrunk_note
from lvlm_eval.errors import InputError
from lvlm_eval.pictures import PictureMaker, PictureTask
from lvlm_eval.prompts import Option, Prompt, PromptContext
from lvlm_eval.questions import QuestionPolicy, QuestionSet
from lvlm_eval.records import (
    LETTERS,
    Ask,
    Candidate,
    Control,
    Geometry,
    ImageInfo,
    Picture,
    PlannedRow,
    Protocol,
    Query,
    Question,
    Request,
    Setting,
)
from lvlm_eval.renderers import Mark, Renderer
from lvlm_eval.requests.donors import donors, is_unrelated, of_its_category
from lvlm_eval.requests.source import QUESTIONS_KEPT

_Turn = tuple[dict[str, str], dict[str, str], str]
_DECIDES_NOTHING = {"description_source", "rows", "control", "repeats"}
_QUESTIONS = TypeAdapter(tuple[Question, ...])


@dataclass(frozen=True)
class DrawnRequests:
    """Requests made from annotated pairs with our own renderer and prompt.

    Attributes:
        dataset: gives the photos.
        drawn_questions: the questions with what was skipped.
        policy: how the questions were drawn.
        prompt: writes the text.
        renderer: draws the markers.
        protocol: what the rotations turn.
        rotations: 4 for circular evaluation, or 1.
        control: what is taken from the questions or changed in them.
        maker: makes the pictures; one of its own if not given.
    """

    dataset: PairDataset
    drawn_questions: QuestionSet
    policy: QuestionPolicy
    prompt: Prompt
    renderer: Renderer
    protocol: Protocol
    rotations: int
    control: Control | None = None
    maker: PictureMaker | None = field(default=None, repr=False, compare=False)

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
        """The settings that the prompt has words for, and the keypoints, if they need any."""
        worded: tuple[Setting, ...] = ("vis",) if self.wordless else self.prompt.settings
        return settings_under(self.control, worded)

    @functools.cached_property
    def wordless(self) -> bool:
        """Whether keypoints have but numbers for names, so that nothing describes them."""
        return "vis" in self.prompt.settings and all(
            question.description_source == COMPOSED
            and question.query is not None
            and question.query.name.isdecimal()
            for question in self.questions
        )

    def notes(self, questions: Sequence[Question]) -> tuple[str, ...]:
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
        lines += self.drawn_questions.notes
        lines += self._other_sizes(questions)
        sizes = tuple(_photo_sizes(questions).values())
        note = illegible_note(self.renderer.style, sizes) if self.renderer.style else None
        lines += [note] if note else []
        return tuple(lines)

    def _other_sizes(self, questions: Sequence[Question]) -> list[str]:
        """Photos whose size is not the recorded one, so that their points may be elsewhere."""
        other = []
        for path, recorded in _photo_sizes(questions).items():
            try:
                size = self.dataset.image_size(path)
            except InputError:
                continue  # a missing or broken photo is an error of its own rows
            if size != recorded:
                other.append(f"{path} is {size[0]}×{size[1]}, recorded {recorded[0]}×{recorded[1]}")
        if not other:
            return []
        return [f"{len(other)} photos have another size (px) than recorded: {'; '.join(other[:3])}"]

    def identity(self) -> dict[str, Any]:
        """Fingerprint of the questions, and everything else that decides text and images."""
        control = {} if self.control is None else {"control": self.control}
        return {
            **control,
            "dataset": self._fingerprint,
            "questions": asdict(self.policy),
            "protocol": self.protocol,
            "rotations": self.rotations,
            "prompt": {"name": self.prompt.name, **self.prompt.definition},
            "renderer": {"name": self.renderer.name, **self.renderer.definition()},
        }

    @functools.cached_property
    def _fingerprint(self) -> str:
        # Where a description was found is only recorded; its words decide.
        content = _QUESTIONS.dump_json(tuple(self.questions), exclude={"__all__": _DECIDES_NOTHING})
        return hashlib.sha256(content).hexdigest()

    def files_of(self, question: Question, setting: Setting) -> tuple[str, ...]:
        """The photos that are shown: target, and source unless words alone tell the query."""
        source, _, _ = self._query_of(question)
        shown = [source] if self._shows_source(setting) else []
        if self._shows_target and question.target is not None:
            shown.append(question.target)
        return tuple(info.path for info in shown)

    def files(self, questions: Sequence[Question]) -> dict[str, str]:
        """Path → fingerprint of each photo of these questions, as far as it is there."""
        named = {name for one in questions for name in self._all_files_of(one)}
        paths = {path: self.dataset.image_path(path) for path in named}
        found = {}
        for name, path in sorted(paths.items()):
            with suppress(InputError, OSError):  # one that cannot be read fails its own rows
                if path.is_file():
                    found[name] = fingerprint_files(((name, path),))
        return found

    def _all_files_of(self, question: Question) -> tuple[str, ...]:
        return tuple(name for one in self.settings for name in self.files_of(question, one))

    def asks(self, question: Question, setting: Setting) -> tuple[Ask, ...]:
        """The rotations of a question.

        Rotation r of the ``options`` protocol puts candidate i + r behind option i, and the letters
        in the photo stay. In the ``markers`` protocol the same candidate stands behind the option,
        and the option's own letter is drawn at it.
        """
        assert question.answer is not None
        labels = tuple(candidate.label for candidate in question.candidates)
        turns = self._turns(labels, question.answer)
        return tuple(
            Ask(
                id=PlannedRow(question.id, setting, rotation, self.control).id,
                question=question.id,
                setting=setting,
                rotation=rotation,
                options=options,
                drawn=drawn,
                answer=answer,
            )
            for rotation, (options, drawn, answer) in enumerate(turns)
        )

    @functools.cached_property
    def _turns(self) -> Callable[[tuple[str, ...], str], list[_Turn]]:
        label_of = dict(zip(LETTERS, self.renderer.labels, strict=True))

        @functools.cache  # there are four answers
        def turns(labels: tuple[str, ...], answer: str) -> list[_Turn]:
            """Of each rotation: option letter → candidate label and → drawn label, right letter."""
            found = []
            for rotation in range(self.rotations):
                turned = labels[rotation:] + labels[:rotation]
                options = dict(zip(LETTERS, turned, strict=True))
                if self.protocol == "options":
                    drawn = {letter: label_of[label] for letter, label in options.items()}
                else:
                    drawn = label_of
                found.append((options, drawn, LETTERS[turned.index(answer)]))
            return found

        return turns

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
        source, target = self._tasks(ask.question)
        shown = target.variants.index(self._marks(question, ask))

        def load() -> tuple[Picture, ...]:
            first = self._maker.pictures(source) if self._shows_source(ask.setting) else ()
            return (*first, self._maker.pictures(target)[shown]) if self._shows_target else first

        return Request(
            id=ask.id,
            question=ask.question,
            setting=ask.setting,
            rotation=ask.rotation,
            text=text.user,
            system=text.system,
            options=dict(ask.options),
            load_pictures=load,
            geometry=self._geometry(question),
        )

    @functools.cached_property
    def _by_id(self) -> dict[str, Question]:
        return {question.id: question for question in self.questions}

    def shrunk_note(self, sent: tuple[int, int], seen: tuple[int, int]) -> str | None:
        """That the letters are too small to be read then."""
        style = self.renderer.style
        return None if style is None else shrunk_note(style, sent, seen)

    def working(self, asks: Sequence[Ask]) -> AbstractContextManager[None]:
        """While entered, several processes draw; see `PictureMaker.working`."""
        ids = dict.fromkeys(ask.question for ask in asks)
        if self.maker is None:
            return self._maker.working(2 * len(ids))
        return self.maker.working(self.maker.to_draw(t for id in ids for t in self._tasks(id)))

    def picture_tasks(self, question: str) -> tuple[PictureTask, PictureTask]:
        """What is drawn of a question (its id): the source photo, and the target photo.

        The target's task has a variant for each distinct way in which its rotations mark it.
        """
        return self._tasks(question)

    @functools.cached_property
    def _maker(self) -> PictureMaker:
        return self.maker or PictureMaker(self.renderer)

    @functools.cached_property
    def _tasks(self) -> Callable[[str], tuple[PictureTask, PictureTask]]:
        @functools.lru_cache(maxsize=QUESTIONS_KEPT)
        def tasks(id: str) -> tuple[PictureTask, PictureTask]:
            """What is drawn of a question: the source photo, and the target in all its variants."""
            question = self._by_id[id]
            source, x, y = self._query_of(question)
            _, target, _ = _located(question)
            mark = Mark(self.renderer.source_label, x, y)
            marks = () if self.control == "no-markers" else (mark,)
            rows = self.asks(question, "vis")
            variants = tuple(dict.fromkeys(self._marks(question, row) for row in rows))
            mirrored = self.control == "mirror"
            return self._task(source, (marks,)), self._task(target, variants, mirrored)

        return tasks

    def _task(
        self, info: ImageInfo, variants: tuple[tuple[Mark, ...], ...], mirrored: bool = False
    ) -> PictureTask:
        path = self.dataset.image_path(info.path)
        return PictureTask(path, info.path, info.size, variants, mirrored)

    def _marks(self, question: Question, ask: Ask) -> tuple[Mark, ...]:
        """What is drawn at the candidates."""
        if self.control == "no-markers":
            return ()
        label_drawn = {ask.options[letter]: drawn for letter, drawn in ask.drawn.items()}
        return tuple(
            Mark(label_drawn[one.label], *_place(one))
            for one in question.candidates
            if self.control != "letter" or one.label == question.answer
        )

    def _shows_source(self, setting: Setting) -> bool:
        return setting != "desc" and self.control not in ("no-image", "target-only", "letter")

    @property
    def _shows_target(self) -> bool:
        return self.control != "no-image"

    def _query_of(self, question: Question) -> tuple[ImageInfo, float, float]:
        """The source photo, and the place in it that is asked about (px)."""
        if self.control == "other-source":
            question = self._donor_of(question)
        source, target, query = _located(question)
        if self.control == "identity":
            right = next(one for one in question.candidates if one.label == question.answer)
            return target, *_place(right)
        return source, query.x, query.y

    @functools.cached_property
    def _donor_of(self) -> Callable[[Question], Question]:
        return donors(self.questions, self.policy.seed, (of_its_category, is_unrelated))

    def _geometry(self, question: Question) -> Geometry | None:
        if self.control in ("no-image", "no-markers", "target-only", "letter"):
            return None  # what a model is not shown is not for the dense ceiling either
        source, x, y = self._query_of(question)
        _, target, _ = _located(question)

        def load_target() -> Image.Image:
            photo = self.dataset.load_image(target.path)
            return ImageOps.mirror(photo) if self.control == "mirror" else photo

        return Geometry(
            query=(x, y),
            candidates={c.label: _place(c) for c in question.candidates},
            load_source=lambda: self.dataset.load_image(source.path),
            load_target=load_target,
        )


def _photo_sizes(questions: Sequence[Question]) -> dict[str, tuple[int, int]]:
    """Path → recorded size in px of every photo that these questions show."""
    infos = (info for one in questions for info in (one.source, one.target) if info is not None)
    return {info.path: info.size for info in infos}


def _located(question: Question) -> tuple[ImageInfo, ImageInfo, Query]:
    if question.source is None or question.target is None or question.query is None:
        raise InputError(f"question '{question.id}' has no photos to draw on.")
    return question.source, question.target, question.query


def _place(candidate: Candidate) -> tuple[float, float]:
    if candidate.x is None or candidate.y is None:
        raise InputError(f"candidate '{candidate.label}' has no position.")
    return candidate.x, candidate.y
