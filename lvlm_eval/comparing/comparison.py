"""Compares runs over the same questions, pair by pair and setting by setting."""

import contextlib
import gc
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from lvlm_eval.answers import PARSERS
from lvlm_eval.comparing.figures import paired_figures
from lvlm_eval.comparing.identities import what_differs
from lvlm_eval.comparing.matching import matched_or_refused
from lvlm_eval.comparing.records import CLUSTERS, Cluster, PairedFigures
from lvlm_eval.comparing.statistics_extra import statistics_library
from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.recorded_run import RecordedRun, opened_run
from lvlm_eval.records import SETTINGS, Setting

_CORRECTED = ("circular_p", "average_p", "mcnemar_p")


@dataclass(frozen=True, slots=True)
class ComparisonChoices:
    """How runs are compared.

    Attributes:
        parser: ``official`` or ``strict``.
        cluster: which questions are related: ``question``, ``pair`` or ``image``.
        common: compare what is common to runs that were asked different questions.
    """

    parser: str = "official"
    cluster: str = "image"
    common: bool = False

    def checked_cluster(self) -> Cluster:
        """The cluster, after a look at both names.

        Raises:
            InputError: a name is none of those known.
        """
        for flag, name, known in (
            ("--parser", self.parser, PARSERS),
            ("--cluster", self.cluster, CLUSTERS),
        ):
            if name not in known:
                raise InputError(f"{flag} '{name}' is unknown. {nearest_names(name, known)}")
        return cast(Cluster, self.cluster)


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """Heading of a run.

    Attributes:
        place: the folder or file as the user named it.
        model: its name, with the control, if any.
        data: the dataset's name.
    """

    place: str
    model: str
    data: str

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {"place": self.place, "model": self.model, "data": self.data}


@dataclass(frozen=True, slots=True)
class PairOfRuns:
    """A second run compared with a first one.

    Attributes:
        a: place of the first run in the comparison, from 0.
        b: place of the second one.
        differs: in what their identities differ, a phrase each.
        settings: the figures of each setting that both have.
        notes: what a reader should know beside those of the settings, one line each.
    """

    a: int
    b: int
    differs: tuple[str, ...]
    settings: dict[Setting, PairedFigures]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The fields by name."""
        return {
            "a": self.a,
            "b": self.b,
            "what_differs": list(self.differs),
            "settings": {setting: one.to_json() for setting, one in self.settings.items()},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs compared with the first of them.

    Attributes:
        choices: how.
        runs: the runs; the first one is the baseline.
        with_baseline: every other run compared with it.
        all_pairs: each run compared with each later one; empty for two runs, or if not wanted.
    """

    choices: ComparisonChoices
    runs: tuple[ComparedRun, ...]
    with_baseline: tuple[PairOfRuns, ...]
    all_pairs: tuple[PairOfRuns, ...]

    def to_json(self) -> dict[str, Any]:
        """The document that ``--json`` prints."""
        return {
            "parser": self.choices.parser,
            "cluster": self.choices.cluster,
            "common": self.choices.common,
            "runs": [one.to_json() for one in self.runs],
            "comparisons": [one.to_json() for one in self.with_baseline],
            "all_pairs": [one.to_json() for one in self.all_pairs],
        }


def compare_folders(paths: Sequence[Path], choices: ComparisonChoices) -> Comparison:
    """Compare the runs of some folders, or merged runs (``.zip``).

    Raises:
        InputError: a path is no run, or given twice, or the runs cannot be compared.
    """
    seen: dict[Path, Path] = {}
    for path in paths:
        earlier = seen.get(path.resolve())
        seen[path.resolve()] = path
        if earlier is not None:
            same = f"{path} is given twice" if earlier == path else f"{path} is {earlier}"
            raise InputError(f"{same}. Give the folders of different runs.")
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(opened_run(path)) for path in paths]
        return compare_runs(runs, choices, names=[str(path) for path in paths])


def compare_runs(
    runs: Sequence[RecordedRun],
    choices: ComparisonChoices | None = None,
    names: Sequence[str] | None = None,
    each_with_each: bool = True,
) -> Comparison:
    """Compare every run with the first, and, of three or more, each with each.

    The p of several comparisons in one setting are corrected after S. Holm (Scand. J. Stat. 6,
    1979, p. 65), those with the baseline and those of all pairs each among themselves.

    Args:
        runs: two or more.
        choices: how; by default those of `ComparisonChoices`.
        names: what to call each run in messages; by default its folder.
        each_with_each: compare runs also where neither of them is the first.

    Raises:
        InputError: there are fewer than two runs; one has no answers; two of them have no setting
            in common, or were asked different questions; a name in ``choices`` is unknown; scipy
            or statsmodels is missing.
    """
    choices = choices or ComparisonChoices()
    cluster = choices.checked_cluster()
    if len(runs) < 2:
        raise InputError(f"found {len(runs)} run, expected two or more to compare. Add a folder.")
    called = list(names or (str(run.folder) for run in runs))
    for run, name in zip(runs, called, strict=True):
        _check_answered(run, name)
    places = [
        (a, b) for a, b in itertools.combinations(range(len(runs)), 2) if each_with_each or a == 0
    ]
    pairs = [_compared(runs, called, place, choices, cluster) for place in places]
    several = len(runs) > 2
    with_baseline = [one for one in pairs if one.a == 0]
    headings = tuple(
        ComparedRun(name, _model(run), run.data) for run, name in zip(runs, called, strict=True)
    )
    return Comparison(
        choices,
        headings,
        tuple(_corrected(with_baseline) if several else with_baseline),
        tuple(_corrected(pairs) if several and each_with_each else ()),
    )


