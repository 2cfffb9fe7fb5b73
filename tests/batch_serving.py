"""A server of the Batch API on the loopback: files, batches, and what can go wrong with them."""

import email
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from serving import Reply

ENDED = ("completed", "expired", "cancelled", "failed")

Answer = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]
"""Body of a request → status and body of its response."""


@dataclass
class FakeBatch:
    """One batch as the server knows it."""

    id: str
    file_id: str
    metadata: dict[str, str] | None
    lines: list[dict[str, Any]]
    created_at: float
    looks: int = 0
    content: dict[str, Any] = field(default_factory=dict)


@dataclass
class BatchAPI:
    """The state of the server, and what it shall do.

    Attributes:
        answer: what requests are answered with.
        looks: how often a batch must be looked at until it ends.
        end: batch → status it ends with, and how many of its lines are answered (the others get an
            error ``batch_expired``, or none at all if ``silent``).
        failing: batch → the errors that it fails its validation with; empty if it does not.
        trouble: method, path and how often it came before → what to do instead, if anything.
        garble: changes the lines of a file of results.
        key: that must be sent; any if empty.
    """

    answer: Answer
    looks: int = 1
    end: Callable[[FakeBatch], tuple[str, int]] = lambda batch: ("completed", len(batch.lines))
    failing: Callable[[FakeBatch], list[dict[str, Any]]] = lambda batch: []
    trouble: Callable[[str, str, int], Reply | None] = lambda method, path, before: None
    garble: Callable[[list[bytes]], list[bytes]] = lambda lines: lines
    key: str = ""
    silent: bool = False
    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, FakeBatch] = field(default_factory=dict)
    calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def submitted(self) -> Counter[str]:
        """Custom id → how often it was submitted in a batch that passed its validation."""
        passed = [one for one in self.batches.values() if one.content.get("status") != "failed"]
        return Counter(line["custom_id"] for one in passed for line in one.lines)

    def handle(self, method: str, path: str, kind: str, content: bytes) -> tuple[int, bytes]:
        """Status and body of the answer to one call."""
        with self.lock:
            parts = path.removeprefix("/v1/").split("/")
            if (method, parts) == ("POST", ["files"]):
                return self._json(200, self._take_file(kind, content))
            if (method, parts) == ("POST", ["batches"]):
                return self._create(json.loads(content))
            if (method, parts) == ("GET", ["batches"]):
                listed = [self._seen(one) for one in reversed(self.batches.values())]
                return self._json(200, {"object": "list", "data": listed, "has_more": False})
            if method == "GET" and parts[0] == "batches" and parts[1] in self.batches:
                batch = self.batches[parts[1]]
                batch.looks += 1
                self._go_on(batch)
                return self._json(200, self._seen(batch))
            if method == "GET" and parts[0] == "files" and parts[1] in self.files:
                return 200, self.files[parts[1]]
            return self._json(404, {"error": {"message": f"no such thing: {path}"}})

    def _json(self, status: int, content: Any) -> tuple[int, bytes]:
        return status, json.dumps(content).encode()

    def _take_file(self, kind: str, content: bytes) -> dict[str, Any]:
        form = email.message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + content)
        parts = {
            part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
            for part in form.get_payload()
        }
        assert parts["purpose"] == b"batch"
        id = f"file-{len(self.files)}"
        self.files[id] = parts["file"]
        return {"id": id, "object": "file", "bytes": len(parts["file"]), "purpose": "batch"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        assert asked["completion_window"] == "24h"
        assert asked["endpoint"] == "/v1/chat/completions"
        content = self.files[asked["input_file_id"]]
        lines = [json.loads(line) for line in content.splitlines()]
        assert all(line["url"] == asked["endpoint"] for line in lines)
        assert len({line["custom_id"] for line in lines}) == len(lines)
        id = f"batch_{len(self.batches)}"
        batch = FakeBatch(
            id, asked["input_file_id"], asked.get("metadata"), lines, int(time.time())
        )
        self.batches[id] = batch
        problems = self.failing(batch)
        if problems:
            batch.content = {"status": "failed", "errors": {"object": "list", "data": problems}}
        else:
            batch.content = {"status": "in_progress"}
        return self._json(200, self._seen(batch))

    def _go_on(self, batch: FakeBatch) -> None:
        if batch.content["status"] in ENDED or batch.looks < self.looks:
            return
        status, answered = self.end(batch)
        good, bad = [], []
        for line in batch.lines[:answered]:
            code, body = self.answer(line["body"])
            response = {"status_code": code, "request_id": "r", "body": body}
            result = {"id": "x", "custom_id": line["custom_id"], "response": response}
            (good if code == 200 else bad).append({**result, "error": None})
        for line in () if self.silent else batch.lines[answered:]:
            error = {"code": "batch_expired", "message": "not executed in time"}
            bad.append({"custom_id": line["custom_id"], "response": None, "error": error})
        batch.content = {"status": status}
        for name, results in (("output_file_id", good), ("error_file_id", bad)):
            if results:
                id = f"file-{name}-{batch.id}"
                lines = [json.dumps(one).encode() for one in reversed(results)]
                self.files[id] = b"\n".join(self.garble(lines)) + b"\n"
                batch.content[name] = id

    def _seen(self, batch: FakeBatch) -> dict[str, Any]:
        done = len(batch.lines) if batch.content["status"] in ENDED else 0
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "input_file_id": batch.file_id,
            "created_at": batch.created_at,
            "metadata": batch.metadata,
            "request_counts": {"total": len(batch.lines), "completed": done, "failed": 0},
            **batch.content,
        }


def completion(text: str, **changed: Any) -> tuple[int, dict[str, Any]]:
    """A usual answer, the same as that of ``serving``."""
    message = {"role": "assistant", "content": text, "refusal": None}
    usual = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "served-model-1",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
    }
    return 200, usual | changed


@contextmanager
def serving_batches(api: BatchAPI) -> Iterator[BatchAPI]:
    """Serve the API until the block is left; ``api.url`` is its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path = self.path.partition("?")[0]
            with api.lock:
                before = api.calls[self.command, path]
                api.calls[self.command, path] += 1
            wrong = api.key and self.headers.get("Authorization") != f"Bearer {api.key}"
            reply = api.trouble(self.command, path, before)
            headers: dict[str, str] = {}
            if wrong:
                status, payload = 401, b'{"error": {"message": "no such key"}}'
            elif reply is not None:
                status, headers = reply.status, reply.headers
                payload = reply.body or json.dumps({"error": reply.error}).encode()
            else:
                kind = self.headers.get("Content-Type") or ""
                status, payload = api.handle(self.command, path, kind, content)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = _do  # noqa: N815  # the names that the library calls

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that was killed half-way is part of the tests

    httpd = Quiet(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    api.url = f"http://127.0.0.1:{httpd.server_port}/v1"
    try:
        yield api
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
