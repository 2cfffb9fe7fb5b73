"""``lvlm-eval download``: released data from the Hugging Face hub."""

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.filesize import decimal

from lvlm_eval.cli.app import app
from lvlm_eval.cli.flags import AsJson
from lvlm_eval.errors import InputError
from lvlm_eval.report.transfer import TransferBar
from lvlm_eval.runs.jobs import parse_settings

if TYPE_CHECKING:
    from lvlm_eval.download.downloading import Order, Outcome


@app.command("download")
def _download(
    name: Annotated[
        str,
        typer.Argument(
            metavar="soco|soco-lvlm",
            help="soco: the annotated photos (a folder in SOCOv1 layout). soco-lvlm: the released "
            "tables of questions.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder for the data. \\[default: data/soco or data/soco-lvlm]",
            show_default=False,
        ),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            metavar="REV",
            help="Branch, tag or commit of the dataset. \\[default: what the folder was begun "
            "with, else main]",
            show_default=False,
        ),
    ] = None,
    setting: Annotated[
        str,
        typer.Option(
            metavar="SETTING",
            help="soco-lvlm: only the tables of these settings (vis, vis+desc, desc; several "
            "with commas).",
        ),
    ] = "all",
    keep_archives: Annotated[
        bool,
        typer.Option(
            "--keep-archives", help="soco: keep the .zip files; otherwise they go once unpacked."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Download SOCO or SOCO-LVLM from the Hugging Face hub, ready for --data.

    The same command again goes on where it stopped, and changes nothing once all is there.

    A folder holds one commit of the dataset, recorded in its download.json, and stays with it.
    """
    from lvlm_eval.download.releases import release_named

    release = release_named(name)
    settings = parse_settings(setting)
    try:
        from lvlm_eval.download.downloading import Order, download
        from lvlm_eval.download.hub import Hub
    except ImportError as error:
        raise InputError(
            f"downloading needs the client of the Hugging Face hub ({error}). "
            "Run: pip install 'lvlm-eval[hub]'"
        ) from error
    folder = (out or release.folder).expanduser()
    order = Order(release, folder, revision, settings, keep_archives)
    with TransferBar() as bar:
        outcome = download(order, Hub(release.repository), bar)
    if as_json:
        typer.echo(json.dumps(_document(order, outcome), indent=1, ensure_ascii=False))
    else:
        _print(order, outcome)


def _document(order: "Order", outcome: "Outcome") -> dict[str, Any]:
    record = outcome.record
    files = []
    for file in outcome.files:
        unpacked = record.unpacked.get(file.path)
        files.append({**asdict(file), "unpacked": asdict(unpacked) if unpacked else None})
    return {
        "name": order.release.name,
        "folder": str(order.folder),
        "data": str(outcome.data),
        "repository": record.repository,
        "revision": record.revision,
        "commit": record.commit,
        "begun": record.begun,
        "files": files,
        "file_count": outcome.count,
        "bytes": outcome.size,
        "fetched_bytes": outcome.fetched,
    }


def _print(order: "Order", outcome: "Outcome") -> None:
    record, data = outcome.record, shlex.quote(str(outcome.data))
    console = Console(highlight=False)
    for line in (
        f"{order.folder} is complete: {outcome.count} files, {decimal(outcome.size)}, of "
        f"{record.repository} at commit {record.commit} ({record.revision}).",
        f"Next: lvlm-eval run --model random++ --data {data}",
    ):
        console.print(line, markup=False, soft_wrap=True)
