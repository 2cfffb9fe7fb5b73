"""Finds the runs that a user names, and reads them, several at a time if there are many."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from lvlm_eval.errors import InputError
from lvlm_eval.prices import Price, price_of
from lvlm_eval.recorded_run import RecordedRun, opened_run
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.runs import LvlmRun, VisionRun, lvlm_run, vision_run, with_labels
from lvlm_eval.report.page.section import Section
from lvlm_eval.user_files import said
from lvlm_eval.workers import Workers, available_cores

MANIFEST, METRICS = "manifest.json", "metrics.json"

Kind = Literal["run", "vision"]

RUNS_BEFORE = 2
"""Runs that are read before other processes are started for the rest of them."""

LEAST_BYTES = 10_000_000
"""Of recorded answers, 15,000 or so; fewer are read while other processes still start."""

MOST_PROCESSES = 8
"""That read runs; each holds one, some 100 MB of 24,000 answers."""


@dataclass(frozen=True, slots=True)
class Input:
    """Everything that the page is made from.

    Attributes:
        lvlm: runs of LVLMs, in the order in which they were named.
        vision: figures of backbones, likewise.
        left_out: what was found in a folder of runs and could not be read, a line each.
    """

    lvlm: tuple[LvlmRun, ...]
    vision: tuple[VisionRun, ...]
    left_out: tuple[str, ...] = ()


class SectionMaker(Protocol):
    """Makes a section from what was read."""

    def section(self, read: Input) -> Section | None:
        """The section; None for none."""


@runtime_checkable
class Looker(Protocol):
    """Looks at the answers of all runs, of which only a few are in memory at a time."""

    @staticmethod
    def look(run: RecordedRun, summary: LvlmRun) -> Any:
        """What is to be kept of a run, small; may be called in another process.

        ``id`` and ``label`` of ``summary`` are not set yet.
        """

    def keep(self, found: Any) -> None:
        """Take what `look` gave; called once for each run, in the order of ``Input.lvlm``."""


class ContentMaker(Protocol):
    """Makes tables and figures that are files of their own beside those of the built-in parts."""

    def content(self, read: Input) -> Content:
        """Tables and figures, and what could not be made; empty where there is nothing to show."""


def read_input(
    paths: Sequence[Path], prices: Path | None = None, makers: Iterable[object] = ()
) -> Input:
    """Read runs, merged runs, folders of them, and figures of backbones.

    A folder of runs may hold some that cannot be read, which are left out and named; one that is
    named itself must be readable. A place that is named twice counts once.

    Args:
        paths: what the user named.
        prices: TOML table of what tokens cost; runs of models that it lacks have no cost.
        makers: those that are `Looker` look at each run as it is read.

    Raises:
        InputError: nothing is named or found, or a place cannot be read.
    """
    if not paths:
        raise InputError(
            "no run is named. Give folders of runs, such as those below results/, merged runs "
            "(.zip), or folders of 'lvlm-eval vision --out'."
        )
    lvlm: list[LvlmRun] = []
    vision: list[VisionRun] = []
    left_out: list[str] = []
    seen: dict[Path, _Found] = {}
    for path in paths:
        for one in _found(path):
            seen.setdefault(one.place.resolve(), one)
    lookers = [one for one in makers if isinstance(one, Looker)]
    look = partial(_looked, prices, [one.look for one in lookers])
    with reading([one.place for one in seen.values()]) as workers:
        for one, (read, kept) in zip(seen.values(), workers.each(look, seen.values()), strict=True):
            if isinstance(read, LvlmRun):
                lvlm.append(read)
                for looker, found in zip(lookers, kept, strict=True):
                    looker.keep(found)
            elif isinstance(read, VisionRun):
                vision.append(read)
            elif one.named:
                raise read
            else:
                left_out.append(str(read))
    if not lvlm and not vision:
        raise InputError(f"no run can be read: {left_out[0]}")
    return Input(*with_labels(lvlm, vision), tuple(left_out))


def reading(places: Sequence[Path]) -> Workers:
    """Processes to read some runs with; none for a few or for small ones."""
    files = (file for one in places for file in (one, *one.glob("predictions*.jsonl")))
    size = sum(file.stat().st_size for file in files if file.is_file())
    count = min(available_cores(), MOST_PROCESSES, len(places) - RUNS_BEFORE)
    return Workers(max(1, count) if size >= LEAST_BYTES else 1, RUNS_BEFORE)


@dataclass(frozen=True, slots=True)
class _Found:
    """A run at a path that the user named.

    Attributes:
        place: folder or archive.
        kind: what wrote it.
        named: the user named that very place.
    """

    place: Path
    kind: Kind
    named: bool


def _looked(
    prices: Path | None, looks: Sequence[Callable[[RecordedRun, LvlmRun], Any]], one: _Found
) -> tuple[LvlmRun | VisionRun | InputError, list[Any]]:
    """A run, or what is wrong with it, and what is kept of it."""
    try:
        if one.kind == "vision":
            return _read_vision(one.place), []
        with opened_run(one.place) as run:
            summary = lvlm_run(run, one.place, _prices(prices, run))
            return summary, [look(run, summary) for look in looks]
    except InputError as error:
        return error, []


def _found(path: Path) -> list[_Found]:
    """Runs at a path."""
    if path.is_file():
        if path.suffix.lower() == ".zip":
            return [_Found(path, "run", True)]
        raise InputError(
            f"{path} is no run. Give the folder of a run, a merged run (.zip), or a folder of them."
        )
    if not path.is_dir():
        raise InputError(
            f"{path} does not exist. Give the folder of a run, a merged run (.zip), or a folder of "
            "them, such as results."
        )
    if (path / MANIFEST).is_file():
        return [_Found(path, _kind(path), True)]
    inside = sorted(one for one in path.iterdir() if not one.name.startswith("."))
    found = [
        _Found(one, "run" if one.is_file() else _kind(one), False)
        for one in inside
        if (one / MANIFEST).is_file() or (one.is_file() and one.suffix.lower() == ".zip")
    ]
    if not found:
        raise InputError(
            f"{path} holds no run: neither it nor a folder in it has a {MANIFEST}. Give the folder "
            "that 'lvlm-eval run' named as results, or one of 'lvlm-eval vision --out'."
        )
    # An archive beside the folder that it was merged from is the same run.
    folders = {one.place.name for one in found if one.place.is_dir()}
    return [one for one in found if not (one.place.is_file() and one.place.stem in folders)]


def _kind(folder: Path) -> Kind:
    """What wrote a folder's manifest; one that cannot be read counts as a run, and is refused."""
    try:
        content = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return "run"
    return "vision" if isinstance(content, dict) and "config" in content else "run"


def _read_vision(folder: Path) -> VisionRun:
    try:
        manifest = _document(folder / MANIFEST)
        document = _document(folder / METRICS)
        return vision_run(folder, document, manifest)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{folder} does not hold the figures of 'lvlm-eval vision --out': {said(error)}."
        ) from None


def _document(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_bytes())
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} is no JSON object")
    return content


def _prices(table: Path | None, run: RecordedRun) -> dict[str, Price]:
    """The price of a run's model, if the table has one."""
    if table is None:
        return {}
    spec = str(run.manifest.recorded["calls"][-1].get("model", ""))
    try:
        return {spec: price_of(table, spec)}
    except InputError as error:
        if "has no model" in str(error):
            return {}
        raise
