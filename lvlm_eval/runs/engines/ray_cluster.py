"""Connects to a Ray cluster, or starts Ray on this machine; which node runs what is Ray's matter.

Ray starts no process of ours before there is room for it, and adds nodes if it was told how.
"""

import importlib
import importlib.util
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from lvlm_eval.errors import InputError
from lvlm_eval.stopping import STOPPING, StopSignal
from lvlm_eval.workers import available_cores

INSTALL = "pip install 'lvlm-eval[ray]'"

OBJECT_STORE = 256 * 2**20
"""Bytes of shared memory for results on their way; they are small."""

_ROOM_TO_CONNECT = 5.0
"""Seconds."""


@dataclass(frozen=True, slots=True)
class RayWishes:
    """What a user asks of Ray.

    Attributes:
        workers: how many; None for as many as there is room for at the start.
        gpus: a worker; 0 for none, a fraction to share one.
        address: ``host:port`` of a cluster, or ``auto`` for the one on this machine; None takes
            RAY_ADDRESS, and without that starts Ray here for this call.
    """

    workers: int | None = None
    gpus: float = 0.0
    address: str | None = None


def check_installed() -> None:
    """Refuse early what can only fail.

    Raises:
        InputError: the package ``ray`` is not installed.
    """
    found = importlib.util.find_spec("ray")
    if found is None or found.origin is None:  # without one it is only a folder of that name
        raise InputError(f"--engine ray needs the package 'ray': {INSTALL}")


@contextmanager
def cluster(wishes: RayWishes) -> Iterator[tuple[Any, int]]:
    """While entered, Ray is connected.

    Yields:
        The package, and how many workers there are to be.

    Raises:
        InputError: there is no Ray, no cluster at the address, or no GPU for a worker.
    """
    check_installed()
    address = wishes.address or os.environ.get("RAY_ADDRESS")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address:
        # It is read with the import; else Ray tries for 15 minutes to reach what is no cluster.
        os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", "1")
    ray = importlib.import_module("ray")
    try:
        with _signals_kept():
            _connect(ray, address, wishes)
        yield ray, _workers(ray, wishes)
    finally:
        with _signals_kept():
            ray.shutdown()


def _connect(ray: Any, address: str | None, wishes: RayWishes) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        ray.init(
            address="local",
            num_cpus=max(available_cores(), wishes.workers or 1),
            include_dashboard=False,
            object_store_memory=OBJECT_STORE,
            **quiet,
        )
        return
    what = f"the Ray cluster at '{address}' cannot be reached"
    hint = "Give --address HOST:PORT as `ray start --head` printed it, or leave it out."
    if "://" in address:
        raise InputError(
            f"{what}: Ray's client protocol cannot be used here. Run the command on a node of the "
            "cluster with --address auto, or hand it in with `ray job submit`."
        )
    if address != "auto":
        _check_listening(address, what, hint)
    try:
        ray.init(address=address, **quiet)
    except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{what}: {said[:300].rstrip('.')}. {hint}") from None


def _check_listening(address: str, what: str, hint: str) -> None:
    """Refuse at once what Ray would try to reach for minutes."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _ROOM_TO_CONNECT):
            return
    except ValueError:
        problem = "it is no HOST:PORT"
    except OSError as error:
        problem = str(error.strerror or error)
    raise InputError(f"{what}: {problem}. {hint}")


def _workers(ray: Any, wishes: RayWishes) -> int:
    """How many workers; as many as the cluster has room for, if nobody said."""
    resources = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not wishes.gpus:
        return wishes.workers or max(1, int(sum(one.get("CPU", 0) for one in resources)))
    most = max((one.get("GPU", 0) for one in resources), default=0)
    if most < wishes.gpus:
        found = "none has a GPU" if not most else f"the most that one has is {most:g}"
        raise InputError(
            f"--gpus-per-worker {wishes.gpus:g} cannot be had: of the {len(resources)} nodes of "
            f"the Ray cluster {found}. Start a node that has, or give another number."
        )
    room = sum(int(one.get("GPU", 0) // wishes.gpus) for one in resources)
    return wishes.workers or room


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Our handlers are there afterwards; Ray has its own, of which one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        yield
    except SystemExit:
        raise StopSignal("stopped by SIGTERM") from None
    finally:
        for number, handler in before.items():
            with suppress(TypeError):  # None, if no Python handler was there
                signal.signal(number, handler)
