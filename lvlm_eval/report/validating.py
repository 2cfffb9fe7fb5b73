"""What ``lvlm-eval validate`` shows: how much there is, what is wrong, which questions to doubt."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from lvlm_eval.report.standard_error import Bar
from lvlm_eval.validation import Report
from lvlm_eval.validation.doubts import REASONS, by_question
from lvlm_eval.validation.findings import count_severities
from lvlm_eval.validation.kinds import KINDS, Severity

EXAMPLES = 3
"""Lines shown of each kind, unless all are asked for."""

_STYLES: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def print_report(report: Report, console: Console, examples: int | None = EXAMPLES) -> None:
    """Print the counts, then the findings and the doubtful questions, each kind in a block.

    Args:
        report: what was found.
        console: where to.
        examples: lines shown of each kind; None shows all.
    """
    title = Text(f"{report.name}: {report.layout} in {report.place}", style="bold")
    console.print(title, soft_wrap=True)
    console.print(_counts(report))
    for kind in KINDS:
        lines = [one.line() for one in report.findings if one.kind is kind]
        if lines:
            heading = Text.assemble(
                (f"{kind.severity:8}", _STYLES[kind.severity]),
                (f"{len(lines):>6,}  {kind.heading}", "bold"),
            )
            _block(console, heading, lines, examples)
    console.print(_sum(report), soft_wrap=True)
    if report.questions is not None:
        _print_doubts(report, console, examples)


def _counts(report: Report) -> Table:
    table = Table(
        box=box.SIMPLE,
        show_header=False,
        padding=(0, 2, 0, 0),
        pad_edge=False,
    )
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for name, figure, remark in report.counts.lines():
        table.add_row(Text(name), figure, Text(remark))
    return table


def _block(console: Console, heading: Text, lines: Sequence[str], examples: int | None) -> None:
    console.print(heading, soft_wrap=True)
    for line in lines[:examples]:
        console.print(f"    {line}", markup=False, soft_wrap=True)
    left = 0 if examples is None else len(lines) - examples
    if left > 0:
        console.print(f"    … and {left:,} more", style="dim")
    console.print()


def _sum(report: Report) -> Text:
    counts = count_severities(report.findings)
    words = [
        f"{count:,} {severity}{'s' * (count != 1)}" if count else f"no {severity}s"
        for severity, count in counts.items()
    ]
    style = "bold red" if counts["error"] else "bold green"
    return Text(", ".join(words).capitalize() + ".", style=style)


def _print_doubts(report: Report, console: Console, examples: int | None) -> None:
    doubtful = len(by_question(report.doubts))
    console.print()
    style = "bold yellow" if doubtful else "bold green"
    console.print(f"Doubtful questions: {doubtful:,} of {report.questions:,}.", style=style)
    for reason in REASONS:
        lines = [one.line() for one in report.doubts if one.reason is reason]
        if lines:
            heading = Text(f"{len(lines):>6,}  {reason.heading}", style="bold")
            _block(console, heading, lines, examples)


class ReadingBar(Bar):
    """Shows on a terminal how far the reading is; elsewhere nothing, so that logs stay short."""

    def __init__(self) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def watch(self, what: str, done: int, total: int) -> None:
        """Move the bar of what is being read."""
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total)
        self._bar.update(self._tasks[what], completed=done)
