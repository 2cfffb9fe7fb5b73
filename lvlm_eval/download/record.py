"""What a data folder holds of a release: ``download.json``, which pins the folder to one commit."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from lvlm_eval.download.file_names import is_safe_path
from lvlm_eval.errors import InputError
from lvlm_eval.runs.folder import write_whole

RECORD = "download.json"


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a commit.

    Attributes:
        path: in the repository, and below the data folder; parts divided by ``/``.
        size: bytes.
        sha256: of the content, where the hub tells it (files stored as LFS or Xet).
        git_sha1: of the content as a git blob, for the others.
    """

    path: str
    size: int
    sha256: str | None = None
    git_sha1: str | None = None

    @property
    def key(self) -> str:
        """Eight digits of the content's hash; they keep the leavings of other content apart."""
        return (self.sha256 or self.git_sha1 or f"{self.size:08d}")[:8]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An archive that has been unpacked.

    Attributes:
        files: how many it held, without what only its packer's system needs.
        size: bytes of these files.
    """

    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Record:
    """The content of ``download.json``.

    Attributes:
        repository: name of the dataset on the hub.
        revision: branch, tag or commit that was asked for.
        commit: what it meant when the folder was begun; everything in the folder is of it.
        begun: when, ISO 8601 in UTC.
        files: every file of the commit that belongs to the release.
        verified: path → time of last change (ns since 1970) of each file when its content had been
            found to be that of the commit.
        unpacked: path of an archive → what came out of it.
    """

    repository: str
    revision: str
    commit: str
    begun: str
    files: tuple[HubFile, ...]
    verified: Mapping[str, int] = field(default_factory=dict)
    unpacked: Mapping[str, Unpacked] = field(default_factory=dict)


_RECORD = TypeAdapter(Record)


def read_record(folder: Path) -> Record | None:
    """The record of a data folder; None where there is none.

    Raises:
        InputError: the file is there and cannot be read as one.
    """
    path = folder / RECORD
    try:
        record = _RECORD.validate_json(path.read_bytes())
        outside = [file.path for file in record.files if not is_safe_path(file.path)]
        if outside:
            raise ValueError(f"it names {outside[0]!r}")
        return record
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path} is not the record of a download ({said}). Delete it: the same command then "
            "checks what is there and goes on."
        ) from error


def write_record(folder: Path, record: Record) -> None:
    """Replace the record in one step."""
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")
