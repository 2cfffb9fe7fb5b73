"""Paired tests of cells against their model's default cell, corrected for their number."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lvlm_eval.ablation.factors import Level
from lvlm_eval.comparing import compare_pair
from lvlm_eval.comparing.matching import NothingInCommonError
from lvlm_eval.comparing.statistics_extra import statistics_library
from lvlm_eval.errors import InputError
from lvlm_eval.recorded_run import RecordedRun
from lvlm_eval.records import Setting

Compare = Callable[["Pairing", Setting], Any]
"""Gives the figures of a cell minus those of its partner, as `PairedFigures` has them."""

CIRCULAR, AVERAGE = "mcnemar_p", "average_p"


@dataclass(frozen=True, slots=True)
class Pairing:
    """A cell and what it is compared with; the same names as in the tables.

    Attributes:
        cell: name of the cell.
        against: name of the other one, whose figures are subtracted.
        one: the cell's answers.
        other: the other one's.
        levels: varied factor → level, of a cell that asked in the setting of the comparison.
    """

    cell: str
    against: str
    one: RecordedRun
    other: RecordedRun
    levels: Mapping[str, Level]


_FIELDS = (
    *("questions", "circular_difference", "circular_ci95", CIRCULAR),
    *("average_difference", "average_ci95", AVERAGE),
)


def compared(
    pairings: Sequence[Pairing], setting: Setting, compare: Compare
) -> tuple[list[dict[str, Any]], list[str]]:
    """Compare each cell with its partner in one setting.

    The p-values of one figure in one setting are a family: Holm's procedure (S. Holm, Scand. J.
    Stat. 6, 1979, p. 65) keeps the chance of any false finding among them below the level.

    Args:
        pairings: which cells.
        setting: the setting.
        compare: compares two runs, see `Compare`.

    Returns:
        A record for each pair that can be compared, with ``mcnemar_p_holm`` and
        ``average_p_holm``; differences are the cell minus its partner, in percentage points. And a
        line for each that cannot, without the setting where others can have the same line.
    """
    records: list[dict[str, Any]] = []
    notes = []
    for one in pairings:
        try:
            found = compare(one, setting)
        except NothingInCommonError:
            notes.append(
                f"{one.cell} is not compared with {one.against}: they have no question in common, "
                "as after another seed."
            )
            continue
        except InputError as error:
            names_both = one.cell in str(error) and one.against in str(error)
            about = "" if names_both else f"{one.cell} is not compared with {one.against}: "
            notes.append(f"{about}{error}")
            continue
        fields = {name: _plain(getattr(found, name)) for name in _FIELDS}
        records.append(
            {"cell": one.cell, "levels": dict(one.levels), "against": one.against, **fields}
        )
    for name in (CIRCULAR, AVERAGE):
        known = [record for record in records if record[name] is not None]
        corrected = holm([record[name] for record in known])
        for record in records:
            record[f"{name}_holm"] = None
        for record, value in zip(known, corrected, strict=True):
            record[f"{name}_holm"] = value
    return records, notes


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected by Holm's procedure, in the order given.

    Raises:
        InputError: statsmodels is not installed.
    """
    if not values:
        return []
    multitest = statistics_library("statsmodels.stats.multitest")
    return [float(one) for one in multitest.multipletests(values, method="holm")[1]]


def paired_tests() -> Compare | str:
    """What compares two runs; or, where a package for it is missing, the line that says so."""
    try:
        holm([1.0])
        statistics_library("scipy.stats")
    except InputError as error:
        return f"no paired tests: {error}"

    def compare(pairing: Pairing, setting: Setting) -> Any:
        # Differences are those of the second run minus those of the first.
        names = pairing.against, pairing.cell
        return compare_pair(pairing.other, pairing.one, setting, common=True, names=names)

    return compare


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
