"""Where exports go, and what may already lie there."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.provenance import EXPORT_RECORD
from lvlm_eval.runs.folder import MANIFEST, canonical, write_whole


def digest_of(identity: Mapping[str, Any]) -> str:
    """Eight hex digits that stand for everything that decided some content."""
    return hashlib.sha256(canonical(identity).encode()).hexdigest()[:8]


def files_to_replace(folder: Path, names: Iterable[str], identity: Mapping[str, Any]) -> list[str]:
    """Which tables of earlier exports a new one will replace.

    Args:
        folder: where the tables are to go; it need not be there.
        names: of the tables.
        identity: of the new export.

    Raises:
        InputError: the folder holds something else than tables of the same export.
    """
    present = _listed(folder)
    if not present:
        return []
    try:
        before = json.loads((folder / EXPORT_RECORD).read_text(encoding="utf-8"))["identity"]
    except (OSError, ValueError, LookupError, TypeError):
        raise InputError(
            f"{folder} is not empty ({present[0]}) and has no {EXPORT_RECORD} of an earlier "
            "export. Give another --out."
        ) from None
    if canonical(before) != canonical(identity):
        raise InputError(
            f"{folder} holds an export of other questions, prompt or markers (see its "
            f"{EXPORT_RECORD}). Give another --out."
        )
    return [name for name in names if name in present]


def write_record(folder: Path, identity: Mapping[str, Any], recorded: Mapping[str, Any]) -> None:
    """Say beside exported files what they are.

    Args:
        folder: of the files.
        identity: everything that decided their rows.
        recorded: command line, version and the like.
    """
    text = json.dumps({"identity": identity, "recorded": recorded}, indent=1, ensure_ascii=False)
    write_whole(folder / EXPORT_RECORD, text + "\n")


def workbook_folder(out: Path, model: str, day: str, digest: str) -> Path:
    """Where a run's workbooks go: ``<out>/<model>/T<day>_<digest>``, as the toolkit lays them out.

    Args:
        out: the folder that is to be scored.
        model: as part of a file name.
        day: of the newest answer, ``yyyymmdd``.
        digest: eight hex digits of the run's identity.

    Raises:
        InputError: ``out`` holds runs, which would be scored in place of the workbooks, or
            workbooks of another run of this model, of which only the newest would count.
    """
    if (out / MANIFEST).is_file() or any(out.glob(f"*/{MANIFEST}")):
        raise InputError(
            f"{out} holds runs, which 'lvlm-eval score' would read in place of the workbooks. "
            "Give another --out."
        )
    for other in sorted((out / model).glob("T*")):
        if any(other.glob("*.xlsx")) and not other.name.endswith(f"_{digest}"):
            raise InputError(
                f"{other} holds workbooks of another run of '{model}', and only the newest count. "
                "Give another --out."
            )
    return out / model / f"T{day}_{digest}"


def safe_name(name: str) -> str:
    """A folder name in the style of the results folders."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "unnamed"


def _listed(folder: Path) -> list[str]:
    """Names of what lies in a folder, hidden files and those of the system left out."""
    try:
        return sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder} is no folder ({error.strerror}). Give another --out.") from None
