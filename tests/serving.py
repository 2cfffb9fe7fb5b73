"""An OpenAI-compatible server on the loopback, as strange as a test wants it to be."""

import base64
import hashlib
import json
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Reply:
    """What the server does with one request."""

    text: str = "B"
    status: int = 200
    finish_reason: str = "stop"
    refusal: str | None = None
    reasoning: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None  # sent as it is instead of a chat completion
    reset: bool = False  # the connection is cut instead of answered
    error: dict[str, Any] | None = None


@dataclass
class Seen:
    """One request as it reached the server."""

    body: dict[str, Any]
    authorization: str

    @property
    def text(self) -> str:
        return next(
            part["text"] for part in self.body["messages"][-1]["content"] if part["type"] == "text"
        )

    @property
    def images(self) -> list[bytes]:
        return [
            base64.b64decode(part["image_url"]["url"].partition(",")[2])
            for part in self.body["messages"][-1]["content"]
            if part["type"] == "image_url"
        ]

    @cached_property
    def key(self) -> str:
        """The same for the same request, whatever its order."""
        return hashlib.sha256(json.dumps(self.body, sort_keys=True).encode()).hexdigest()


@dataclass
class Server:
    url: str
    seen: list[Seen]


@contextmanager
def serving(behave: Callable[[Seen, int], Reply], port: int = 0) -> Iterator[Server]:
    """Serve ``/v1/chat/completions``; ``behave`` gets the request and how often it came before."""
    seen: list[Seen] = []
    times = Counter[str]()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            one = Seen(json.loads(content), self.headers.get("Authorization", ""))
            with lock:
                before = times[one.key]
                times[one.key] += 1
                seen.append(one)
            reply = behave(one, before)
            if reply.reset:
                # No FIN but RST, as from a machine that is gone.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
                return
            payload = reply.body
            if payload is None and reply.error is not None:
                payload = json.dumps({"error": reply.error}).encode()
            if payload is None:
                message = {"role": "assistant", "content": reply.text, "refusal": reply.refusal}
                if reply.reasoning is not None:
                    message["reasoning_content"] = reply.reasoning
                payload = json.dumps(
                    {
                        "id": "chatcmpl-1",
                        "object": "chat.completion",
                        "created": 1,
                        "model": "served-model-1",
                        "choices": [
                            {"index": 0, "message": message, "finish_reason": reply.finish_reason}
                        ],
                        "usage": {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8},
                    }
                ).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # a client that was killed half-way is part of the tests

    httpd = Quiet(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{httpd.server_port}/v1", seen)
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()
