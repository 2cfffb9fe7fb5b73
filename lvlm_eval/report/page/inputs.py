"""Finds the runs that a user names, and reads them one after the other."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from lvlm_eval.errors import InputError
from lvlm_eval.prices import Price, price_of
from lvlm_eval.recorded_run import RecordedRun, opened_run
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.runs import LvlmRun, VisionRun, lvlm_run, vision_run, with_labels
from lvlm_eval.report.page.section import Section
from lvlm_eval.user_files import said

MANIFEST, METRICS = "manifest.json", "metrics.json"

Kind = Literal["run", "vision"]


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
    """Makes a section from the answers of all runs, of which only one is in memory at a time."""

    def take(self, run: RecordedRun, summary: LvlmRun) -> None:
        """Look at a run; called once for each. ``summary.id`` and ``label`` are not set yet."""

    def section(self, read: Input) -> Section | None:
        """The section, after the last run; None for none. Runs stand in the order of `take`."""


class ContentMaker(Protocol):
    """Makes tables and figures that are files of their own beside those of the built-in parts."""

    def content(self, read: Input) -> Content:
        """Tables and figures; empty where there is nothing to show."""


def read_input(
    paths: Sequence[Path], prices: Path | None = None, makers: Iterable[SectionMaker] = ()
) -> Input:
    """Read runs, merged runs, folders of them, and figures of backbones.

    A folder of runs may hold some that cannot be read, which are left out and named; one that is
    named itself must be readable. A place that is named twice counts once.

    Args:
        paths: what the user named.
        prices: TOML table of what tokens cost; runs of models that it lacks have no cost.
        makers: look at each run as it is read.

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
    seen: set[Path] = set()
    watching = tuple(makers)
    for path in paths:
        for place, kind, named in _found(path):
            if place.resolve() in seen:
                continue
            seen.add(place.resolve())
            try:
                if kind == "vision":
                    vision.append(_read_vision(place))
                else:
                    with opened_run(place) as run:
                        summary = lvlm_run(run, place, _prices(prices, run))
                        for maker in watching:
                            maker.take(run, summary)
                    lvlm.append(summary)
            except InputError as error:
                if named:
                    raise
                left_out.append(str(error))
    if not lvlm and not vision:
        raise InputError(f"no run can be read: {left_out[0]}")
    return Input(*with_labels(lvlm, vision), tuple(left_out))


def _found(path: Path) -> list[tuple[Path, Kind, bool]]:
    """Runs at a path: place, kind, and whether the user named that very place."""
    if path.is_file():
        if path.suffix.lower() == ".zip":
            return [(path, "run", True)]
        raise InputError(
            f"{path} is no run. Give the folder of a run, a merged run (.zip), or a folder of them."
        )
    if not path.is_dir():
        raise InputError(
            f"{path} does not exist. Give the folder of a run, a merged run (.zip), or a folder of "
            "them, such as results."
        )
    if (path / MANIFEST).is_file():
        return [(path, _kind(path), True)]
    inside = sorted(one for one in path.iterdir() if not one.name.startswith("."))
    found = [
        (one, "run" if one.is_file() else _kind(one), False)
        for one in inside
        if (one / MANIFEST).is_file() or (one.is_file() and one.suffix.lower() == ".zip")
    ]
    if not found:
        raise InputError(
            f"{path} holds no run: neither it nor a folder in it has a {MANIFEST}. Give the folder "
            "that 'lvlm-eval run' named as results, or one of 'lvlm-eval vision --out'."
        )
    merged = {one.stem for one, _, _ in found if one.suffix.lower() == ".zip"}
    # An archive beside the folder that it was merged from is the same run.
    folders = {one.name for one, _, _ in found if one.is_dir()}
    return [one for one in found if not (one[0].is_file() and one[0].stem in merged & folders)]


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
