"""The reliability diagram: how often the likeliest letter is right, by how sure the model is."""

from pathlib import Path

from lvlm_eval.diagnosis import Diagnosis
from lvlm_eval.diagnosis.answers import Absent
from lvlm_eval.errors import InputError
from lvlm_eval.records import SETTINGS
from lvlm_eval.report.page.figures.rendering import figure_file
from lvlm_eval.report.page.figures.spec import Figure, LineChart, Series
from lvlm_eval.report.table import TITLES

KINDS = ("svg", "png")


def reliability_figure(diagnosis: Diagnosis) -> Figure | None:
    """Accuracy of the rows in each range of confidence, one line a setting.

    Args:
        diagnosis: of a run.

    Returns:
        The figure; None if the run has no log-probabilities of letters.
    """
    lines: list[Series] = []
    places: tuple[str, ...] = ()
    for setting in (one for one in SETTINGS if one in diagnosis.settings):
        scores = diagnosis.settings[setting].scores
        if isinstance(scores, Absent):
            continue
        bins = scores.reliability
        places = tuple(f"{one.above:.0f}–{one.to:.0f}" for one in bins)
        accuracy = tuple(one.accuracy for one in bins)
        name = f"{TITLES[setting]} (ECE {scores.expected_calibration_error:.1f})"
        lines.append(Series(f"reliability-{setting}", name, accuracy, len(lines) + 1, own=True))
        ideal = tuple((one.above + one.to) / 2 for one in bins)
    if not lines:
        return None
    calibrated = Series("reliability-ideal", "as sure as right", ideal, 0)
    return Figure(
        "reliability",
        "Reliability of the letters' probabilities",
        "Rows by the probability of their likeliest letter, percent: how many of them are right. "
        "ECE: expected calibration error, percentage points.",
        LineChart(places, "right, percent", (*lines, calibrated)),
    )


def write_reliability(diagnosis: Diagnosis, file: Path) -> None:
    """Write the diagram.

    Args:
        diagnosis: of a run.
        file: ends in ``.svg`` or ``.png``.

    Raises:
        InputError: another ending, nothing to draw, no place to write to, or no Matplotlib.
    """
    kind = file.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise InputError(f"--plot '{file}' ends in none of .svg and .png. Give such a name.")
    drawn = reliability_figure(diagnosis)
    if drawn is None:
        raise InputError(
            "--plot draws the letters' probabilities, and none are recorded. Run with "
            "--decode score, or with --model-arg logprobs=true."
        )
    try:
        file.write_bytes(figure_file(drawn, kind))
    except OSError as error:
        raise InputError(f"--plot '{file}' cannot be written: {error.strerror}.") from None
