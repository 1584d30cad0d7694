"""A worker's sign of life for those who cannot see its process: a file in the run folder, touched every 15 seconds.

On one host a process is seen by its pid and start time. On another, over a shared folder, only this file tells.
"""

import threading
import time
from contextlib import suppress
from pathlib import Path

BEAT_S = 15.0
FRESH_S = 90.0


class Heartbeat:
    """Touches a file in a thread of its own until closed; a disk that refuses is asked again at the next beat."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._problem = ""
        self._closed = threading.Event()
        self._beat()
        threading.Thread(target=self._run, name="heartbeat", daemon=True).start()

    def close(self) -> None:
        """Beat no more."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.wait(BEAT_S):
            self._beat()

    def _beat(self) -> None:
        try:
            self._path.touch(mode=0o600)
        except OSError as error:  # a full or vanished disk never harms a run
            if str(error) != self._problem:
                with suppress(OSError):  # the log lies on the same disk
                    print(f"heartbeat: {error}", flush=True)
            self._problem = str(error)


def is_fresh(path: Path) -> bool:
    """True when the last beat is less than 90 seconds away from now, before or after: clocks of hosts differ."""
    try:
        beaten = path.stat().st_mtime
    except OSError:
        return False
    return abs(time.time() - beaten) < FRESH_S
