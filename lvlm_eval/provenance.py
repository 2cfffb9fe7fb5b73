"""Tells tables and workbooks that were exported from those that were released.

Both have the same form. What an export writes has a record beside it, without which its figures
would be taken for comparable with the published ones.
"""

import json
from pathlib import Path
from typing import Any

EXPORT_RECORD = "export.json"
"""Beside exported files: what decided them, and by which command they were made."""

AS_WRITTEN = "as written"
"""What a run's identity has for a protocol where the rows of a table are sent as they stand."""

DRAWN_ANEW = "its questions are drawn anew, not those of the published tables"
"""Why figures do not compare with the published ones, although the data has the released form."""


def is_drawn_anew(identity: Any) -> bool:
    """Whether a run's or an export's identity is of questions that are not the released ones."""
    protocol = identity.get("protocol") if isinstance(identity, dict) else None
    return protocol != AS_WRITTEN or bool(identity.get("drawn_anew"))


def was_exported(folder: Path) -> bool:
    """Whether the tables or workbooks in a folder were exported, of questions drawn anew."""
    record = _export_record(folder)
    return record is not None and is_drawn_anew(record.get("identity"))


def control_exported(folder: Path) -> str | None:
    """The control of the run whose workbooks were exported to a folder."""
    identity = (_export_record(folder) or {}).get("identity")
    control = identity.get("control") if isinstance(identity, dict) else None
    return control if isinstance(control, str) else None


def _export_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads((folder / EXPORT_RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
