"""Which process is meant: a pid alone is reused by the system, a pid with its start time is not."""

import os
import socket
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessIdentity:
    """One process on one host.

    started_at: seconds since 1970, as the system reports it. host: its name.
    """

    pid: int
    started_at: float
    host: str

    @classmethod
    def of_this(cls) -> "ProcessIdentity":
        """The identity of the calling process."""
        import psutil

        pid = os.getpid()
        return cls(pid=pid, started_at=psutil.Process(pid).create_time(), host=socket.gethostname())

    def is_alive(self) -> bool:
        """True while exactly this process runs on this host; a zombie counts as dead.

        A process of another host cannot be seen from here and counts as not alive.
        """
        import psutil

        if self.host != socket.gethostname():
            return False
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1.0
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False
