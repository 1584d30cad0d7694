"""How a process that trains learns that it should stop: by a signal, or by a mark in the run folder."""

import signal
import time
from types import FrameType

from core.spec.run_folder import RunFolder

# TERM: stop, preemption. USR1, USR2: what schedulers send some time before a time limit.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
LOOK_S = 1.0  # between two looks into the run folder


class StopSignal:
    """Remembers that a stop was asked for. A second signal changes nothing: the checkpoint is near."""

    def __init__(self) -> None:
        self.number = 0
        self.name = ""
        for number in STOP_SIGNALS:
            signal.signal(number, self._remember)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closed terminal never stops a run

    def _remember(self, number: int, _frame: FrameType | None) -> None:
        if not self.number:
            self.number, self.name = number, signal.Signals(number).name

    def __call__(self) -> bool:
        """True once a stop was asked for."""
        return self.number != 0


class StopRequests(StopSignal):
    """A run's: the mark in its folder counts like SIGTERM, and a newer attempt ends this one."""

    def __init__(self) -> None:
        super().__init__()
        self._looked = 0.0
        self._folder: RunFolder | None = None
        self._attempt = 0

    def watch(self, folder: RunFolder, attempt: int) -> None:
        """Look into this folder from now on, for the mark and for attempts newer than this one."""
        self._folder, self._attempt = folder, attempt

    def __call__(self) -> bool:
        """True once a stop was asked for. Looks into the run folder at most once a second.

        Raises: SupersededError when a newer attempt has the run.
        """
        if self._folder is not None and time.monotonic() - self._looked > LOOK_S:
            self._looked = time.monotonic()
            self._folder.check_attempt(self._attempt)
            if self._folder.stop_mark.exists() and not self.number:
                self.number, self.name = signal.SIGTERM, "stop requested"
        return super().__call__()
