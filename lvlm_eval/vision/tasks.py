"""What ``lvlm-eval vision`` can be asked to measure, and what of a dataset each task needs."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.datasets.soco_tree import SocoTree
from lvlm_eval.errors import InputError, nearest_names

Task = Literal["cc", "soc", "cross-soc", "soc-geo", "ceiling", "linear"]
TASKS: tuple[Task, ...] = get_args(Task)

_SPLITS: dict[Task, tuple[str, ...]] = {
    "cc": ("intra",),
    "soc": ("intra",),
    "cross-soc": ("cross",),
    "soc-geo": ("intra",),
    "ceiling": ("intra",),
    "linear": ("train", "test"),
}
_OF_INTRA: dict[str, tuple[str, ...]] = {
    "cc": ("cc",),
    "soc": ("soc", "soc_soft", "confusion"),
    "soc-geo": ("soc_geo", "soc_geo_all", "soc_geo_multi"),
}


def parse_tasks(text: str | None) -> tuple[Task, ...] | None:
    """Read tasks with commas between them; None for what the data has, without the probe.

    Raises:
        InputError: one is not known.
    """
    if text is None:
        return None
    wanted = [one.strip() for one in text.split(",")]
    for one in wanted:
        if one not in TASKS:
            raise InputError(f"--task '{one}' is not known. {nearest_names(one, TASKS)}")
    return tuple(task for task in TASKS if task in wanted)


def tasks_for(dataset: PairDataset, wanted: tuple[Task, ...] | None) -> tuple[Task, ...]:
    """The tasks that are measured.

    Raises:
        InputError: the data lacks what a wanted task needs, or is nothing to measure on.
    """
    there = dataset.splits()

    def lacking(task: Task) -> list[str]:
        lacks = [split for split in _SPLITS[task] if split not in there]
        if task == "ceiling" and not isinstance(dataset, SocoTree):
            lacks.append("questions")
        return lacks

    if wanted is None:
        able = tuple(task for task in TASKS if task != "linear" and not lacking(task))
        if not able:
            raise InputError(
                f"'{dataset.name}' has neither intra nor cross pairs; it has: {', '.join(there)}."
            )
        return able
    for task in wanted:
        if lacks := lacking(task):
            has = ", ".join(there) or "none"
            raise InputError(
                f"--task {task}: '{dataset.name}' has no {lacks[0]} pairs (SOCOv1 layout: "
                f"PairAnnotations/); splits that it has: {has}."
            )
    return wanted


def splits_for(tasks: Sequence[Task]) -> tuple[str, ...]:
    """The splits whose pairs are scored with the plain features."""
    plain = [task for task in tasks if task not in ("linear", "ceiling")]
    return tuple(dict.fromkeys(split for task in plain for split in _SPLITS[task]))


def only(document: dict[str, Any], tasks: Sequence[Task]) -> dict[str, Any]:
    """The document without what was not asked for."""
    wanted = {name for task in tasks for name in _OF_INTRA.get(task, ())}
    if not {"cc", "soc"} <= wanted or "cross-soc" not in tasks:
        document = {k: v for k, v in document.items() if k not in ("drops", "average")}
    intra = document.get("intra")
    if intra is None:
        return document
    kept = {k: v for k, v in intra.items() if k in wanted}
    kept["azimuth"] = [
        {k: v for k, v in turn.items() if k in wanted or k == "degrees"}
        for turn in intra["azimuth"]
    ]
    kept["categories"] = {
        group: {k: v for k, v in figures.items() if k in wanted}
        for group, figures in intra["categories"].items()
    }
    allowed = {*wanted, *(("cross_soc",) if "cross-soc" in tasks else ())}
    above = {
        name: {k: v for k, v in figures.items() if k in allowed}
        for name, figures in document["supercategories"].items()
    }
    return {**document, "intra": kept, "supercategories": above}
