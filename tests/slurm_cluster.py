"""A real SLURM of one node, on this machine, in a folder of its own."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from commands import ENVIRONMENT

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
PATH = f"{os.environ['PATH']}:/usr/local/sbin:/usr/sbin:/sbin"
"""Daemons stand where only an administrator's shell looks."""

_CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={place}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
KillWait=20
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs=3 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=30
PartitionName=abrupt Nodes=ALL PriorityTier=1 PreemptMode=REQUEUE
PartitionName=high Nodes=ALL PriorityTier=9 PreemptMode=OFF
"""


ENDED = ("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY")


def missing_programs() -> list[str]:
    """What is not installed of the programs that a cluster needs."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


class Cluster:
    """Its commands, and a look at its queue."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.environment = {**ENVIRONMENT, "PATH": PATH, "SLURM_CONF": f"{place}/slurm.conf"}

    def call(self, *words: object) -> str:
        done = subprocess.run(
            [*map(str, words)], env=self.environment, cwd=self.place, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stdout, done.stderr, self.said())
        return done.stdout

    def queue(self) -> dict[str, str]:
        """Job or task (``4_1``) → its state; what has ended is not in it.

        All states are asked for: by itself squeue leaves out what is just being queued again.
        """
        words = ("squeue", "--noheader", "--array", "--states=all", "--format=%i %T")
        states = dict(line.split() for line in self.call(*words).splitlines())
        return {task: state for task, state in states.items() if state not in ENDED}

    def hurry(self) -> None:
        """Let tasks that went back into the queue start now; SLURM lets them wait two minutes."""
        lines = self.call("squeue", "--noheader", "--array", "--format=%i %r").splitlines()
        for task, reason in (line.split(maxsplit=1) for line in lines):  # a reason has blanks
            if reason == "BeginTime":
                self.call("scontrol", "update", f"JobId={task}", "StartTime=now")

    def said(self) -> str:
        """The last of what the daemons wrote."""
        logs = sorted(self.place.glob("*.log"))
        return "\n".join(f"{path.name}: {path.read_text()[-1500:]}" for path in logs)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start the daemons, and end them with everything that they started."""
    with ExitStack() as stack:
        # Munge wants every folder above its socket to be open to all, which pytest's are not.
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp")))
        place.chmod(0o755)
        key = place / "munge.key"
        key.touch(0o600)
        key.write_bytes(secrets.token_bytes(1024))
        for name in ("state", "spool"):
            (place / name).mkdir()
        host = socket.gethostname().split(".")[0]
        configuration = place / "slurm.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                host=host, user=getpass.getuser(), place=place, ports=_free_ports(2)
            )
        )
        own = Cluster(place)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "seed-file": "seed"}
        munge = [f"--{name}={place}/munge.{end}" for name, end in files.items()]
        stack.enter_context(_daemon(own, "munged", "--foreground", *munge))
        _until(lambda: (place / "munge.socket").exists(), own)
        stack.enter_context(_daemon(own, "slurmctld", "-D", "-c", "-f", configuration))
        stack.enter_context(_daemon(own, "slurmd", "-D", "-f", configuration))
        _until(lambda: own.call("sinfo", "--noheader", "--format=%t").startswith("idle"), own)
        try:
            yield own
        finally:
            own.call("scancel", "--user", getpass.getuser())
            _until(lambda: not own.queue(), own)


@contextmanager
def _daemon(own: Cluster, name: str, *words: object) -> Iterator[None]:
    program = shutil.which(name, path=PATH)
    assert program is not None
    with (own.place / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *map(str, words)], env=own.environment, cwd=own.place,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _until(there: Callable[[], bool], own: Cluster, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if there():
                return
        except AssertionError:  # the controller does not listen yet
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, own.said()
        time.sleep(0.2)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
