"""Requests that stand ready in SOCO-LVLM tables."""

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from lvlm_eval.controls import settings_under
from lvlm_eval.datasets.fingerprint import fingerprint_files
from lvlm_eval.datasets.lvlm_tables import LvlmTable, LvlmTables, TableRow
from lvlm_eval.exclusions import left_out_note
from lvlm_eval.pictures import PictureCache
from lvlm_eval.provenance import AS_WRITTEN, was_exported
from lvlm_eval.ranking import rank
from lvlm_eval.records import (
    SETTINGS,
    Ask,
    Candidate,
    Control,
    Picture,
    PlannedRow,
    Question,
    Request,
    Setting,
)
from lvlm_eval.reference import supercategory_of
from lvlm_eval.requests.donors import (
    donors,
    is_another,
    of_another_category,
    of_another_supercategory,
)


@dataclass(frozen=True)
class WrittenRequests:
    """Requests that stand ready in SOCO-LVLM tables: text, options and images as in the file.

    Attributes:
        tables: one table a setting.
        wanted: the settings of this run; no other table is read through.
        control: what is taken from the questions or changed in them.
        excluded: ids of questions that are left out.
    """

    tables: LvlmTables
    wanted: tuple[Setting, ...]
    control: Control | None = None
    excluded: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.tables.name

    @functools.cached_property
    def questions(self) -> Sequence[Question]:
        """One question a group, over the wanted tables, the categories taking turns."""
        first_rows: dict[str, TableRow] = {}
        for row in self._rows():
            if row.group not in self.excluded:
                first_rows.setdefault(row.group, row)
        by_category: dict[str, list[Question]] = {}
        for row in first_rows.values():
            by_category.setdefault(row.category, []).append(_written_question(row, self.control))
        # By hash, so that the tables' own orders, which may differ, do not decide what comes first.
        for questions in by_category.values():
            questions.sort(key=lambda question: rank(0, "question", question.id))
        rounds = itertools.zip_longest(*(by_category[name] for name in sorted(by_category)))
        return tuple(question for turn in rounds for question in turn if question)

    def _rows(self) -> Iterator[TableRow]:
        for setting in self.wanted:
            yield from self.tables.tables[setting].rows()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """The settings that there is a table for."""
        there = tuple(setting for setting in SETTINGS if setting in self.tables.tables)
        return settings_under(self.control, there)

    def notes(self, questions: Sequence[Question]) -> tuple[str, ...]:
        """What was unusual in the tables, and rows without an answer."""
        lines = [f"{one.file}, {one.field}: {one.message}" for one in self.tables.defects]
        if self.excluded:
            there = {row.group for row in self._rows()}
            lines.append(left_out_note(self.excluded, there))
        blank = sum(not row.answer for row in self._rows())
        if blank:
            lines.append(
                f"{blank} rows have no answer: the official parser counts them right when the "
                "model says nothing, the strict one never"
            )
        return tuple(lines)

    def identity(self) -> dict[str, Any]:
        """Fingerprint of the questions' names; the tables' content is that of ``files``.

        So tables of further settings can join a run, if they are of the same questions.
        """
        names = sorted((question.category, question.id) for question in self.questions)
        digest = hashlib.sha256(json.dumps(names).encode()).hexdigest()
        identity = {"dataset": digest, "protocol": AS_WRITTEN}
        if self.control is not None:
            identity["control"] = self.control
        path = self.tables.path
        if was_exported(path if path.is_dir() else path.parent):
            return {**identity, "drawn_anew": True}
        return identity

    def files_of(self, question: Question, setting: Setting) -> tuple[str, ...]:
        """The setting's table. Images that it only names by path are not fingerprinted."""
        return (self.tables.tables[setting].path.name,) if setting in self.wanted else ()

    def files(self, questions: Sequence[Question]) -> dict[str, str]:
        """File name → fingerprint of the wanted tables."""
        paths = (self.tables.tables[setting].path for setting in self.wanted)
        return {path.name: fingerprint_files((("table", path),)) for path in paths}

    def asks(self, question: Question, setting: Setting) -> tuple[Ask, ...]:
        """The rows of a group, in the order of the file; a group can have any size."""
        asks = []
        for place, row in enumerate(self._groups[setting].get(question.id, ())):
            labels = _labels(row)
            asks.append(
                Ask(
                    id=PlannedRow(question.id, setting, place, self.control).id,
                    question=question.id,
                    setting=setting,
                    rotation=place,
                    options=labels,
                    drawn=labels,
                    answer=row.answer,
                )
            )
        return tuple(asks)

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
            options=dict(ask.options),
            load_pictures=lambda: self._pictures(table, ask, row),
        )

    def _pictures(self, table: LvlmTable, ask: Ask, row: TableRow) -> tuple[Picture, ...]:
        if self.control == "no-image":
            return ()
        pictures = table.pictures(row, self._cache.get)
        if self.control == "target-only":
            return pictures[-1:]
        if self.control == "other-source":
            donor = self._donor_of[ask.setting](self._by_id[ask.question])
            other = self._groups[ask.setting][donor.id][0]
            return (*table.pictures(other, self._cache.get)[:-1], *pictures[-1:])
        return pictures

    @functools.cached_property
    def _by_id(self) -> dict[str, Question]:
        return {question.id: question for question in self.questions}

    @functools.cached_property
    def _donor_of(self) -> Mapping[Setting, Callable[[Question], Question]]:
        return {
            setting: donors(
                [one for one in self.questions if one.id in groups],
                0,
                (of_another_supercategory, of_another_category, is_another),
            )
            for setting, groups in self._groups.items()
        }

    def shrunk_note(self, sent: tuple[int, int], seen: tuple[int, int]) -> str | None:
        """Nothing: nobody knows how large the letters in a table's pictures are."""
        return None

    def working(self, asks: Sequence[Ask]) -> AbstractContextManager[None]:
        """Nothing is drawn, so no process is started."""
        return nullcontext()

    @functools.cached_property
    def _cache(self) -> PictureCache:
        return PictureCache()

    @functools.cached_property
    def _groups(self) -> Mapping[Setting, Mapping[str, Sequence[TableRow]]]:
        groups: dict[Setting, dict[str, list[TableRow]]] = {}
        for setting in self.wanted:
            of_setting = groups.setdefault(setting, {})
            for row in self.tables.tables[setting].rows():
                of_setting.setdefault(row.group, []).append(row)
        return groups


def _written_question(row: TableRow, control: Control | None) -> Question:
    labels = _labels(row)
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
        control=control,
    )


def _labels(row: TableRow) -> dict[str, str]:
    return {letter: _label(text) for letter, text in row.options.items()}


def _label(option: str) -> str:
    """The point that an option's text names: "Point C" is C; other texts are their own label."""
    head, _, tail = option.strip().partition(" ")
    return tail.strip() if head.lower() == "point" and tail.strip() else option.strip()
