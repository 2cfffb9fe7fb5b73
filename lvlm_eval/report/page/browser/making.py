"""Makes the section of all runs: first their states, then the texts of what is chosen."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from lvlm_eval.recorded_run import RecordedRun, opened_run
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.page.browser.collecting import Shown, Taken, show, take
from lvlm_eval.report.page.browser.document import ShownRun, bytes_of, document
from lvlm_eval.report.page.browser.redrawing import Look, look_key
from lvlm_eval.report.page.browser.sampling import Sample, choose, kind_of
from lvlm_eval.report.page.browser.states import Place, states_of
from lvlm_eval.report.page.browser.texts import LONGEST
from lvlm_eval.report.page.browser.thumbnails import Photos, Placed, Thumbnails
from lvlm_eval.report.page.inputs import Input, reading
from lvlm_eval.report.page.runs import LvlmRun
from lvlm_eval.report.page.section import Section
from lvlm_eval.report.page.templates import asset, template

ID = "questions"
REST_OF_PAGE = 1_000_000
"""Bytes that are left to the other sections."""


@dataclass(frozen=True, slots=True)
class BrowserChoices:
    """What a user may decide.

    Attributes:
        samples: questions at most; 0 makes no section.
        photos: where thumbnails go.
        page_size: megabytes (10⁶ bytes) that the page is to keep to. Answers are cut shorter, and
            photos laid beside the page, until it does.
        data: where the dataset is; None looks where each run found it.
        seed: decides which of many questions are shown.
    """

    samples: int = 400
    photos: Photos = "auto"
    page_size: float = 15.0
    data: str | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class RunStates:
    """How a run did.

    Attributes:
        states: place → state.
        categories: key of a question → its category.
        is_control: the run is one.
    """

    states: Mapping[Place, int]
    categories: dict[str, str]
    is_control: bool


@dataclass
class Browser:
    """A `SectionMaker`, and a `Looker`, which must have looked before.

    Attributes:
        page: the file that the page is written to; a folder beside it is named after it.
        choices: the user's.
    """

    page: Path
    choices: BrowserChoices = field(default_factory=BrowserChoices)
    _states: list[RunStates] = field(default_factory=list, init=False)
    _categories: dict[str, str] = field(default_factory=dict, init=False)

    @staticmethod
    def look(run: RecordedRun, summary: LvlmRun) -> RunStates:
        """Note how a run did on each question; texts are read later, of what is chosen."""
        states = {one.place: one.state for one in states_of(run)}
        categories = {place[0]: run.questions[place[1]].category for place in states}
        return RunStates(states, categories, bool(summary.control))

    def keep(self, found: RunStates) -> None:
        """Take the next run's states."""
        self._states.append(found)
        self._categories = found.categories | self._categories

    def section(self, read: Input) -> Section | None:
        """The section; None without a question.

        Raises:
            InputError: a run that was read before cannot be read again.
        """
        if not self._categories or self.choices.samples < 1:
            return None
        sample = self._sample()
        thumbnails = None if self.choices.photos == "none" else Thumbnails()
        runs = self._runs(read, sample, thumbnails)
        room = int(self.choices.page_size * 1e6) - REST_OF_PAGE
        data, length = document(runs, thumbnails or Thumbnails(), room)
        placed = Placed((), {}, 0)
        if thumbnails is not None:
            folder = f"{self.page.stem}_files"
            placed = thumbnails.placed(self.choices.photos, room - bytes_of(data), folder)
        html = template("browser.html").render(
            sentence=sample.sentence(self.choices.seed),
            notes=self._notes(runs, placed, length),
            categories=sorted({self._categories[key] for key in sample.chosen}),
            settings=[one for one in SETTINGS if any(one == e[2] for r in runs for e in r.look)],
            runs=read.lvlm,
        )
        return Section(
            ID,
            "Look at the questions",
            html,
            style=asset("browser.css"),
            script=asset("browser.js"),
            data={**data, "pictures": placed.addresses},
            files=placed.files,
        )

    def _sample(self) -> Sample:
        by_key: dict[str, dict[Place, dict[int, int]]] = {}
        for number, run in enumerate(self._states):
            for place, state in run.states.items():
                own = by_key.setdefault(place[0], {}).setdefault(place, {})
                if not run.is_control:  # that a control differs is no wonder
                    own[number] = state
        kinds = {key: kind_of(one.values()) for key, one in by_key.items()}
        return choose(kinds, self._categories, self.choices.samples, self.choices.seed)

    def _runs(
        self, read: Input, sample: Sample, thumbnails: Thumbnails | None
    ) -> tuple[ShownRun, ...]:
        order = {key: place for place, key in enumerate(sample.chosen)}
        looks: dict[Any, dict[Place, Shown]] = {}
        found = []
        places = [summary.place for summary in read.lvlm]
        with reading(places) as workers:
            takings = workers.each(partial(_taken, frozenset(order)), places)
            for summary, own, (key, taken) in zip(read.lvlm, self._states, takings, strict=True):
                # Alike asked questions are drawn once, those first that must be seen most.
                known = looks.setdefault(key, {})
                new = sorted(
                    (place for place in taken.answers if place not in known),
                    key=lambda place: (order[place[0]], place[1], SETTINGS.index(place[2])),
                )
                if new:
                    with opened_run(summary.place) as run:
                        known |= show(Look(run, self.choices.data), new, thumbnails)
                if thumbnails is not None:
                    for place in new:
                        for names in known[place].pictures:
                            for name in names:
                                thumbnails.number(name)
                found.append(
                    ShownRun(summary.id, summary.label, own.is_control, own.states, taken, known)
                )
        return tuple(found)

    def _notes(self, runs: tuple[ShownRun, ...], placed: Placed, length: int) -> list[str]:
        notes = []
        if length < LONGEST:
            notes.append(
                f"Answers are cut to {length:,} characters, so that they have room in "
                f"{self.choices.page_size:g} MB (--page-size)."
            )
        if placed.files:
            number, folder = len(placed.files), next(iter(placed.files)).split("/")[0]
            notes.append(
                f"{number:,} of {len(placed.addresses):,} photos are in the folder {folder} beside "
                "this file: move both together."
            )
        if self.choices.photos == "none":
            notes.append("Photos were left out (--photos none).")
        elif not placed.addresses:
            whys = sorted({one.why for run in runs for one in run.look.values() if one.why})
            notes.append(
                f"No photo is shown. {' '.join(whys[:2])} Where the dataset lies elsewhere now, "
                "name it with --data."
            )
        return notes


def _taken(keys: Collection[str], place: Path) -> tuple[Any, Taken]:
    """What makes a run's looks the same as another's, and its answers to some questions."""
    with opened_run(place) as run:
        return look_key(run), take(run, keys)
