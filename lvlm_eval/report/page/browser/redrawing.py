"""Makes the requests of a recorded run again, and tells whether they are what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from pydantic import TypeAdapter

from lvlm_eval.datasets import LvlmTables, PairDataset, open_dataset
from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.errors import InputError
from lvlm_eval.prompts import prompt_of_definition
from lvlm_eval.questions import QuestionPolicy, QuestionSet
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Ask, Picture, PlannedRow, Prediction, Question, Setting
from lvlm_eval.renderers import renderer_of_definition
from lvlm_eval.requests import DrawnRequests, RequestSource, WrittenRequests, sha256_of_prompt

_POLICY = TypeAdapter(QuestionPolicy)
_DRAWN = ("options", "markers")
_UNFIT = (InputError, ValueError, TypeError, LookupError, AttributeError, RecursionError)

NOT_AT_HAND = "The photos are not at hand"


@dataclass(frozen=True, slots=True)
class Remade:
    """The requests of a question in one setting.

    Attributes:
        texts: of each rotation: system text (None without one) and user's text; empty where they
            cannot be made.
        pictures: of each rotation, in the order in which they were sent; empty where not at hand.
        why: what is missing, one sentence; empty if nothing is.
    """

    texts: tuple[tuple[str | None, str], ...]
    pictures: tuple[tuple[Picture, ...], ...]
    why: str


class Look:
    """Makes the requests of a run from its manifest, its questions and the dataset.

    Only definitions of ``.toml`` prompts and renderers are used, which cannot do harm; a Python
    file that a manifest quotes is never run.

    Args:
        run: whose requests are made again.
        data: where its dataset is; None looks where the run found it.
    """

    def __init__(self, run: RecordedRun, data: str | None = None) -> None:
        self._run = run
        self._data = data

    @cached_property
    def _found(self) -> tuple[RequestSource | None, str]:
        """What makes the requests, and why there is no photo; no source makes nothing at all."""
        drawn = self._run.identity.get("protocol") in _DRAWN
        why = NOT_AT_HAND
        for place in self._places():
            try:
                dataset = open_dataset(place)
                if drawn and not isinstance(dataset, LvlmTables):
                    return self._drawn(dataset), ""
                if not drawn and isinstance(dataset, LvlmTables):
                    return self._written(dataset), ""
                why = f"{NOT_AT_HAND}: the dataset found is of another kind"
            except _UNFIT as error:
                why = str(error) if isinstance(error, _UnlikeError) else why
        if drawn:
            try:
                return self._drawn(cast(PairDataset, _Nowhere(self._run.data))), why
            except _UNFIT as error:
                why = str(error) if isinstance(error, _UnlikeError) else why
        return None, why

    def _places(self) -> list[str]:
        if self._data is not None:
            return [self._data]
        calls = reversed(self._run.manifest.recorded["calls"])
        return list(dict.fromkeys(str(one["data"]) for one in calls if one.get("data")))

    def _drawn(self, dataset: PairDataset) -> DrawnRequests:
        identity = self._run.identity
        prompt, renderer = dict(identity["prompt"]), dict(identity["renderer"])
        if "python" in prompt or "source" in renderer:
            raise _UnlikeError(
                "Prompt or markers come from a Python file, which a report does not run"
            )
        drawing = renderer_of_definition(renderer, str(renderer.get("name", "")))
        if {**drawing.definition(), "name": renderer.get("name")} != renderer:
            raise _UnlikeError("This version draws the markers in another way than the run's")
        return DrawnRequests(
            dataset=dataset,
            drawn_questions=QuestionSet(tuple(self._run.questions.values()), (), ()),
            policy=_POLICY.validate_python(identity["questions"]),
            prompt=prompt_of_definition(prompt, str(prompt.get("name", ""))),
            renderer=drawing,
            protocol=identity["protocol"],
            rotations=identity["rotations"],
            control=self._run.control,
        )

    def _written(self, tables: LvlmTables) -> WrittenRequests:
        settings = tuple(one for one in self._run.settings if one in tables.tables)
        source = WrittenRequests(tables, settings, self._run.control)
        recorded = self._run.manifest.files
        if any(recorded.get(name, own) != own for name, own in source.files(()).items()):
            raise _UnlikeError(f"{NOT_AT_HAND}: the table found is not the one that was asked")
        return source

    @property
    def source(self) -> RequestSource | None:
        """What makes the requests, if anything can."""
        return self._found[0]

    def asks(self, question: str, setting: Setting) -> tuple[Ask, ...]:
        """The rows of a question; none where nothing makes them."""
        if self.source is None or question not in self._questions:
            return ()
        try:
            return tuple(self.source.asks(self._questions[question], setting))
        except _UNFIT:
            return ()

    @cached_property
    def _questions(self) -> Mapping[str, Question]:
        return {} if self.source is None else {one.id: one for one in self.source.questions}

    def remade(self, question: str, setting: Setting, pictures: bool) -> Remade:
        """Make the requests of a question again.

        Args:
            question: its id.
            setting: in which it was asked.
            pictures: whether pictures are wanted, too.
        """
        source, why = self._found
        asks = self.asks(question, setting)
        if source is None or not asks:
            return Remade((), (), f"{why or NOT_AT_HAND}.")
        try:
            requests = [source.request(ask) for ask in asks]
        except _UNFIT as error:
            return Remade((), (), f"The request cannot be made again: {_line(error)}")
        said = [self._said(question, setting, rotation) for rotation in range(len(asks))]
        texts = tuple((one.system, one.text) for one in requests)
        if any(
            one.prompt_sha256 not in (None, sha256_of_prompt(request))
            for one, request in zip(said, requests, strict=True)
            if one
        ):
            return Remade((), (), "The run sent another text than this version writes.")
        if why or not pictures:
            return Remade(texts, (), f"{why}." if why else "")
        try:
            made = tuple(request.pictures for request in requests)
        except (*_UNFIT, OSError) as error:
            return Remade(texts, (), f"{NOT_AT_HAND}: {_line(error)}")
        if unlike := self._unlike(source, question, setting, made, said):
            return Remade(texts, (), unlike)
        return Remade(texts, made, "")

    def _said(self, question: str, setting: Setting, rotation: int) -> Prediction | None:
        return self._run.prediction(PlannedRow(question, setting, rotation, self._run.control))

    def _unlike(
        self,
        source: RequestSource,
        question: str,
        setting: Setting,
        made: Sequence[Sequence[Picture]],
        said: Sequence[Prediction | None],
    ) -> str:
        """Why pictures are not those that were sent; empty if they are, as far as can be told."""
        recorded = False
        for pictures, one in zip(made, said, strict=True):
            if one is not None and one.images:
                recorded = True
                if tuple(one.images) != tuple(picture.sha256 for picture in pictures):
                    return "The pictures that the run sent are not those that are drawn now."
        if recorded:
            return ""
        # The adapter looked at none: the photos must at least be those of the run.
        names = source.files_of(self._questions[question], setting)
        if isinstance(source, DrawnRequests) and any(
            self._run.manifest.files.get(name) not in (None, self._fingerprint(source, name))
            for name in names
        ):
            return f"{NOT_AT_HAND}: those found are others than the run's."
        return ""

    def _fingerprint(self, source: DrawnRequests, name: str) -> str:
        return fingerprint_files(((name, source.dataset.image_path(name)),))


class _UnlikeError(InputError):
    """What is found is not what the run was made with."""


@dataclass(frozen=True, slots=True)
class _Nowhere:
    """Stands for a dataset that is not at hand, so that texts at least can be written."""

    name: str

    def image_path(self, image: str) -> Path:
        return Path(image)


def look_key(run: RecordedRun) -> tuple[Any, ...]:
    """Runs with the same key were asked with the same texts and pictures."""
    from lvlm_eval.runs.folder import canonical

    asked = {name: one for name, one in run.identity.items() if name not in ("model", "decode")}
    places = sorted({str(one.get("data")) for one in run.manifest.recorded["calls"]})
    return canonical(asked), *places, canonical(dict(run.manifest.files))


def _line(error: BaseException) -> str:
    return f"{str(error).rstrip('.')}."
