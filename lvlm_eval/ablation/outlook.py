"""What a grid still has to do before it begins: requests, pictures, disk, and money."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lvlm_eval.ablation.models import ModelKey
from lvlm_eval.ablation.preparing import CellRun, Grid
from lvlm_eval.drawing.encoding import size_within
from lvlm_eval.pictures import PictureStore, PictureTask
from lvlm_eval.pictures.store import look
from lvlm_eval.prices import Price, Spending
from lvlm_eval.records import Ask
from lvlm_eval.renderers import Renderer
from lvlm_eval.requests import DrawnRequests
from lvlm_eval.runs.folder import RecordedAnswers, read_predictions
from lvlm_eval.runs.run import Job, plan_of

PNG_BYTES_OF_PX, JPEG_BYTES_OF_PX = 1.9, 0.55
"""About what an encoded photo takes; the mean of 23 photographs."""


@dataclass(frozen=True, slots=True)
class RunOutlook:
    """What one run has and lacks.

    Attributes:
        planned: rows that it is to have answered in the end.
        pending: of these, those without an answer.
        pictures: key → about how many bytes, of each picture that the pending rows show.
        spending: what its answers cost; None without a price.
    """

    planned: int
    pending: int
    pictures: Mapping[str, int]
    spending: Spending | None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a whole grid has and lacks.

    Attributes:
        runs: by run, in the order in which they are made.
        pictures: distinct pictures that are wanted.
        drawn: of these, those that are on the disk already.
        disk: about the most bytes that pictures will take at a time.
        cost: expected of what is pending, in the price's currency; None if that cannot be told.
        currency: empty without a price.
    """

    runs: tuple[RunOutlook, ...]
    pictures: int
    drawn: int
    disk: int
    cost: float | None
    currency: str

    @property
    def planned(self) -> int:
        """Rows in all."""
        return sum(one.planned for one in self.runs)

    @property
    def pending(self) -> int:
        """Rows without an answer."""
        return sum(one.pending for one in self.runs)

    def last_uses(self) -> tuple[tuple[str, ...], ...]:
        """By run, the pictures that no later run wants."""
        last = {key: place for place, one in enumerate(self.runs) for key in one.pictures}
        found: list[list[str]] = [[] for _ in self.runs]
        for key, place in last.items():
            found[place].append(key)
        return tuple(tuple(keys) for keys in found)


def look_ahead(grid: Grid, store: PictureStore, prices: Mapping[ModelKey, Price | None]) -> Outlook:
    """Find out what is left to be done; nothing is asked, drawn or written.

    Args:
        grid: the runs.
        store: where drawn pictures are.
        prices: of each model.

    Raises:
        InputError: recorded answers cannot be read.
    """
    keys: dict[tuple[str, PictureTask], Mapping[str, int]] = {}
    runs = []
    for run in grid.runs:
        recorded = read_predictions(run.folder) if run.folder.is_dir() else RecordedAnswers({})
        plan = plan_of(bare_job(grid, run), recorded)
        price = prices.get(run.model)
        needs = grid.models.built(run.model).adapter.needs_pictures
        runs.append(
            RunOutlook(
                planned=len(plan.rows),
                pending=len(plan.pending),
                pictures=_pictures(run, plan.pending, store, keys) if needs else {},
                spending=None
                if price is None
                else Spending.of_earlier(price, recorded.by_id.values()),
            )
        )
    wanted = {key for one in runs for key in one.pictures}
    cost = _cost(grid.runs, runs)
    priced = [one.spending.price.currency for one in runs if one.spending is not None]
    return Outlook(
        runs=tuple(runs),
        pictures=len(wanted),
        drawn=sum(store.has(key) for key in wanted),
        disk=_most_at_a_time(runs),
        cost=cost,
        currency=priced[0] if priced else "",
    )


def bare_job(grid: Grid, run: CellRun) -> Job:
    """The job of a run, with nothing in it but what decides its rows."""
    return Job(
        source=run.source,
        model=grid.models.built(run.model),
        settings=run.settings,
        limit=grid.plan.limit,
        folder=run.folder,
        decoding=run.decoding,
    )


def _pictures(
    run: CellRun,
    pending: Sequence[Ask],
    store: PictureStore,
    known: dict[tuple[str, PictureTask], Mapping[str, int]],
) -> Mapping[str, int]:
    source, renderer = run.source, run.renderer
    if not isinstance(source, DrawnRequests) or renderer is None:
        return {}
    looks = look(renderer)
    settings: dict[str, set[str]] = {}
    for ask in pending:
        settings.setdefault(ask.question, set()).add(ask.setting)
    found: dict[str, int] = {}
    for question, asked in settings.items():
        of_source, of_target = source.picture_tasks(question)
        tasks = (of_target,) if asked == {"desc"} else (of_source, of_target)
        for task in tasks:
            if (looks, task) not in known:
                size = _bytes_of(task, renderer)
                known[looks, task] = {
                    key: size for key in store.keys(task, renderer) if key is not None
                }
            found.update(known[looks, task])
    return found


def _bytes_of(task: PictureTask, renderer: Renderer) -> int:
    """About the bytes of one picture of a task."""
    width, height = size_within(task.size, renderer.image.max_side)
    each = PNG_BYTES_OF_PX if renderer.image.format == "png" else JPEG_BYTES_OF_PX
    return round(width * height * each)


def _most_at_a_time(runs: Sequence[RunOutlook]) -> int:
    """The peak of what is stored, if a picture goes after the last run that wants it."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for place, run in enumerate(runs):
        for key, size in run.pictures.items():
            first.setdefault(key, place)
            last[key], sizes[key] = place, size
    change = [0] * (len(runs) + 1)
    for key, size in sizes.items():
        change[first[key]] += size
        change[last[key] + 1] -= size
    most = now = 0
    for one in change:
        now += one
        most = max(most, now)
    return most


def _cost(runs: Sequence[CellRun], seen: Sequence[RunOutlook]) -> float | None:
    """Pending rows at the mean cost of the run's own answers, or else of the same model's."""
    total = 0.0
    for run, one in zip(runs, seen, strict=True):
        if one.spending is None or not one.pending:
            continue
        mean = one.spending.mean
        if mean is None:
            mean = _mean(
                other.spending
                for its, other in zip(runs, seen, strict=True)
                if its.model.spec == run.model.spec
            )
        if mean is None:
            return None
        total += one.pending * mean
    return total


def _mean(spendings: Iterable[Spending | None]) -> float | None:
    known = [one for one in spendings if one is not None and one.priced]
    priced = sum(one.priced for one in known)
    return sum(one.total for one in known) / priced if priced else None
