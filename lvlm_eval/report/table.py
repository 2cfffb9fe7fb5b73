"""The table at the end of a run: the user's rows among the published ones."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lvlm_eval.intervals import Interval
from lvlm_eval.metrics import Accuracy, ParserMetrics
from lvlm_eval.records import SETTINGS, Setting
from lvlm_eval.reference import lvlm_rows
from lvlm_eval.scoring import Scored

TITLES: dict[Setting, str] = {"vis": "Vis.", "vis+desc": "Vis.+Desc.", "desc": "Desc."}
OFFICIAL, STRICT = "official", "strict"
OWN_STYLE = "bold green"


def title_of(setting: str) -> str:
    """A setting's title, by its name as a document has it."""
    return TITLES[cast(Setting, setting)]


@dataclass(frozen=True, slots=True)
class _Line:
    """A row of the leaderboard: circular accuracy in percent and its interval, by setting."""

    name: str
    figures: dict[Setting, tuple[float, Interval | None]]
    own: bool

    def rank(self) -> tuple[float, ...]:
        """Sorts by Vis., then by the other settings; a setting that is absent counts least."""
        return tuple(self.figures.get(setting, (-1.0, None))[0] for setting in SETTINGS)


def print_scored(scored: Sequence[Scored], console: Console) -> None:
    """Print the leaderboard with the scored runs in it, then each run's own figures.

    Args:
        scored: one or more runs or workbooks.
        console: where to.
    """
    console.print(_leaderboard(scored))
    for one in scored:
        if one.not_comparable_because:
            console.print(
                f"▶ {one.model} on {one.data}: not comparable with the published rows "
                f"({one.not_comparable_because})",
                style="yellow",
                markup=False,
            )
    for one in scored:
        console.print()
        console.print(_details(one))
        for line in _remarks(one):
            console.print(line, style="yellow", markup=False, soft_wrap=True)
        console.print(f"results: {one.place}", style="dim", markup=False, soft_wrap=True)


def _leaderboard(scored: Sequence[Scored]) -> Table:
    table = plain_table("Circular accuracy in percent [95 % interval]")
    table.add_column("model", no_wrap=True)
    for setting in SETTINGS:
        table.add_column(TITLES[setting], overflow="fold")
    lines = [
        _Line(row.name, dict(_known(row.circular_accuracy(s) for s in SETTINGS)), own=False)
        for row in lvlm_rows()
    ]
    lines += [_own_line(one) for one in scored]
    for line in sorted(lines, key=lambda line: line.rank()):
        cells = [figure(*line.figures.get(setting, (None, None))) for setting in SETTINGS]
        name = f"▶ {line.name}" if line.own else f"  {line.name}"
        table.add_row(Text(name), *cells, style=OWN_STYLE if line.own else "")
    return table


def plain_table(title: str) -> Table:
    """Columns are set to the left and their cells padded, so that figures stand below figures."""
    return Table(
        title=Text(title),  # names may hold what looks like markup
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )


def part_table(title: str, first: str, *columns: str) -> Table:
    """One part of many: no edge, and cells that are too wide are folded."""
    table = plain_table(title)
    table.show_edge = False
    table.add_column(first)
    for name in columns:
        table.add_column(name, overflow="fold")
    return table


def both_figures(accuracy: Accuracy) -> tuple[str, str]:
    """Circular and average accuracy, with their intervals."""
    return (
        figure(accuracy.circular_accuracy, accuracy.circular_ci95),
        figure(accuracy.average_accuracy, accuracy.average_ci95),
    )


def _known(
    figures: Iterable[float | None],
) -> Iterable[tuple[Setting, tuple[float, Interval | None]]]:
    for setting, figure in zip(SETTINGS, figures, strict=True):
        if figure is not None:
            yield setting, (figure, None)


def _own_line(scored: Scored) -> _Line:
    figures: dict[Setting, tuple[float, Interval | None]] = {}
    incomplete = False
    for setting, parsers in scored.metrics.settings.items():
        official = parsers[OFFICIAL]
        incomplete |= not official.complete
        if official.circular_accuracy is not None:
            figures[setting] = official.circular_accuracy, official.circular_ci95
    name = f"{scored.model} (INCOMPLETE)" if incomplete else scored.model
    return _Line(name, figures, own=True)


def _details(scored: Scored) -> Table:
    incomplete = any(not parsers[OFFICIAL].complete for parsers in scored.metrics.settings.values())
    incomplete_mark = ": INCOMPLETE" if incomplete else ""
    table = plain_table(f"{scored.model} on {scored.data}, percent{incomplete_mark}")
    table.add_column("", no_wrap=True)
    settings = [setting for setting in SETTINGS if setting in scored.metrics.settings]
    for setting in settings:
        table.add_column(TITLES[setting], overflow="fold")
    official = [scored.metrics.settings[setting][OFFICIAL] for setting in settings]
    strict = [scored.metrics.settings[setting][STRICT] for setting in settings]

    def add(name: str, cells: Iterable[str]) -> None:
        table.add_row(name, *cells)

    for prefix, figures in (("", official), (f"{STRICT}: ", strict)):
        add(f"{prefix}circular", (figure(m.circular_accuracy, m.circular_ci95) for m in figures))
        add(f"{prefix}average", (figure(m.average_accuracy, m.average_ci95) for m in figures))
    add("questions", (f"{m.groups:4}" for m in official))
    add("rows", (f"{m.rows:4}" for m in official))
    add("0 to 4 of 4 right", (_histogram(m) for m in official))
    add("letters A to D, %", (_letters(m) for m in official))
    add("unparsed", (f"{m.unparsed:4}" for m in official))
    add(f"{STRICT}: unparsed", (f"{m.unparsed:4}" for m in strict))
    for name in ("refused", "truncated", "errors", "missing"):
        counts = [getattr(m, name) for m in official]
        if any(counts):
            add(name, (f"{count:4}" for count in counts))
    return table


def _remarks(scored: Scored) -> Iterable[str]:
    yield from scored.metrics.warnings
    yield from scored.notes
    for setting, parsers in scored.metrics.settings.items():
        named = parsers[OFFICIAL].incomplete_groups
        if named:
            more = f" and {len(named) - 3} more" if len(named) > 3 else ""
            yield f"{setting}: incomplete questions: {', '.join(named[:3])}{more}"


def figure(percent: float | None, interval: Interval | None = None) -> str:
    """A figure with its interval, so that those of a column stand below each other."""
    shown = "–".rjust(4) if percent is None else f"{percent:4.1f}"
    return shown if interval is None else f"{shown} [{interval[0]:4.1f}–{interval[1]:4.1f}]"


def _histogram(metrics: ParserMetrics) -> str:
    return " ".join(str(count) for count in metrics.right_of_group.values())


def _letters(metrics: ParserMetrics) -> str:
    chosen = {k: count for k, count in metrics.letters_chosen.items() if k != "none"}
    total = sum(chosen.values())
    return " ".join(f"{100 * one / total:.0f}" for one in chosen.values()) if total else "–"
