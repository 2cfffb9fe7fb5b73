"""How many requests a second the ``openai:`` adapter sends, against what latency allows.

A server on the loopback answers every request after so many ms, in a process of its own. The ideal
is concurrency / latency. The questions are drawn beforehand, or with ``--cold`` while the requests
go, as in a first run.

    python benchmarks/api_throughput.py --concurrency 1,32,256 --latency 200

Prints the rate, its share of the ideal, and the client's CPU time a request.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from prepare import make_tree

from lvlm_eval.models.openai import OpenAIChat
from lvlm_eval.records import SETTINGS, Request
from lvlm_eval.runs.jobs import DrawingChoices, open_source

_ANSWER = json.dumps(
    {
        "id": "x",
        "object": "chat.completion",
        "created": 0,
        "model": "made-up",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "message": {"role": "assistant", "content": "Answer: B"},
            }
        ],
        "usage": {"prompt_tokens": 500, "completion_tokens": 3, "total_tokens": 503},
    }
).encode()
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


async def _connection(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency: float
) -> None:
    """Answer one request after the other; nothing of a body is looked at."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ]
            await reader.readexactly(lengths[0] if lengths else 0)
            await asyncio.sleep(latency)
            writer.write(_HEAD % len(_ANSWER) + _ANSWER)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _serve(latency: float) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: _connection(reader, writer, latency), "127.0.0.1", 0, limit=1 << 26
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def measure(requests: list[Request], port: int, concurrency: int) -> dict[str, float]:
    """Send all requests; seconds of wall and of this process's CPU."""
    adapter = OpenAIChat("made-up", base_url=f"http://127.0.0.1:{port}/v1", concurrency=concurrency)
    before, began = _cpu(), time.perf_counter()
    answered = sum(one.status == "ok" for one in adapter.answer(requests))
    assert answered == len(requests)
    return {"seconds": time.perf_counter() - began, "cpu": _cpu() - before}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print one line a concurrency."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concurrency", default="1,32,256")
    parser.add_argument("--latency", type=float, default=200, help="ms")
    parser.add_argument("--seconds", type=float, default=12, help="that each is to take, ideally")
    parser.add_argument("--cold", action="store_true", help="pictures are drawn meanwhile")
    parser.add_argument("--serve", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve is not None:
        asyncio.run(_serve(given.serve))
        return
    latency = given.latency / 1000
    levels = [int(one) for one in given.concurrency.split(",")]
    most = max(levels)
    wanted = int(most / latency * given.seconds)
    server: Any = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(latency)], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline())
        with tempfile.TemporaryDirectory() as folder:
            make_tree(Path(folder) / "tree", max(4, min(500, wanted // 12 + 1)))
            source = open_source(
                str(Path(folder) / "tree"), DrawingChoices(pairs_per_category=10**6), None
            )
            asks = [
                ask
                for one in source.questions
                for setting in SETTINGS
                for ask in source.asks(one, setting)
            ]
            for level in levels:
                count = min(len(asks), max(20, int(level / latency * given.seconds)))
                requests = [source.request(ask) for ask in asks[:count]]
                if not given.cold:
                    for request in requests:
                        assert request.pictures
                told = measure(requests, port, level)
                rate = count / told["seconds"]
                ideal = level / latency
                print(
                    f"concurrency {level:4}: {rate:7.1f} requests/s, {100 * rate / ideal:5.1f} % of"
                    f" {ideal:.0f}; {1000 * told['cpu'] / count:.2f} ms of CPU a request, "
                    f"{100 * told['cpu'] / told['seconds']:.0f} % of a core; {count} requests",
                    flush=True,
                )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
