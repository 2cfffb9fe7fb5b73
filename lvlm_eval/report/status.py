"""The table of ``lvlm-eval status``."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from lvlm_eval.report.table import plain_table
from lvlm_eval.runs.status import PartStatus, RunStatus


def print_status(runs: Sequence[RunStatus], console: Console) -> None:
    """Print how far some runs are, a line each, and below it one for each of several shards."""
    table = plain_table("rows of runs")
    table.add_column("run", overflow="fold")
    for title in ("done", "of", "%", "failed", "a second", "left"):
        table.add_column(title, justify="right", no_wrap=True)
    for run in runs:
        table.add_row(
            Text(run.folder.name or str(run.folder), style="bold"),
            str(run.done),
            str(run.planned),
            _percent(run.done, run.planned),
            str(run.failed or "–"),
            f"{run.rate:.2f}" if run.rate else "–",
            _left(run.seconds_left),
        )
        if len(run.parts) > 1:
            for part in run.parts:
                table.add_row(*_cells(part))
    console.print(table)
    for run in runs:
        for line in _remarks(run, len(runs) > 1):
            console.print(line, markup=False, soft_wrap=True)


def _cells(part: PartStatus) -> tuple[Text | str, ...]:
    state = "" if part.active or part.done == part.planned else f", quiet for {_left(part.idle)}"
    name = f"  shard {part.name}{state}" if part.name else f"  one process{state}"
    known = part.planned is not None
    return (
        Text(name, style="dim"),
        str(part.done),
        str(part.planned) if known else "–",
        _percent(part.done, part.planned or 0) if known else "",
        str(part.failed or "–"),
        f"{part.rate:.2f}" if part.rate and part.active else "–",
        "",
    )


def _remarks(run: RunStatus, named: bool) -> list[str]:
    lines = []
    settings = ", ".join(f"{name} {done} of {of}" for name, (of, done) in run.by_setting.items())
    lines.append(f"{run.model} on {run.data}: {settings}")
    if any(run.tokens.values()):
        tokens = " and ".join(f"{count} {name}" for name, count in run.tokens.items())
        lines.append(f"tokens: {tokens}")
    if run.cost is not None:
        lines.append(f"cost of the recorded answers: {run.cost:.4f} {run.currency}")
    if run.extra:
        lines.append(f"{run.extra} answers of rows that are not planned")
    repeated = sum(part.repeated for part in run.parts)
    unreadable = sum(part.unreadable for part in run.parts)
    if repeated:
        lines.append(f"{repeated} rows were answered more than once; the first answer counts")
    if unreadable:
        lines.append(f"{unreadable} lines cannot be read (torn by a crash?) and are left alone")
    return [f"{run.folder.name}: {line}" for line in lines] if named else lines


def _percent(done: int, planned: int) -> str:
    return f"{100 * done / planned:.1f}" if planned else "–"


def _left(seconds: float | None) -> str:
    if seconds is None:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes >= 10 else f"{60 * minutes + rest} s"
