"""A server in a process of its own, which can be killed: ``python fault_server.py PORT LOG HOW``.

Every request leaves a line in the log before it is answered: what it asked, and whether what it
gets is an answer. The answer depends on the request alone.
"""

import hashlib
import json
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from serving import Reply, Seen, serving

_GARBAGE = (
    Reply(body=b'{"choices": [{"mess'),
    Reply(body=b"\x00\xff garbage"),
    Reply(body=b""),
    Reply(status=500, error={"message": "oops"}, headers={"Retry-After": "0"}),
)


def _some(share: float, troubles: tuple[Reply, ...]) -> Callable[[random.Random], Reply | None]:
    return lambda chance: chance.choice(troubles) if chance.random() < share else None


def _storm(chance: random.Random) -> Reply | None:
    """In every second half-second all requests are too many."""
    if time.monotonic() % 1 < 0.5:
        return Reply(status=429, error={"message": "slow down"}, headers={"Retry-After": "0.1"})
    return None


TROUBLES: dict[str, Callable[[random.Random], Reply | None]] = {
    "well": lambda _: None,
    "slowly": lambda _: None,
    "wrongly": _some(0.4, _GARBAGE),
    "garbage": _some(0.05, _GARBAGE),
    "storms": _storm,
    "resets": _some(0.3, (Reply(reset=True),)),
}


def key_of(text: str, images: list[bytes]) -> str:
    """The same for the same text and pictures, whichever process sent them."""
    digest = hashlib.sha256(text.encode())
    for image in images:
        digest.update(hashlib.sha256(image).digest())
    return digest.hexdigest()


def main() -> None:
    port, log, how = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    chance, lock = random.Random(5), threading.Lock()

    def behave(seen: Seen, before: int) -> Reply:
        key = key_of(seen.text, seen.images)
        with lock:
            trouble = TROUBLES[how](chance)
            seconds = chance.uniform(0.1, 0.4) if how == "slowly" else 0.02
            with log.open("a") as lines:
                lines.write(json.dumps({"key": key, "good": trouble is None}) + "\n")
        time.sleep(seconds)
        return trouble or Reply(text="Answer: " + "ABCD"[int(key, 16) % 4])

    with serving(behave, port) as server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
