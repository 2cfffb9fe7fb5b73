"""The Hugging Face hub, through its own client: what a commit holds, and the bytes of a file.

The client's own file download, plain or accelerated (Xet), throws an unfinished file away when its
process ends. Here a file is asked for over HTTP, which every hub repository answers and which can
be gone on with at any byte, and its hash is checked at the end.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from huggingface_hub import HfApi, get_session, hf_hub_url, hf_raise_for_status
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from lvlm_eval import __version__
from lvlm_eval.download.record import HubFile

SECONDS = 30.0
"""How long the hub may be silent."""

_CONTENT_RANGE = re.compile(r"bytes (\d+)-")


@dataclass(frozen=True, slots=True)
class Commit:
    """What a revision means at the moment.

    Attributes:
        hash: 40 hexadecimal digits.
        files: everything in it.
    """

    hash: str
    files: tuple[HubFile, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a file, as they come.

    Attributes:
        start: place in the file of the first byte; 0 where the hub does not go on in the middle.
        blocks: the bytes.
    """

    start: int
    blocks: Iterator[bytes]


class Hub:
    """One dataset on the hub.

    The access token, if any, is found by the hub's client: ``HF_TOKEN``, or its own login.

    Args:
        repository: name of the dataset.
        endpoint: address of the hub; by default ``HF_ENDPOINT``, or the public one.
    """

    def __init__(self, repository: str, endpoint: str | None = None) -> None:
        self._api = HfApi(endpoint=endpoint, library_name="lvlm-eval", library_version=__version__)
        self.repository = repository

    @property
    def endpoint(self) -> str:
        """Address of the hub."""
        return self._api.endpoint

    @property
    def page(self) -> str:
        """Address of the dataset for a browser."""
        return f"{self.endpoint}/datasets/{self.repository}"

    def commit(self, revision: str) -> Commit:
        """Ask what a branch, tag or commit holds.

        Raises:
            Exception: whatever the client raises; see ``trouble``.
            ValueError: the answer is not one of a hub.
        """
        # One answer tells the commit and its files, so they cannot be of two commits.
        info = self._api.dataset_info(
            self.repository, revision=revision, files_metadata=True, timeout=SECONDS
        )
        if not info.sha or info.siblings is None:
            raise ValueError("it tells no commit or no files")
        files = []
        for file in info.siblings:
            if file.size is None:
                raise ValueError(f"it tells no size of {file.rfilename}")
            sha256 = file.lfs.sha256 if file.lfs else None
            files.append(
                HubFile(file.rfilename, file.size, sha256, None if sha256 else file.blob_id)
            )
        return Commit(info.sha, tuple(files))

    @contextmanager
    def body(self, commit: str, file: HubFile, offset: int) -> Iterator[Body]:
        """Ask for a file from some byte on.

        Args:
            commit: hash.
            file: one of its files.
            offset: bytes that are not needed again.

        Raises:
            Exception: whatever the client raises, also while the blocks come; see ``trouble``.
        """
        address = hf_hub_url(
            self.repository,
            file.path,
            repo_type="dataset",
            revision=commit,
            endpoint=self.endpoint,
        )
        headers = build_hf_headers(library_name="lvlm-eval", library_version=__version__)
        headers["Accept-Encoding"] = "identity"
        if offset:
            headers["Range"] = f"bytes={offset}-"
        with get_session().stream(
            "GET", address, headers=headers, timeout=SECONDS, follow_redirects=True
        ) as response:
            hf_raise_for_status(response)
            stated = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
            start = int(stated[1]) if response.status_code == 206 and stated else 0
            yield Body(start, response.iter_bytes())
