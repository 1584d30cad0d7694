"""Which process is meant: a pid alone is reused by the system, a pid with its start is not."""

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TOKEN_VARIABLE = "IGDM_WORKER"  # in the environment of a worker and of all its children


def this_host() -> str:
    """The name by which runs remember this machine."""
    return socket.gethostname()


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessIdentity:
    """One process on one host.

    started_at: seconds since 1970, as the system reports it. host: its name. since_boot: which boot of the host, and
    clock ticks from that to the start; unlike started_at it stays the same when the clock is set. token: what a worker
    and its children carry in their environment, so that none is left behind. Both "" where unknown.
    """

    pid: int
    started_at: float
    host: str
    since_boot: str = ""
    token: str = ""

    @classmethod
    def of_this(cls) -> "ProcessIdentity":
        """The identity of the calling process."""
        import psutil

        pid = os.getpid()
        return cls(
            pid=pid,
            started_at=psutil.Process(pid).create_time(),
            host=this_host(),
            since_boot=_look(pid)[0],
            token=os.environ.get(TOKEN_VARIABLE, ""),
        )

    def is_alive(self) -> bool:
        """True while exactly this process runs on this host; a zombie counts as dead.

        A process of another host cannot be seen from here and counts as not alive.
        """
        if self.host != this_host():
            return False
        if self.since_boot:
            since_boot, state = _look(self.pid)
            return since_boot == self.since_boot and state not in ("Z", "X")
        import psutil

        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1.0
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except (psutil.Error, ValueError, OverflowError):  # a pid that cannot be one
            return False


@cache
def _boot() -> str:
    """Which boot this is: it does not change while this process lives.

    Raises: OSError, ValueError where /proc does not say.
    """
    return BOOT_ID.read_text(encoding="ascii").strip()


def _look(pid: int) -> tuple[str, str]:
    """Boot and ticks of a process's start, and its state as one letter; empty where /proc does not say."""
    try:
        # Asked of every running run each second: a bare file, not decoded but for what is needed.
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.readall().rpartition(b")")[2].split()
        return f"{_boot()}:{fields[19].decode('ascii')}", fields[0].decode("ascii")
    except (OSError, IndexError, ValueError):
        return "", ""
