"""The leaderboard: the user's runs among the published rows, as tables and as a chart."""

from dataclasses import dataclass

from lvlm_eval.metrics import ParserMetrics
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.reference import RELEASE_QUESTIONS, lvlm_rows, source
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.figures.spec import Figure, LineChart, Series
from lvlm_eval.report.page.inputs import Input
from lvlm_eval.report.page.runs import LvlmRun
from lvlm_eval.report.page.tables.table import (
    Cell,
    Column,
    Row,
    Table,
    count,
    number,
    words,
)
from lvlm_eval.report.table import OFFICIAL, STRICT, TITLES

KEYS: dict[Setting, str] = {"vis": "vis", "vis+desc": "vis_desc", "desc": "desc"}


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the leaderboard, with what it is sorted by."""

    row: Row
    series: Series

    def rank(self) -> tuple[float, ...]:
        return tuple(-1.0 if one is None else one for one in self.series.values)


def leaderboard(read: Input) -> Content:
    """Tables and figure of all runs of LVLMs among the published rows.

    Args:
        read: the user's runs; may hold none.
    """
    own = [_own(run, place) for place, run in enumerate(read.lvlm)]
    lines = [*own, *_published(len(own))]
    lines.sort(key=_Line.rank, reverse=True)
    table = Table(
        "leaderboard",
        "Leaderboard",
        "Circular accuracy in percent with its 95 % interval: a question counts if all four "
        "rotations of its options are answered rightly. Average accuracy is over all rows. "
        "Gain: Desc. minus Vis., in percentage points. n: questions. "
        f"Published rows: {source()}.",
        (
            Column("model", "Model", numeric=False),
            *(Column(f"circular_{KEYS[s]}", TITLES[s], hint=_HINTS[s]) for s in SETTINGS),
            Column("description_gain", "Gain", hint="Desc. minus Vis., percentage points"),
            *(
                Column(f"average_{KEYS[s]}", f"Avg. {TITLES[s]}", hint=f"Average accuracy, {s}")
                for s in SETTINGS
            ),
            Column("questions", "n", hint="Questions"),
            Column("remarks", "Remarks", numeric=False, aside=True),
        ),
        tuple(line.row for line in lines),
        sorted_by="circular_vis",
    )
    figure = Figure(
        "leaderboard-chart",
        "Circular accuracy by setting",
        "Percent, with 95 % intervals where they are known; bold: your runs; dotted: a row with "
        "Vis. alone",
        LineChart(
            tuple(TITLES[s] for s in SETTINGS),
            "circular accuracy, percent",
            tuple(line.series for line in lines),
        ),
    )
    tables = (table, _details(read)) if read.lvlm else (table,)
    return Content(tables, (figure,))


_HINTS: dict[Setting, str] = {
    "vis": "Circular accuracy: the query is marked in a source photo",
    "vis+desc": "Circular accuracy: marked source photo and description",
    "desc": "Circular accuracy: description alone",
}


def _published(first_style: int) -> list[_Line]:
    found = []
    for place, row in enumerate(lvlm_rows()):
        values = tuple(row.circular_accuracy(setting) for setting in SETTINGS)
        series = Series(f"lp{place}", row.name, values, first_style + place)
        cells = (
            words(row.name),
            *(number(value) for value in values),
            _gain(values[0], values[2]),
            *(number(None) for _ in SETTINGS),
            count(RELEASE_QUESTIONS),
            words(""),
        )
        found.append(_Line(Row(cells, series.id, marks=("published",)), series))
    return found


def _own(run: LvlmRun, style: int) -> _Line:
    official = {
        setting: parsers[OFFICIAL] for setting, parsers in run.scored.metrics.settings.items()
    }
    known = [official.get(setting) for setting in SETTINGS]
    values = tuple(one.circular_accuracy if one else None for one in known)
    intervals = tuple(one.circular_ci95 if one else None for one in known)
    series = Series(run.id, run.label, values, style, own=True, intervals=intervals)
    cells = (
        words(run.label),
        *(number(value, interval) for value, interval in zip(values, intervals, strict=True)),
        _gain(values[0], values[2]),
        *(number(one.average_accuracy, one.average_ci95) if one else number(None) for one in known),
        _questions(list(official.values())),
        words(". ".join(_remarks(run))),
    )
    return _Line(Row(cells, run.id, own=True, marks=marks_of(run), below=run.scored.data), series)


def marks_of(run: LvlmRun) -> tuple[str, ...]:
    """Short words that a reader must see beside a run's name."""
    marks = [f"control {run.control}"] if run.control else []
    marks += [] if run.complete else ["incomplete"]
    marks += ["not comparable"] if run.scored.not_comparable_because else []
    return tuple(marks)


def _gain(vis: float | None, desc: float | None) -> Cell:
    return number(None if vis is None or desc is None else desc - vis, signed=True)


def _questions(figures: list[ParserMetrics]) -> Cell:
    """How many questions; the range where settings have different numbers of them."""
    counts = sorted({one.groups for one in figures})
    if len(counts) < 2:
        return count(counts[0] if counts else None)
    return Cell(counts[0], f"{counts[0]:,} to {counts[-1]:,}")


def _remarks(run: LvlmRun) -> list[str]:
    reason = run.scored.not_comparable_because
    remarks = [f"Not comparable with the published rows: {reason}"] if reason else []
    for setting, parsers in run.scored.metrics.settings.items():
        figures = parsers[OFFICIAL]
        if figures.incomplete_groups:
            remarks.append(
                f"{TITLES[setting]} incomplete: {len(figures.incomplete_groups)} of "
                f"{figures.groups} questions have a failed or missing row"
            )
        if figures.circular_accuracy is None:
            remarks.append(f"{TITLES[setting]} has one rotation: no circular accuracy")
    return remarks


def _details(read: Input) -> Table:
    """Each run's figures in each setting, by both parsers, with all counts."""
    counts = ("rows", "answered", "unparsed", "refused", "truncated", "errors", "missing")
    rows = []
    for run in read.lvlm:
        for setting, parsers in run.scored.metrics.settings.items():
            official, strict = parsers[OFFICIAL], parsers[STRICT]
            cells = (
                words(run.label),
                words(TITLES[setting]),
                *(
                    cell
                    for one in (official, strict)
                    for cell in (
                        number(one.circular_accuracy, one.circular_ci95),
                        number(one.average_accuracy, one.average_ci95),
                    )
                ),
                count(official.groups),
                *(count(getattr(official, name)) for name in counts),
                count(strict.unparsed),
            )
            rows.append(Row(cells, run.id, own=True, marks=marks_of(run)))
    return Table(
        "runs",
        "Your runs, setting by setting",
        "Percent with 95 % intervals. Official: the rules of the released scorer; strict: those of "
        "this program. Counts are of rows; answered rows enter the average accuracy.",
        (
            Column("model", "Model", numeric=False),
            Column("setting", "Setting", numeric=False),
            Column("circular", "Circular", hint="Circular accuracy, official parser"),
            Column("average", "Average", hint="Average accuracy, official parser"),
            Column("strict_circular", "Strict circular", hint="Circular accuracy, strict parser"),
            Column("strict_average", "Strict average", hint="Average accuracy, strict parser"),
            Column("questions", "n", hint="Questions"),
            *(Column(name, name.capitalize()) for name in counts),
            Column("strict_unparsed", "Strict unparsed"),
        ),
        tuple(rows),
    )
