"""All figures of two runs in one setting, from their paired questions."""

from collections.abc import Iterator, Sequence

from lvlm_eval.comparing.agreement import answer_agreement
from lvlm_eval.comparing.differences import Difference, paired_difference
from lvlm_eval.comparing.discordance import mcnemar_exact, smallest_difference
from lvlm_eval.comparing.matching import AnsweredQuestion, MatchedQuestions, PairedQuestion
from lvlm_eval.comparing.records import Cluster, Flips, PairedFigures, RightWrong
from lvlm_eval.comparing.relations import (
    LEAST_DEGREES_OF_FREEDOM,
    Relations,
    is_told,
    relations_of,
)
from lvlm_eval.errors import InputError
from lvlm_eval.records import Setting

_FEW = 5.0
"""Degrees of freedom; with fewer, intervals are very wide."""

_FEW_DISCORDANT = 5
"""Questions that tell two runs apart; fewer tell neither how many there are of them in truth nor
how far they go together, which is what the power of a comparison depends on."""

_RELATED_BY = {"image": "photos", "pair": "pairs"}


def paired_figures(
    matched: MatchedQuestions,
    setting: Setting,
    parser: str,
    cluster: Cluster,
    names: tuple[str, str],
) -> PairedFigures:
    """Compute every figure of a pair of runs in one setting.

    Args:
        matched: their questions in this setting.
        setting: how the query was told.
        parser: whose reading counts.
        cluster: which questions are related.
        names: of the two runs, in messages.

    Raises:
        InputError: no question is answered in full in both runs, or scipy is missing.
    """
    pairs = [one for one in matched.pairs if one.complete]
    if not pairs:
        raise InputError(
            f"{names[0]} and {names[1]} have no question in {setting} that both answered in full. "
            "Finish them with the commands that they were begun with."
        )
    questions = [one.a.question for one in pairs]
    used: Cluster = cluster if is_told(questions, cluster) else "question"
    relations = relations_of(questions, used)
    rows_a = [_right_rows(one.a, parser) for one in pairs]
    rows_b = [_right_rows(one.b, parser) for one in pairs]
    whole_a = [right == rows for right, rows in rows_a]
    whole_b = [right == rows for right, rows in rows_b]
    circular = paired_difference(_ones(whole_a), _ones(whole_b), relations)
    average = paired_difference(rows_a, rows_b, relations)
    rotations = max(rows for _, rows in rows_a), max(rows for _, rows in rows_b)
    has_circular = min(rotations) > 1
    flips = Flips(
        only_a=_right_only(pairs, whole_a, whole_b), only_b=_right_only(pairs, whole_b, whole_a)
    )
    table = RightWrong(
        both_right=sum(a and b for a, b in zip(whole_a, whole_b, strict=True)),
        only_a=len(flips.only_a),
        only_b=len(flips.only_b),
        both_wrong=sum(not (a or b) for a, b in zip(whole_a, whole_b, strict=True)),
    )
    freedom = circular.degrees_of_freedom
    return PairedFigures(
        setting=setting,
        parser=parser,
        cluster=used,
        questions=len(pairs),
        left_out=len(matched.pairs) - len(pairs),
        circular_a=circular.a if has_circular else None,
        circular_b=circular.b if has_circular else None,
        circular_difference=circular.difference if has_circular else None,
        circular_ci95=circular.ci95 if has_circular else None,
        circular_p=circular.p if has_circular else None,
        average_a=average.a,
        average_b=average.b,
        average_difference=average.difference,
        average_ci95=average.ci95,
        average_p=average.p,
        mcnemar_p=mcnemar_exact(table),
        right_wrong=table,
        smallest_difference=_least_shown(table, circular),
        degrees_of_freedom=freedom,
        design_effect=len(pairs) / circular.effective,
        flips=flips,
        agreement=answer_agreement(pairs, parser),
        notes=(
            *_notes_on_questions(matched, names),
            *_notes_on_rows(pairs, rotations, names),
            *_notes_on_relations(relations, cluster, used),
        ),
    )


def _least_shown(table: RightWrong, circular: Difference) -> float | None:
    """See `smallest_difference`; None where the data cannot tell what it depends on."""
    discordant = table.only_a + table.only_b
    questions = table.both_right + discordant + table.both_wrong
    is_known = circular.is_estimated and circular.degrees_of_freedom > LEAST_DEGREES_OF_FREEDOM
    if discordant < _FEW_DISCORDANT or not is_known:
        return None
    return smallest_difference(
        discordant / questions, circular.effective, circular.degrees_of_freedom
    )


def _right_rows(question: AnsweredQuestion, parser: str) -> tuple[int, int]:
    return question.right(parser), len(question.rows)


def _ones(whole: Sequence[bool]) -> list[tuple[int, int]]:
    return [(int(one), 1) for one in whole]


def _right_only(
    pairs: Sequence[PairedQuestion], here: Sequence[bool], there: Sequence[bool]
) -> tuple[str, ...]:
    return tuple(
        pair.a.question.id
        for pair, right, other in zip(pairs, here, there, strict=True)
        if right and not other
    )


def _notes_on_questions(matched: MatchedQuestions, names: tuple[str, str]) -> Iterator[str]:
    if not matched.same:
        changed = f" ({matched.changed} of one id have other content)" if matched.changed else ""
        yield (
            f"compared on the {len(matched.pairs)} common questions: {matched.only_a} are only in "
            f"{names[0]}, {matched.only_b} only in {names[1]}{changed}"
        )
    failed_a = sum(not one.a.complete for one in matched.pairs)
    failed_b = sum(not one.b.complete for one in matched.pairs)
    if failed_a or failed_b:
        left_out = sum(not one.complete for one in matched.pairs)
        yield (
            f"{left_out} of {len(matched.pairs)} questions have a failed or missing row and are "
            f"left out ({failed_a} in {names[0]}, {failed_b} in {names[1]})"
        )


def _notes_on_rows(
    pairs: Sequence[PairedQuestion], rotations: tuple[int, int], names: tuple[str, str]
) -> Iterator[str]:
    other = sum(not one.same_candidates for one in pairs)
    if other:
        yield (
            f"{other} of {len(pairs)} questions offer other candidates in the two runs, so that "
            "they are not equally hard; these are left out of the agreement of the answers"
        )
    if rotations[0] != rotations[1]:
        yield (
            f"{names[0]} has {rotations[0]} rows a question and {names[1]} {rotations[1]}: right "
            "on all of them is not equally hard"
        )
    elif rotations[0] == 1:
        yield "one rotation: no circular accuracy; a question is right where its one row is"


def _notes_on_relations(relations: Relations, cluster: Cluster, used: Cluster) -> Iterator[str]:
    if used != cluster:
        yield (
            f"the data does not tell the {_RELATED_BY[cluster]} of every question: questions count "
            "as independent"
        )
    freedom = relations.degrees_of_freedom
    if used in _RELATED_BY and freedom < _FEW:
        yield (
            f"{relations.count} questions with few {_RELATED_BY[used]} in all: intervals are very "
            f"wide ({freedom:.1f} degrees of freedom)"
        )
