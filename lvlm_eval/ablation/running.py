"""Asks what a grid lacks, run by run, with pictures that are drawn once for all of them."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lvlm_eval.ablation.models import ModelKey
from lvlm_eval.ablation.outlook import Outlook, bare_job
from lvlm_eval.ablation.preparing import STYLES, CellRun, Grid, run_command
from lvlm_eval.ablation.styles import write_style
from lvlm_eval.errors import InputError, StoppedError
from lvlm_eval.models.secrets import word_without_secrets
from lvlm_eval.pictures import PictureMaker, PictureStore
from lvlm_eval.prices import Price, Spending
from lvlm_eval.records import Prediction
from lvlm_eval.requests import DrawnRequests
from lvlm_eval.runs.budget import Budget
from lvlm_eval.runs.locks import locked
from lvlm_eval.runs.run import Outcome, Watcher, run
from lvlm_eval.stopping import StopSignal

PICTURES = ".pictures"
"""Folder inside the ablation's for what is drawn; removed when all is answered."""

Recorded = Callable[[str], Mapping[str, Any]]
"""What is written down about a call, given the dataset's name."""


@dataclass(frozen=True, slots=True)
class GridOutcome:
    """How the runs of a grid ended.

    Attributes:
        planned: rows of all runs.
        asked: rows that were sent in this call.
        failed: rows whose last answer is an error.
        reason: the most frequent error of the first run that has one.
        empty: rows of this call that were answered with an empty text.
        spending: what all answers cost; None without a price.
    """

    planned: int
    asked: int
    failed: int
    reason: str
    empty: int
    spending: Spending | None


def run_grid(
    grid: Grid,
    outlook: Outlook,
    store: PictureStore,
    prices: Mapping[ModelKey, Price | None],
    max_cost: float | None,
    recorded: Recorded,
    watcher: Watcher,
) -> GridOutcome:
    """Ask everything that has no answer yet.

    A run that lacks nothing is left as it is. Pictures go when no later run wants them; those of a
    run with failed rows stay, for the same command asks these again.

    Args:
        grid: the runs.
        outlook: what they lack; see `look_ahead`.
        store: where drawn pictures are kept.
        prices: of each model.
        max_cost: money that all answers of all runs may cost together; None for no bound.
        recorded: written into each run's manifest.
        watcher: told of every answer, as of one run.

    Raises:
        InputError: a folder cannot be written, or a model refused to start.
        StoppedError: a signal, the bound on cost, a full disk, or a model that fails every time;
            the same command goes on.
    """
    try:
        grid.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"the results folder {grid.out} cannot be made: {error.strerror}. Give another --out."
        ) from error
    try:
        with locked(grid.out):
            return _run_locked(grid, outlook, store, prices, max_cost, recorded, watcher)
    except (StopSignal, StoppedError) as stop:
        raise StoppedError(
            f"{stop}. The answers so far are in {grid.out}; the same command goes on from there."
        ) from stop


def _run_locked(
    grid: Grid,
    outlook: Outlook,
    store: PictureStore,
    prices: Mapping[ModelKey, Price | None],
    max_cost: float | None,
    recorded: Recorded,
    watcher: Watcher,
) -> GridOutcome:
    for one in grid.runs:
        if one.renderer is not None and one.has_own_style:
            write_style(grid.out / STYLES, one.renderer)
    last_uses = outlook.last_uses()
    spendings = [one.spending for one in outlook.runs]
    asked = failed = empty = 0
    reason = ""
    watcher.start(outlook.planned, outlook.planned - outlook.pending)
    for place, one in enumerate(grid.runs):
        if outlook.runs[place].pending:
            watcher.note(f"{place + 1} of {len(grid.runs)}: {one.folder.name}")
            # Failed rows of earlier runs are left for the next call, as are those of later ones.
            left = failed + sum(later.pending for later in outlook.runs[place + 1 :])
            outcome = _run_one(
                grid, one, store, prices.get(one.model), max_cost, spendings, place,
                outlook.runs[place].pending, left, recorded, watcher,
            )  # fmt: skip
            spendings[place] = outcome.spending
            asked, failed, empty = (
                asked + outcome.asked,
                failed + outcome.failed,
                empty + outcome.empty,
            )
            reason = reason or outcome.reason
            if not outcome.failed:
                store.drop(last_uses[place])
        if all(later.model != one.model for later in grid.runs[place + 1 :]):
            grid.models.release(one.model)
    if not failed:
        store.remove()
    return GridOutcome(outlook.planned, asked, failed, reason, empty, _together(spendings))


def _run_one(
    grid: Grid,
    one: CellRun,
    store: PictureStore,
    price: Price | None,
    max_cost: float | None,
    spendings: list[Spending | None],
    place: int,
    pending: int,
    pending_elsewhere: int,
    recorded: Recorded,
    watcher: Watcher,
) -> Outcome:
    elsewhere = _together([*spendings[:place], *spendings[place + 1 :]])
    spent = 0.0 if elsewhere is None else elsewhere.total
    if max_cost is not None and price is not None and spent >= max_cost:
        raise StoppedError(
            f"{one.folder.name}: --max-cost {max_cost:g} {price.currency} is reached: the recorded "
            f"answers cost {_together(spendings)}; {pending + pending_elsewhere} requests "
            "are left in all, for which it must be higher"
        )
    source, maker = one.source, None
    if isinstance(source, DrawnRequests) and one.renderer is not None:
        maker = PictureMaker(one.renderer, store)
        source = replace(source, maker=maker)
    job = replace(
        bare_job(grid, one),
        source=source,
        price=price,
        budget=Budget(
            max_cost=None if price is None else max_cost,
            elsewhere=spent,
            pending_elsewhere=pending_elsewhere,
        ),
        recorded={
            "model": word_without_secrets(one.model.spec),
            **recorded(source.name),
            "run_command": run_command(grid, one),
        },
    )
    # Standard output belongs to the tables: whatever a model prints goes the other way.
    with contextlib.redirect_stdout(sys.stderr), _said_of(one):
        try:
            return run(job, _InGrid(watcher, elsewhere))
        finally:
            if maker is not None:
                maker.forget()  # what it holds must not add up over the runs


@contextlib.contextmanager
def _said_of(one: CellRun) -> Iterator[None]:
    """Say in which run it was stopped."""
    try:
        yield
    except StoppedError as error:
        raise StoppedError(f"{one.folder.name}: {error}") from error


class _InGrid:
    """A Watcher of one run that tells the grid's own.

    Args:
        watcher: the grid's.
        elsewhere: what the answers of the other runs cost.
    """

    def __init__(self, watcher: Watcher, elsewhere: Spending | None) -> None:
        self._watcher = watcher
        self._elsewhere = elsewhere

    def start(self, total: int, done: int) -> None:
        """The grid has told already."""

    def answered(self, prediction: Prediction) -> None:
        """One more row is on disk."""
        self._watcher.answered(prediction)

    def spent(self, spending: Spending) -> None:
        """What all answers of the grid have cost up to now."""
        more = 0.0 if self._elsewhere is None else self._elsewhere.total
        self._watcher.spent(replace(spending, before=spending.before + more))

    def note(self, line: str) -> None:
        """Something that the user should read."""
        self._watcher.note(line)


def _together(spendings: list[Spending | None]) -> Spending | None:
    known = [one for one in spendings if one is not None]
    if not known:
        return None
    return Spending(
        known[0].price,
        sum(one.before for one in known),
        sum(one.now for one in known),
        sum(one.unpriced for one in known),
        sum(one.priced for one in known),
    )
