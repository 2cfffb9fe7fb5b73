"""Writes the report: one page, or one file a table and a figure."""

import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lvlm_eval.errors import InputError, nearest_names
from lvlm_eval.report.page.assembling import TITLE, Contents, page
from lvlm_eval.report.page.content import Content
from lvlm_eval.report.page.figures.rendering import figure_file
from lvlm_eval.report.page.inputs import MANIFEST, ContentMaker, Input, SectionMaker, read_input
from lvlm_eval.report.page.tables.files import SUFFIXES, WRITERS
from lvlm_eval.runs.folder import write_whole

FIGURE_FORMATS = ("png", "svg")
FORMATS = ("html", *WRITERS, *FIGURE_FORMATS)

_OWN_PAGE = b'<meta name="generator" content="lvlm-eval '
"""In the head of every page that this command wrote; only these are replaced."""

_RELOAD = re.compile(r'<meta http-equiv="refresh" content="\d+">\n')

_HEAD = 16_384
"""Bytes of a file in which that is looked for."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was written.

    Attributes:
        out: the page, or the folder of the files.
        files: everything that was written.
        bytes: of all of them together.
        lvlm_runs: runs of LVLMs in it.
        vision_runs: figures of backbones in it.
        left_out: what was found and could not be read, a line each; of files also what could not
            be made, where the page says so itself.
    """

    out: Path
    files: tuple[Path, ...]
    bytes: int
    lvlm_runs: int
    vision_runs: int
    left_out: tuple[str, ...]


def write_report(
    folders: Sequence[Path],
    out: Path,
    *,
    prices: Path | None = None,
    makers: Sequence[SectionMaker] = (),
    title: str = TITLE,
    reload: float | None = None,
) -> Report:
    """Write the web page of some runs: one file that needs neither network nor server.

    The runs are only read. The page is written in one step: a crash leaves the old one or the new.

    Args:
        folders: runs, merged runs (.zip), folders of them, folders of ``vision --out``.
        out: the page; its folder must be there.
        prices: TOML table of what tokens cost.
        makers: make further sections.
        title: of the page.
        reload: seconds after which a browser loads the page again; None for never.

    Raises:
        InputError: nothing is there to report, something cannot be read, ``out`` cannot be
            written, or Matplotlib is not there.
    """
    check_page(out)
    read = read_input(folders, prices, makers)
    more = [made for maker in makers if (made := maker.section(read)) is not None]
    text = page(read, more, title, reload)
    beside = {out.parent / name: data for one in more for name, data in one.files.items()}
    try:
        for path, data in beside.items():
            path.parent.mkdir(exist_ok=True)
            _write_bytes(path, data)
        write_whole(out, text)
    except OSError as error:
        raise _unwritable(out, error) from None
    return _report(out, (out, *beside), read, read.left_out)


def settle_page(out: Path) -> None:
    """Write a page, if there is one, without its reloading, now that it changes no more."""
    if not out.exists():
        return
    try:
        text = out.read_text(encoding="utf-8")
        write_whole(out, _RELOAD.sub("", text, count=1))
    except OSError as error:
        raise _unwritable(out, error) from None


def write_files(
    folders: Sequence[Path],
    out: Path,
    kind: str,
    *,
    prices: Path | None = None,
    makers: Sequence[ContentMaker] = (),
) -> Report:
    """Write every table, or every figure, into a file of its own.

    Args:
        folders: as for `write_report`.
        out: folder of the files; it is made if it is not there.
        kind: ``md``, ``csv``, ``json`` or ``latex`` for tables, ``png`` or ``svg`` for figures.
        prices: TOML table of what tokens cost.
        makers: make further tables and figures.

    Raises:
        InputError: as for `write_report`, or the format is unknown.
    """
    check_format(kind)
    if kind == "html":
        raise InputError("the page is one file, not a folder of files: call write_report.")
    check_folder(out)
    read = read_input(folders, prices, makers)
    content = Content.joined([Contents.of(read).whole(), *(one.content(read) for one in makers)])
    files: list[Path] = []
    try:
        if kind in FIGURE_FORMATS:
            for figure in content.figures:
                path = out / f"{figure.id}.{kind}"
                _write_bytes(path, figure_file(figure, kind))
                files.append(path)
        else:
            for table in content.tables:
                path = out / f"{table.id}.{SUFFIXES.get(kind, kind)}"
                write_whole(path, WRITERS[kind](table))
                files.append(path)
    except OSError as error:
        raise _unwritable(out, error) from None
    return _report(out, tuple(files), read, (*read.left_out, *content.left_out))


def check_format(kind: str) -> None:
    """Check what ``--format`` says.

    Raises:
        InputError: it is not known; the message names the nearest.
    """
    if kind not in FORMATS:
        raise InputError(f"--format '{kind}' is not known. {nearest_names(kind, FORMATS)}")


def check_page(out: Path) -> None:
    """Check, before the work, that the page can be written and nothing is lost by it.

    A page that this command wrote, or an empty file, is replaced; anything else is kept.

    Raises:
        InputError: it cannot, ``out`` is some other file, or it lies in the folder of a run.
    """
    if out.is_dir():
        raise InputError(
            f"--out {out} is a folder, and the page is one file. Give a file such as "
            f"{out / 'report.html'}."
        )
    _check_no_run(out)
    if out.exists() and not _is_replaceable(out):
        raise InputError(
            f"--out {out} is there and is no page that lvlm-eval wrote. Give another --out, or "
            "remove the file."
        )
    _check_writable(out.parent, out)


def check_folder(out: Path) -> None:
    """Check, before the work, that files can be written to a folder; make it.

    Raises:
        InputError: they cannot, or it is, or lies in, the folder of a run.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file, and each table gets its own. Give a folder.")
    _check_no_run(out)
    if not out.exists():
        _check_writable(out.parent, out)
        try:
            out.mkdir()
        except OSError as error:
            raise _unwritable(out, error) from None
    _check_writable(out, out)


def _check_no_run(out: Path) -> None:
    """Refuse a place that is the folder of a run, or lies in one, also behind a link."""
    for folder in (out, out.parent, out.resolve(), out.resolve().parent):
        if (folder / MANIFEST).exists():
            where = "is" if folder in (out, out.resolve()) else "lies in"
            raise InputError(
                f"--out {out} {where} the folder of a run, {folder}: it has a {MANIFEST}. "
                "Give a place outside of it."
            )


def _is_replaceable(file: Path) -> bool:
    """Whether a file is a page of this command, or holds nothing."""
    if not file.is_file():
        return False
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD)
    except OSError as error:
        raise _unwritable(file, error) from None
    return not head or _OWN_PAGE in head


def _check_writable(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        raise InputError(
            f"--out {out}: there is no folder {folder}. Make it, or give another --out."
        )
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=".report.")
        os.close(handle)
        Path(name).unlink()
    except OSError as error:
        raise _unwritable(out, error) from None


def _unwritable(out: Path, error: OSError) -> InputError:
    return InputError(f"--out {out} cannot be written: {error.strerror}. Give another --out.")


def _write_bytes(path: Path, data: bytes) -> None:
    """Replace a file in one step."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _report(out: Path, files: tuple[Path, ...], read: Input, left_out: tuple[str, ...]) -> Report:
    size = sum(one.stat().st_size for one in files)
    return Report(out, files, size, len(read.lvlm), len(read.vision), left_out)
