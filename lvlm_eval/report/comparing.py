"""What ``lvlm-eval compare`` shows: for each setting the differences, then what they rest on."""

from collections.abc import Iterator, Sequence
from string import ascii_uppercase

from rich.console import Console
from rich.table import Table

from lvlm_eval.comparing import Comparison, PairedFigures, PairOfRuns
from lvlm_eval.intervals import Interval
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.report.table import TITLES, plain_table

_NONE = "–"


def print_comparison(comparison: Comparison, console: Console, flips: int) -> None:
    """Print the runs, two tables a setting, the flipped questions and what a reader has to know.

    Args:
        comparison: what was compared.
        console: where to.
        flips: how many flipped questions to name, each way.
    """
    for line in _headings(comparison):
        console.print(line, markup=False, soft_wrap=True)
    for setting in SETTINGS:
        pairs = [one for one in comparison.with_baseline if setting in one.settings]
        if not pairs:
            continue
        console.print()
        console.print(_differences(setting, pairs))
        console.print(_evidence(setting, pairs))
        for line in _flips(setting, pairs, flips):
            console.print(line, markup=False)
    console.print()
    for pair in comparison.with_baseline:
        for note in _notes(pair):
            console.print(f"A and {_letter(pair.b)}: {note}", style="yellow", markup=False)
    for remark in _remarks(comparison):
        console.print(remark, style="dim", markup=False)


def tables_of(comparison: Comparison, setting: Setting) -> tuple[Table, Table]:
    """The differences with the first run in a setting, and what they rest on."""
    pairs = [one for one in comparison.with_baseline if setting in one.settings]
    return _differences(setting, pairs), _evidence(setting, pairs)


def explanations_of(comparison: Comparison) -> Iterator[str]:
    """The notes on each pair of runs, then what the figures of the tables mean."""
    for pair in comparison.with_baseline:
        for note in _notes(pair):
            yield f"A and {_letter(pair.b)}: {note}"
    yield from _remarks(comparison)


def _letter(place: int) -> str:
    """A, B, … Z, AA, AB, …, as in spreadsheets."""
    high, low = divmod(place, len(ascii_uppercase))
    return (_letter(high - 1) if high else "") + ascii_uppercase[low]


def _headings(comparison: Comparison) -> Iterator[str]:
    differs = {pair.b: pair.differs for pair in comparison.with_baseline}
    for place, run in enumerate(comparison.runs):
        yield f"{_letter(place)}  {run.model} on {run.data}: {run.place}"
        if place:
            what = "; ".join(differs[place]) or "nothing that the manifests tell"
            yield f"   what differs from A: {what}"


def _differences(setting: Setting, pairs: Sequence[PairOfRuns]) -> Table:
    corrected = any(pair.settings[setting].holm for pair in pairs)
    table = plain_table(f"{TITLES[setting]}: accuracy in percent")
    for name in ("", "", "   A", "other", "  diff. [95 % interval]"):
        table.add_column(name, no_wrap=True)
    table.add_column("p (Holm)" if corrected else "p", justify="right", no_wrap=True)
    table.add_column("questions", justify="right", no_wrap=True)
    for pair in pairs:
        figures = pair.settings[setting]
        table.add_row(
            _letter(pair.b),
            "circular",
            _figure(figures.circular_a),
            _figure(figures.circular_b),
            _difference(figures.circular_difference, figures.circular_ci95),
            _p(figures, "circular_p"),
            str(figures.questions),
        )
        table.add_row(
            "",
            "average",
            _figure(figures.average_a),
            _figure(figures.average_b),
            _difference(figures.average_difference, figures.average_ci95),
            _p(figures, "average_p"),
            "",
        )
    return table


def _evidence(setting: Setting, pairs: Sequence[PairOfRuns]) -> Table:
    table = plain_table("")
    table.title = None
    names = ("both right", "only A", "only it", "neither", "McNemar p", "least shown")
    table.add_column("", no_wrap=True)
    for name in (*names, "same point", "kappa"):
        table.add_column(name, justify="right")
    for pair in pairs:
        figures = pair.settings[setting]
        counts = figures.right_wrong
        table.add_row(
            _letter(pair.b),
            str(counts.both_right),
            str(counts.only_a),
            str(counts.only_b),
            str(counts.both_wrong),
            _p(figures, "mcnemar_p"),
            _figure(figures.smallest_difference),
            _figure(figures.agreement.same),
            _NONE if figures.agreement.kappa is None else f"{figures.agreement.kappa:.2f}",
        )
    return table


def _flips(setting: Setting, pairs: Sequence[PairOfRuns], most: int) -> Iterator[str]:
    for pair in pairs if most else ():
        flips, other = pair.settings[setting].flips, _letter(pair.b)
        for right, wrong, ids in (("A", other, flips.only_a), (other, "A", flips.only_b)):
            if ids:
                more = f" and {len(ids) - most} more" if len(ids) > most else ""
                named = f"{', '.join(ids[:most])}{more}"
                yield f"{len(ids)} right in {right}, not in {wrong}: {named}"


def _notes(pair: PairOfRuns) -> Iterator[str]:
    """Each note once, with its settings where it is not on all of them."""
    yield from pair.notes
    settings_of: dict[str, list[Setting]] = {}
    for setting, figures in pair.settings.items():
        for note in figures.notes:
            settings_of.setdefault(note, []).append(setting)
    for note, settings in settings_of.items():
        where = "" if len(settings) == len(pair.settings) else f"{', '.join(settings)}: "
        yield f"{where}{note}"


def _remarks(comparison: Comparison) -> Iterator[str]:
    figures = [one for pair in comparison.with_baseline for one in pair.settings.values()]
    used = {one.cluster for one in figures}
    related = {
        "image": "questions that share a photo are related",
        "pair": "questions of one pair are related",
        "question": "questions count as independent",
    }
    how = "; ".join(related[name] for name in ("image", "pair", "question") if name in used)
    yield (
        f"Difference: other run minus A, percentage points. Intervals and p: {how}. McNemar p: "
        "exact test on the questions that one run alone has right on all rows, each question "
        "independent. Least shown: least true difference in circular accuracy, points, that such "
        "data show at 5 % in 80 % of cases; – where fewer than 5 questions tell the runs apart or "
        "the photos are too few. Same point: percent of rows in which both chose the "
        f"same candidate. Answers read by the {comparison.choices.parser} parser."
    )
    if any(one.holm for one in figures):
        yield (
            f"p are corrected after Holm for the {len(comparison.with_baseline)} comparisons with "
            "A of a setting; those between the other runs are in --json."
        )


def _figure(percent: float | None) -> str:
    return _NONE.rjust(4) if percent is None else f"{percent:4.1f}"


def _difference(points: float | None, interval: Interval | None) -> str:
    if points is None or interval is None:
        return _NONE.rjust(5)
    return f"{points:+6.1f} [{interval[0]:+5.1f}, {interval[1]:+5.1f}]"


def _p(figures: PairedFigures, name: str) -> str:
    p: float | None = figures.holm.get(name, getattr(figures, name))
    if p is None:
        return _NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}"
