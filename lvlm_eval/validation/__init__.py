"""Checks a dataset before a run: everything is read once, every defect named by file and field."""

from lvlm_eval.datasets.correspondence.pair_folder import PairFolder
from lvlm_eval.datasets.lvlm_tables import LvlmTables
from lvlm_eval.datasets.pair_dataset import PairDataset
from lvlm_eval.datasets.soco_tree import SocoTree
from lvlm_eval.validation.pairs import validate_pairs
from lvlm_eval.validation.report import Report, Wanted, Watch
from lvlm_eval.validation.tables import validate_tables
from lvlm_eval.validation.tree import validate_tree
from lvlm_eval.workers import Workers, available_cores

__all__ = ["Report", "Wanted", "available_cores", "validate"]


def _unwatched(what: str, done: int, total: int) -> None:
    pass


def validate(
    dataset: PairDataset | LvlmTables, wanted: Wanted, workers: int, watch: Watch = _unwatched
) -> Report:
    """Read everything of a dataset and say what is in it and what is wrong.

    Args:
        dataset: opened, not read.
        wanted: what to look at.
        workers: processes that read; the report does not depend on it.
        watch: told of progress.

    Raises:
        InputError: the user's own descriptions cannot be used.
        StoppedError: a worker process was killed.
    """
    with Workers(workers) as pool:
        if isinstance(dataset, LvlmTables):
            return validate_tables(dataset, wanted, pool, watch)
        if isinstance(dataset, PairFolder):
            return validate_pairs(dataset, wanted, pool, watch)
        assert isinstance(dataset, SocoTree), "the only other kind of dataset"
        return validate_tree(dataset, wanted, pool, watch)
