"""``lvlm-eval report``: one web page of any number of runs, or its tables and figures."""

import json
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from lvlm_eval.cli.app import app, complain
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.errors import InputError
from lvlm_eval.runs.jobs import one_of

if TYPE_CHECKING:
    from lvlm_eval.report.page.writing import Report


@app.command("report")
def _report(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR…",
            help="Run folders, merged runs (.zip), folders of runs such as results, or folders of "
            "'lvlm-eval vision --out' or 'lvlm-eval ablate --out'.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|DIR",
            help="The page; with another --format the folder of the files. \\[default: "
            "report.html, or report]",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="html (one page), md, csv, json or latex (a file a table), png or svg (a file a "
            "figure).",
        ),
    ] = "html",
    prices: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="TOML table of what the models' tokens cost.", show_default=False
        ),
    ] = None,
    samples: Annotated[
        int,
        typer.Option(
            min=0,
            metavar="N",
            help="Show at most N single questions: those on which runs differ first, then those "
            "that were missed, then others by lot. 0 shows none.",
        ),
    ] = 400,
    photos: Annotated[
        str,
        typer.Option(
            metavar="WHERE",
            help="Photos of these questions: auto (in the page as long as there is room, others in "
            "a folder beside it), inside, beside or none.",
        ),
    ] = "auto",
    page_size: Annotated[
        float,
        typer.Option(
            metavar="MB",
            min=1.0,
            help="Size that the page keeps to: answers are cut shorter and photos laid beside it.",
        ),
    ] = 15.0,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Where the photos are, if no longer where the runs found them.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[
        float | None,
        typer.Option(
            min=1.0,
            max=86_400.0,
            metavar="SECONDS",
            help="Look every so often for new answers, and write the page again when there are "
            "some, until Ctrl-C; an open page reloads itself.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write one web page of any number of runs, among the published figures.

    The page is one file without any outside part: it opens from disk, offline.
    """
    # Here, because templates and numerics take a while to load.
    from lvlm_eval.report.page.browser import Browser, BrowserChoices
    from lvlm_eval.report.page.browser.thumbnails import Photos
    from lvlm_eval.report.page.findings import Ablations, Comparisons, Diagnoses
    from lvlm_eval.report.page.inputs import ContentMaker, SectionMaker
    from lvlm_eval.report.page.watching import watch_runs
    from lvlm_eval.report.page.writing import (
        FIGURE_FORMATS,
        check_format,
        check_page,
        settle_page,
        write_files,
        write_report,
    )

    check_format(kind)
    if watch is not None and (kind != "html" or as_json):
        other = "--json" if kind == "html" else f"--format {kind}"
        raise InputError(f"--watch writes a page again and again, which does not go with {other}.")
    if prices is not None and not prices.is_file():
        raise InputError(f"--prices {prices} does not exist. Give a TOML file with a price table.")
    where = one_of("--photos", photos, get_args(Photos))
    page = out or Path("report.html")

    def written() -> "Report":
        makers: list[SectionMaker] = [
            Diagnoses(links=samples > 0),
            Comparisons(links=samples > 0),
            Ablations(inputs),
            Browser(page, BrowserChoices(samples, where, page_size, data)),
        ]
        return write_report(inputs, page, prices=prices, makers=makers, reload=watch)

    if kind != "html":
        tables: list[ContentMaker] = [Ablations(inputs)]
        if kind not in FIGURE_FORMATS:
            tables = [Diagnoses(), Comparisons(), *tables]
        done = write_files(inputs, out or Path("report"), kind, prices=prices, makers=tables)
        _tell(done, kind, as_json)
    elif watch is None:
        _tell(written(), kind, as_json)
        if not as_json:
            typer.echo(_opener(page))
    else:
        check_page(page)
        typer.echo(f"Watching {', '.join(map(str, inputs))}; Ctrl-C ends. {_opener(page)}")
        watch_runs(inputs, watch, lambda: _tell(written(), kind, as_json), complain)
        settle_page(page)


def _tell(done: "Report", kind: str, as_json: bool) -> None:
    for line in done.left_out:
        complain(f"left out: {line}")
    if as_json:
        document = {
            "out": str(done.out),
            "format": kind,
            "files": [str(one) for one in done.files],
            "bytes": done.bytes,
            "lvlm_runs": done.lvlm_runs,
            "vision_runs": done.vision_runs,
            "left_out": list(done.left_out),
        }
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        runs = _count(done.lvlm_runs + done.vision_runs, "run")
        files = "" if kind == "html" else f"{_count(len(done.files), 'file')}, "
        typer.echo(f"{done.out}: {runs}, {files}{done.bytes / 1e6:.2f} MB")


def _opener(page: Path) -> str:
    return f"Open it with: {_OPENERS.get(sys.platform, 'xdg-open')} {quote(str(page))}"


_OPENERS = {"darwin": "open", "win32": "start"}


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
