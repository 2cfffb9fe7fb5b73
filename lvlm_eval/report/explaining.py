"""What ``lvlm-eval explain`` prints: the verdict first, then the figures that it rests on."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from lvlm_eval.diagnosis import Absent, Diagnosis, Finding, SettingDiagnosis
from lvlm_eval.diagnosis.answers import Share
from lvlm_eval.diagnosis.parts.binding import Binding
from lvlm_eval.diagnosis.parts.breakdown import Slice
from lvlm_eval.diagnosis.parts.confusion import Confused, Confusion, Distance
from lvlm_eval.diagnosis.parts.controls import ControlPanel
from lvlm_eval.diagnosis.parts.noise import Agreement, Noise, Spread
from lvlm_eval.diagnosis.parts.position import Consistency, LetterTest, Position
from lvlm_eval.diagnosis.parts.scores import Scores
from lvlm_eval.diagnosis.parts.texts import Texts
from lvlm_eval.report.control_panel import controls_part
from lvlm_eval.report.table import TITLES, both_figures, figure, part_table

WEAKEST = 4
"""Slices of a long breakdown that are shown by default."""

_HARMLESS = ("no-fault-found", "incomplete", "too-few-questions")
_SHORT = ("supercategory", "same_concept_candidates", "object_size", "marker_spacing")
_NAMES = {
    "supercategory": "super-category",
    "same_concept_candidates": "candidates of its concept",
    "object_size": "box's share of the photo",
    "marker_spacing": "markers' least distance",
}
_KINDS = {
    "left-right": "same part, left ↔ right",
    "front-rear": "same part, front ↔ rear",
    "top-bottom": "same part, top ↔ bottom",
    "several": "same part, differs twice",
    "other-instance": "same concept, other place",
    "other-part": "another part",
}

Value = TypeVar("Value")


def print_diagnosis(found: Diagnosis, console: Console, every: bool) -> None:
    """Print a diagnosis.

    Args:
        found: what to print.
        console: where to.
        every: print all breakdowns and rules, not the most telling ones.
    """
    control = f", control {found.control}" if found.control else ""
    heading = f"{found.model} on {found.data}{control}, {found.parser} parser"
    console.print(Text(heading, style="bold"))
    for setting in found.settings:
        for finding in found.settings[setting].verdict:
            console.print(_sentence(finding))
    for line in found.notes:
        console.print(line, style="yellow", markup=False)
    for setting, one in found.settings.items():
        console.print()
        console.rule(Text(f"{TITLES[setting]} ({one.accuracy.groups} questions)"), align="left")
        for part in _parts(one, every):
            if isinstance(part, Table):
                console.print()
            console.print(part)
    console.print(f"results: {found.place}", style="dim", markup=False, soft_wrap=True)


def figures_of(one: SettingDiagnosis, every: bool = False) -> tuple[RenderableType, ...]:
    """The tables and lines of a setting, as `print_diagnosis` prints them."""
    return tuple(_parts(one, every))


def _sentence(one: Finding) -> Text:
    style = "green" if one.code in _HARMLESS[:1] else "yellow"
    line = Text(f"▶ {TITLES[one.setting]} ")
    line.append(one.code, style=f"bold {style}")
    line.append(f": {one.text}")
    return line


def _parts(one: SettingDiagnosis, every: bool) -> Iterator[RenderableType]:
    yield _figures(one)
    if isinstance(one.controls, ControlPanel):
        yield from controls_part(one.controls)
    yield _letters(one.position)
    yield from _test(one.position)
    yield from _shown("one point in all rotations", one.position.consistency, _consistency)
    yield from _shown("drawn letter for option letter", one.binding, _binding)
    yield from _shown("wrong answers", one.confusion, _confusion)
    yield from _breakdowns(one, every)
    yield from _texts(one.texts, every)
    if isinstance(one.noise, Noise):
        yield from _noise(one.noise)
    if isinstance(one.scores, Scores):
        yield from _scores(one.scores, every)
    if every:
        for name, part in (("noise", one.noise), ("probabilities", one.scores)):
            if isinstance(part, Absent):
                yield _remark(f"{name}: {part.absent}")
        if isinstance(one.controls, Absent):
            yield _remark(f"controls: {one.controls.absent}")


def _shown(
    name: str, part: Value | Absent, show: Callable[[Value], Iterable[RenderableType]]
) -> Iterable[RenderableType]:
    if isinstance(part, Absent):
        return (_remark(f"{name}: {part.absent}"),)
    return show(part)


def _remark(line: str) -> RenderableType:
    return Text(line, style="dim")


def _line(line: str) -> RenderableType:
    return Text(line)


def _figures(one: SettingDiagnosis) -> Table:
    table = part_table("Accuracy, % [95 % interval]", "", "circular", "average")
    table.add_row("this run", *both_figures(one.accuracy))
    parsers = one.texts.parsers
    if parsers.differing.count:
        table.add_row("official parser", *both_figures(parsers.official))
        table.add_row("strict parser", *both_figures(parsers.strict))
    if isinstance(one.binding, Binding):
        table.add_row("read as drawn letters", *both_figures(one.binding.read_as_drawn))
    return table


def _letters(position: Position) -> Table:
    table = part_table("Letters, %", "", *position.letters)
    table.add_row("chosen", *(_number(one.percent) for one in position.letters.values()))
    places = position.accuracy_by_place.values()
    table.add_row("right where it is right", *(_number(one.percent) for one in places))
    return table


def _test(position: Position) -> Iterator[RenderableType]:
    test = position.test
    if isinstance(test, LetterTest):
        yield _line(
            f"equal chances of the letters: p {_p(test.clustered_p)} with questions as clusters "
            f"(chi-square of rows {test.chi_square:.1f}, p {_p(test.p)})"
        )
    else:
        yield _remark(f"equal chances of the letters: {test.absent}")


def _consistency(one: Consistency) -> Iterator[RenderableType]:
    numbers = [str(number) for number in range(4, -1, -1)]
    table = part_table("Rotations that agree, %", "", *numbers)
    shares = (100 * one.agreement[number] / one.questions for number in numbers)
    table.add_row("this run", *(f"{share:4.1f}" for share in shares))
    table.add_row(
        "guesses", *(_number(one.guessed_agreement.get(number, 0.0)) for number in numbers)
    )
    yield table
    yield _line(
        f"one point in all four {_percent(one.same_point)}, right in "
        f"{_percent(one.same_point_right)} of these; one letter in all four "
        f"{_percent(one.same_letter)}; two rotations agree in {_percent(one.pairwise)}"
    )


def _binding(one: Binding) -> Iterator[RenderableType]:
    table = part_table(
        "Rows where option and drawn letter differ", "answered", "% [95 % interval]", "chance"
    )
    table.add_row("right option's letter", _share(one.answered_option), "25.0")
    table.add_row("letter drawn at the right point", _share(one.answered_drawn), "25.0")
    table.add_row("  of the wrong answers", _share(one.wrong_drawn), f"33.3, p {_p(one.p)}")
    yield table


def _confusion(one: Confusion) -> Iterator[RenderableType]:
    table = part_table(
        f"{one.wrong} wrong answers: what was chosen, where there was one to choose",
        "",
        *("wrong", "% [95 % interval]", "even", "p", "% of all"),
    )
    rows: list[tuple[str, Confused]] = []
    if isinstance(one.same_concept, Confused):
        rows.append(("same concept", one.same_concept))
    rows += [(_KINDS[kind], figures) for kind, figures in one.kinds.items()]
    for name, figures in rows:
        table.add_row(
            name,
            f"{figures.chosen.of:5}",
            _share(figures.chosen),
            _number(figures.expected_percent),
            _p(figures.p),
            _number(figures.of_answers.percent),
        )
    yield table
    yield from _shown("distance of wrong answers", one.distance, _distance)


def _distance(one: Distance) -> Iterator[RenderableType]:
    if not one.answers:
        return
    parts = [
        f"{100 * mean:.1f} % of the {of} (even: {100 * usual:.1f})"
        for mean, usual, of in (
            (one.mean_of_side, one.expected_of_side, "longer side"),
            (one.mean_of_diagonal, one.expected_of_diagonal, "box's diagonal"),
        )
        if mean is not None and usual is not None
    ]
    if one.nearest.of:
        even = _number(one.expected_nearest_percent)
        parts.append(
            f"the nearest in {_percent(one.nearest)} (even: {even}, p {_p(one.nearest_p)})"
        )
    yield _line(f"another part, mean distance: {'; '.join(parts)}")


def _breakdowns(one: SettingDiagnosis, every: bool) -> Iterator[RenderableType]:
    table = part_table("Accuracy by, % [95 % interval]", "", "questions", "circular", "average")
    absent = []
    for name, slices in one.breakdowns.items():
        title = _NAMES.get(name, name)
        if isinstance(slices, Absent):
            absent.append(_remark(f"by {title}: {slices.absent}"))
            continue
        shown = slices
        if not every and name not in _SHORT:
            shown = _weakest(slices)
            title += f" (weakest {len(shown)} of {len(slices)})" if shown != slices else ""
        if not every and name == "keypoint":
            continue
        table.add_row(Text(title, style="bold"))
        for part in shown:
            questions = f"{part.accuracy.groups:5}"
            table.add_row(Text(f"  {part.name}"), questions, *both_figures(part.accuracy))
    if table.row_count:
        yield table
    yield from absent


def _weakest(slices: tuple[Slice, ...]) -> tuple[Slice, ...]:
    """Those whose interval ends lowest, so that a slice of two questions is not among them."""
    if len(slices) <= WEAKEST:
        return slices
    ranked = sorted(slices, key=lambda one: (one.accuracy.average_ci95 or (0.0, 100.0))[1])
    return tuple(ranked[:WEAKEST])


def _texts(one: Texts, every: bool) -> Iterator[RenderableType]:
    median = "–" if one.median_length is None else f"{one.median_length:g}"
    counts = [f"{parser}: {part.answers.count}" for parser, part in one.unparsed.items()]
    yield _line(
        f"answers: {one.answers}, median {median} characters, longest {one.longest}; unparsed by "
        f"{', '.join(counts)}; cut off {one.truncated.answers.count}; refused "
        f"{one.refused.answers.count}"
    )
    examples: dict[str, str] = {}
    for what, part in (("cut off", one.truncated), ("refused", one.refused), *one.unparsed.items()):
        for text in part.examples:
            examples.setdefault(text, what)
    for text, what in list(examples.items())[: None if every else 3]:
        yield _remark(f"  {what}: {text or '(empty)'}")
    parsers = one.parsers
    if parsers.differing.count:
        yield _line(
            f"read differently by the parsers: {parsers.differing.count} "
            f"({_percent(parsers.differing)}); strict less official: average "
            f"{_signed(parsers.average_difference)}, circular "
            f"{_signed(parsers.circular_difference)} points"
        )
        for rule, count in list(parsers.by_rule.items())[: None if every else 3]:
            yield _remark(f"  {count} {rule}")


def _noise(one: Noise) -> Iterator[RenderableType]:
    table = part_table(
        f"Noise over {one.repeats} repeats, {one.average.questions} questions, points",
        "",
        *("mean", "sd", "sd by question", "two runs differ by ≤ (95 %)"),
    )
    for name, spread in (("circular", one.circular), ("average", one.average)):
        if isinstance(spread, Spread):
            table.add_row(
                name,
                _number(spread.mean),
                "–" if spread.sd is None else f"{spread.sd:.2f}",
                f"{spread.sd_by_question:.2f}",
                f"{spread.difference95:.2f}",
            )
    yield table
    line = f"asked once more, {_percent(one.row_flips)} of {one.rows} rows get another point"
    if isinstance(one.question_flips, Share):
        flips = f"{_percent(one.question_flips)} of {one.average.questions} questions"
        line += f", {flips} another circular verdict"
    yield _line(line)
    if isinstance(one.agreement, Agreement):
        low, high = one.agreement.ci95
        yield _line(
            f"one point in {_percent(one.agreement.again)} of two repeats of a row, in "
            f"{_percent(one.agreement.rotated)} of two rotations: "
            f"{one.agreement.again_less_rotated:+.1f} points [{low:+.1f}, {high:+.1f}]"
        )


def _scores(one: Scores, every: bool) -> Iterator[RenderableType]:
    table = part_table("Probabilities of the letters, % [95 % interval]", "", "circular", "average")
    table.add_row("texts of the same rows", *both_figures(one.text))
    table.add_row("likeliest letter", *both_figures(one.argmax))
    if isinstance(one.debiased, Share):
        table.add_row("likeliest point over all rotations", "", _share(one.debiased))
    yield table
    if isinstance(one.debiased, Absent):
        yield _remark(f"likeliest point over all rotations: {one.debiased.absent}")
    yield _line(
        f"expected calibration error {one.expected_calibration_error:.1f} points over "
        f"{one.rows} rows"
    )
    bins = [part for part in one.reliability if part.rows]
    if every:
        reliability = part_table("Reliability, %", "confidence", "rows", "mean", "accuracy")
        for part in bins:
            reliability.add_row(
                f"{part.above:.0f}–{part.to:.0f}",
                f"{part.rows:5}",
                _number(part.confidence),
                _number(part.accuracy),
            )
        yield reliability


def _number(value: float | None) -> str:
    return figure(value)


def _share(one: Share) -> str:
    return figure(one.percent, one.ci95)


def _percent(one: Share) -> str:
    return "–" if one.percent is None else f"{one.percent:.1f} %"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.1f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
