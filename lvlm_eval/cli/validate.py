"""``lvlm-eval validate``: what is in a dataset, and what is wrong with it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.flags import (
    AsJson,
    Descriptions,
    DistractorsFlag,
    MinDistance,
    PairsPerCategory,
    Seed,
)
from lvlm_eval.datasets import LvlmTables, open_dataset
from lvlm_eval.errors import InputError

if TYPE_CHECKING:
    from lvlm_eval.questions import QuestionPolicy
    from lvlm_eval.validation import Report


@app.command("validate")
def _validate(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A folder in SOCOv1 layout, a SOCO-LVLM table (.tsv), a folder of such tables, "
            "'sample', the bundled data, or another dataset of 'lvlm-eval list datasets'.",
            show_default=False,
        ),
    ],
    show_all: Annotated[
        bool, typer.Option("--all", help="Show every defect, not the first three of each kind.")
    ] = False,
    questions: Annotated[
        bool,
        typer.Option(
            "--questions",
            help="Also list doubtful questions: candidates too close to tell apart, points outside "
            "the photo or the object's box, the same picture twice, and the like.",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="With --questions: write the doubtful questions to a file, one JSON line each "
            "with id and reasons.",
            show_default=False,
        ),
    ] = None,
    distractors: DistractorsFlag = None,
    min_distance: MinDistance = None,
    pairs_per_category: PairsPerCategory = None,
    descriptions: Descriptions = None,
    seed: Seed = 0,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Processes that read. \\[default: one a core]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read everything of a dataset, and report what is in it and every defect.

    Errors are what a run would refuse or score wrongly, warnings are worked
    around, notes are only worth knowing. The flags about questions are those
    of 'run', to look at the questions that it would draw. Every image is
    decoded once. Exit status: 0 without errors, 2 with errors.
    """
    # Here, because drawing and numerics take a while to load and other commands do not need them.
    from lvlm_eval.report.validating import EXAMPLES, ReadingBar, print_report
    from lvlm_eval.validation import Wanted, available_cores, validate

    policy = _policy(distractors, min_distance, pairs_per_category, seed)
    if out is not None and not questions:
        raise InputError("--out is for doubtful questions: add --questions, or leave it out.")
    dataset = open_dataset(data)
    if isinstance(dataset, LvlmTables):
        _refuse_policy(data, distractors, min_distance, pairs_per_category, descriptions)
    wanted = Wanted(doubts=questions, policy=policy, descriptions=descriptions)
    with ReadingBar() as bar:
        report = validate(dataset, wanted, jobs or available_cores(), bar.watch)
    if out is not None:
        _write_doubtful(report, out)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1, ensure_ascii=False))
    else:
        print_report(report, Console(highlight=False), None if show_all else EXAMPLES)
    if report.errors:
        complain(_closing_line(report, data))
        raise typer.Exit(2)


def _policy(
    distractors: str | None,
    min_distance: float | None,
    pairs_per_category: int | None,
    seed: int,
) -> "QuestionPolicy":
    from lvlm_eval.questions import DISTRACTOR_POLICIES, QuestionPolicy
    from lvlm_eval.runs.jobs import one_of

    default = QuestionPolicy()
    if pairs_per_category is not None and pairs_per_category < 1:
        raise InputError(f"--pairs-per-category {pairs_per_category} is not possible: at least 1.")
    if min_distance is not None and not 0 <= min_distance < 1:
        raise InputError(f"--min-distance {min_distance:g} is not possible: from 0 to below 1.")
    return QuestionPolicy(
        pairs_per_category=pairs_per_category or default.pairs_per_category,
        distractors=one_of(
            "--distractors", distractors or default.distractors, DISTRACTOR_POLICIES
        ),
        min_distance=default.min_distance if min_distance is None else min_distance,
        seed=seed,
    )


def _refuse_policy(
    data: str,
    distractors: str | None,
    min_distance: float | None,
    pairs_per_category: int | None,
    descriptions: Path | None,
) -> None:
    flags = {
        "--distractors": distractors,
        "--min-distance": min_distance,
        "--pairs-per-category": pairs_per_category,
        "--descriptions": descriptions,
    }
    given = [flag for flag, value in flags.items() if value is not None]
    if given:
        raise InputError(
            f"{', '.join(given)} cannot be used with '{data}': the questions of a table stand as "
            "they are."
        )


def _write_doubtful(report: "Report", out: Path) -> None:
    import jsonlines

    from lvlm_eval.validation.doubts import by_question

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with jsonlines.open(out, "w") as writer:
            for question, reasons in by_question(report.doubts).items():
                writer.write({"id": question, "reasons": list(reasons)})
    except OSError as error:
        raise InputError(
            f"--out '{out}' cannot be written ({error.strerror}). Give a file in a folder that can."
        ) from None


def _closing_line(report: "Report", data: str) -> str:
    files = len({one.file for one in report.findings if one.severity == "error"})
    many = "1 error" if report.errors == 1 else f"{report.errors:,} errors"
    where = "1 file" if files == 1 else f"{files:,} files"
    return (
        f"{many} in {where} of '{data}'. Correct or remove what is named above and validate again; "
        "--all lists everything, --json for programs."
    )