def compare_pair(
    a: RecordedRun,
    b: RecordedRun,
    setting: Setting,
    *,
    parser: str = "official",
    cluster: str = "image",
    common: bool = False,
    names: tuple[str, str] | None = None,
) -> PairedFigures:
    """Compare two runs in one setting.

    Args:
        a: the first run (the baseline).
        b: the second run; differences are its figures minus those of ``a``.
        setting: how the query was told.
        parser: ``official`` or ``strict``.
        cluster: which questions are related: ``question``, ``pair`` or ``image``.
        common: compare what is common to runs that were asked different questions.
        names: what to call the runs in messages; by default their folders.

    Raises:
        InputError: a run lacks the setting, they were asked different questions, or no question is
            answered in full in both; a name is unknown; scipy is missing.
    """
    choices = ComparisonChoices(parser, cluster, common)
    known = choices.checked_cluster()
    called = names or (str(a.folder), str(b.folder))
    for run, name in zip((a, b), called, strict=True):
        if setting not in run.settings:
            there = ", ".join(run.settings) or "none"
            raise InputError(f"{name} has no rows in {setting}. Its settings: {there}.")
    matched = matched_or_refused(a, b, setting, called, common)
    return paired_figures(matched, setting, parser, known, called)


def _compared(
    runs: Sequence[RecordedRun],
    names: Sequence[str],
    place: tuple[int, int],
    choices: ComparisonChoices,
    cluster: Cluster,
) -> PairOfRuns:
    first, second = place
    a, b, called = runs[first], runs[second], (names[first], names[second])
    shared = [one for one in SETTINGS if one in a.settings and one in b.settings]
    if not shared:
        raise InputError(
            f"{called[0]} ({', '.join(a.settings)}) and {called[1]} ({', '.join(b.settings)}) have "
            "no setting in common. Ask one of them again with the other's --setting."
        )
    settings: dict[Setting, PairedFigures] = {}
    notes = list(_notes(a, b, called))
    for setting in shared:
        matched = matched_or_refused(a, b, setting, called, choices.common)
        if any(one.complete for one in matched.pairs):
            settings[setting] = paired_figures(matched, setting, choices.parser, cluster, called)
        else:
            notes.append(f"{setting}: no question is answered in full in both runs")
    if not settings:
        raise InputError(
            f"{called[0]} and {called[1]} have no question that both answered in full. Finish them "
            "with the commands that they were begun with."
        )
    return PairOfRuns(first, second, what_differs(a.identity, b.identity), settings, tuple(notes))


def _notes(a: RecordedRun, b: RecordedRun, names: tuple[str, str]) -> Iterable[str]:
    for run, name in zip((a, b), names, strict=True):
        if run.control is not None:
            yield f"{name} is the control '{run.control}'"
    alone = [one for one in SETTINGS if (one in a.settings) != (one in b.settings)]
    for setting in alone:
        yield f"{setting} is only in {names[0] if setting in a.settings else names[1]}"


def _check_answered(run: RecordedRun, name: str) -> None:
    if not any(row.status not in (None, "error") for row in run.rows):
        raise InputError(
            f"{name} has no answers yet. Finish the run with the command that it was begun with."
        )


def _model(run: RecordedRun) -> str:
    return run.model if run.control is None else f"{run.model}, control {run.control}"


def _corrected(pairs: Sequence[PairOfRuns]) -> list[PairOfRuns]:
    """The same comparisons with p corrected for their number, in each setting."""
    adjusted = [dict(one.settings) for one in pairs]
    for setting in SETTINGS:
        having = [one for one in adjusted if setting in one]
        for name in _CORRECTED:
            with_p = [one for one in having if getattr(one[setting], name) is not None]
            ps = holm([getattr(one[setting], name) for one in with_p])
            for one, p in zip(with_p, ps, strict=True):
                one[setting] = replace(one[setting], holm={**one[setting].holm, name: p})
    return [
        replace(pair, settings=settings) for pair, settings in zip(pairs, adjusted, strict=True)
    ]


def holm(ps: Sequence[float]) -> list[float]:
    """Correct p for the number of tests, as Holm does.

    Raises:
        InputError: statsmodels is missing.
    """
    if not ps:
        return []
    multiple = statistics_library("statsmodels.stats.multitest").multipletests
    # It looks for garbage at each call, half a second among the records of some runs.
    gc.freeze()
    try:
        return [float(one) for one in multiple(ps, method="holm")[1]]
    finally:
        gc.unfreeze()
