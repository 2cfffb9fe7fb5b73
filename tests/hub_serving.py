"""A hub of datasets on the loopback that speaks to the hub's own client, and fails on request.

Large files are redirected to a second server, as the real hub sends them to its storage.
"""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

LARGE = 1000
"""Bytes; from this size on a file counts as a large one."""

Files = Mapping[str, bytes]


@dataclass
class Seen:
    """One request as it reached a server."""

    method: str
    path: str
    from_storage: bool
    range: str
    authorization: str
    before: int  # requests for the same path at the same server before this one


@dataclass
class Trouble:
    """What goes wrong with one answer."""

    status: int = 0
    code: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int | None = None  # bytes of the file after which the connection breaks
    short: int | None = None  # bytes of the file after which the answer ends as if complete
    whole: bool = False  # answer a range with the whole file
    content: bytes | None = None  # other content than the commit has
    wait: threading.Event | None = None  # after the cut bytes, keep the line open until set


@dataclass
class Dataset:
    """Commits by hash, and what branches and tags mean."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def commit(self, files: Files, ref: str = "main") -> str:
        """Add a commit and move a branch to it; returns its hash."""
        content = "".join(f"{name}{hashlib.sha1(files[name]).hexdigest()}" for name in files)
        name = hashlib.sha1(content.encode()).hexdigest()
        self.commits[name] = dict(files)
        self.refs[ref] = name
        return name


@dataclass
class FakeHub:
    url: str
    datasets: dict[str, Dataset]
    seen: list[Seen]
    trouble: Callable[[Seen], Trouble | None] = lambda seen: None
    stated_sizes: dict[str, int] = field(default_factory=dict)

    def fetched(self, path: str) -> list[Seen]:
        """The requests for a file's content, in the order in which they came."""
        return [one for one in self.seen if one.method == "GET" and one.path.endswith(f"/{path}")]


def git_blob(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def serving_hub() -> Iterator[FakeHub]:
    """Serve ``/api/datasets/…`` and ``/datasets/…/resolve/…`` until the block ends."""
    hub = FakeHub("", {}, [])
    storage = _server(hub, None)
    front = _server(hub, storage)
    hub.url = f"http://127.0.0.1:{front.server_port}"
    threads = [
        threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.05})
        for one in (storage, front)
    ]
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for one in (storage, front):
            one.shutdown()
            one.server_close()
        for thread in threads:
            thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that was killed half-way is part of the tests


def _server(hub: FakeHub, storage: ThreadingHTTPServer | None) -> ThreadingHTTPServer:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            with lock:
                before = sum(
                    one.path == path and one.from_storage == (storage is None) for one in hub.seen
                )
                seen = Seen(
                    self.command,
                    path,
                    storage is None,
                    self.headers.get("Range", ""),
                    self.headers.get("Authorization", ""),
                    before,
                )
                hub.seen.append(seen)
            trouble = hub.trouble(seen) or Trouble()
            if trouble.status:
                self._error(trouble.status, trouble.code, trouble.headers, trouble.body)
            elif listed := re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(revision|tree)/(.+)", path):
                self._api(*listed.groups())
            elif stored := re.fullmatch(
                r"/(?:datasets|storage)/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path
            ):
                self._file(trouble, *stored.groups())
            else:
                self._error(404, "", {}, b"")

        do_HEAD = do_GET  # noqa: N815

        def _commit_of(self, repository: str, revision: str) -> str | None:
            dataset = hub.datasets.get(repository)
            if dataset is None:
                self._error(401, "RepoNotFound", {}, b"")
                return None
            commit = dataset.refs.get(revision, revision)
            if commit not in dataset.commits:
                self._error(404, "RevisionNotFound", {}, b"")
                return None
            return commit

        def _api(self, repository: str, kind: str, revision: str) -> None:
            commit = self._commit_of(repository, revision)
            if commit is None:
                return
            files = hub.datasets[repository].commits[commit]
            siblings, tree = [], []
            for name, content in files.items():
                size = hub.stated_sizes.get(name, len(content))
                sha256 = hashlib.sha256(content).hexdigest()
                sibling: dict[str, Any] = {
                    "rfilename": name, "size": size, "blobId": git_blob(content)
                }  # fmt: skip
                entry: dict[str, Any] = {
                    "type": "file", "path": name, "size": size, "oid": git_blob(content)
                }  # fmt: skip
                if size >= LARGE:
                    sibling["lfs"] = {"size": size, "sha256": sha256, "pointerSize": 130}
                    entry["lfs"] = {"size": size, "oid": sha256, "pointerSize": 130}
                siblings.append(sibling)
                tree.append(entry)
            answer = {"id": repository, "sha": commit, "tags": [], "siblings": siblings}
            self._send(200, {}, json.dumps(tree if kind == "tree" else answer).encode())

        def _file(self, trouble: Trouble, repository: str, revision: str, name: str) -> None:
            commit = self._commit_of(repository, revision)
            if commit is None:
                return
            content = hub.datasets[repository].commits[commit].get(name)
            if content is None:
                self._error(404, "EntryNotFound", {}, b"")
                return
            is_large = len(content) >= LARGE
            sha256 = hashlib.sha256(content).hexdigest()
            headers = {
                "X-Repo-Commit": commit,
                "ETag": f'"{sha256 if is_large else git_blob(content)}"',
                "Accept-Ranges": "bytes",
            }
            if is_large and storage is not None:
                place = f"http://127.0.0.1:{storage.server_port}/storage/{repository}"
                headers["X-Linked-Size"] = str(len(content))
                headers["X-Linked-ETag"] = headers["ETag"]
                headers["Location"] = f"{place}/resolve/{commit}/{name}"
                self._send(302, headers, b"")
                return
            content = content if trouble.content is None else trouble.content
            asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(asked[1]) if asked and not trouble.whole else 0
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206 if start else 200, headers, content[start:], trouble)

        def _send(
            self,
            status: int,
            headers: Mapping[str, str],
            body: bytes,
            trouble: Trouble | None = None,
        ) -> None:
            trouble = trouble or Trouble()
            if trouble.short is not None:
                body = body[: trouble.short]
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body if trouble.cut is None else body[: trouble.cut])
                self.wfile.flush()
                if trouble.cut is not None:
                    if trouble.wait is not None:
                        trouble.wait.wait(60)
                    self.close_connection = True

        def _error(self, status: int, code: str, headers: Mapping[str, str], body: bytes) -> None:
            if code:
                headers = {**headers, "X-Error-Code": code}
            self._send(status, headers, body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return _Quiet(("127.0.0.1", 0), Handler)
