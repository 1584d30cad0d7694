"""Leaving by a signal, and when the terminal is gone: nobody is left to draw for, and runs go on by themselves."""

import asyncio
import os
import signal
import sys
import termios
import threading
from types import FrameType

from textual.app import App

SIGNAL_BASE = 128
LOOK_S = 2.0  # between looks at the terminal: its hang-up may be told to a shell alone
PATIENCE_S = 3.0  # for what is being closed, once the terminal is gone


class LeavingApp(App[None]):
    """An app that SIGTERM and SIGHUP end as `q` does, and that does not outlive its terminal.

    Textual by itself would leave the terminal in disorder; without one its threads wait, or ask for keys, for ever.
    """

    _began_in_terminal = False
    _resume: object = None

    def heed_signals(self) -> None:
        """From now on; to be called when the app is mounted."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self._leave_by, number)
            except (ValueError, RuntimeError):  # not the main thread: whoever runs us there handles signals
                return
        self._began_in_terminal = _has_terminal()
        if self._began_in_terminal:
            self._resume = signal.signal(signal.SIGCONT, self._continued)
            self.set_interval(LOOK_S, self._look)

    def close_all(self) -> None:
        """What ends with the app beside its screens."""

    def _leave_by(self, number: int) -> None:
        self._look()
        self.exit(return_code=SIGNAL_BASE + number)

    def _continued(self, number: int, frame: FrameType | None) -> None:
        """SIGCONT comes after ctrl+z, and with the hang-up of a terminal, which is not to be drawn on again."""
        self._look()
        if callable(self._resume):
            self._resume(number, frame)

    def _look(self) -> None:
        """End here and now where the terminal is gone."""
        if self._began_in_terminal and not _has_terminal():
            self._leave_at_once()

    def _leave_at_once(self) -> None:
        """Close what is ours and end the process: Textual's own end would write to the terminal that is gone."""
        code = SIGNAL_BASE + signal.SIGHUP
        deadline = threading.Timer(PATIENCE_S, os._exit, (code,))
        deadline.daemon = True
        deadline.start()
        self.close_all()
        os._exit(code)


def _has_terminal() -> bool:
    """Whether standard input is a terminal that is still there."""
    try:
        termios.tcgetattr(sys.__stdin__.fileno())  # type: ignore[union-attr]
    except (termios.error, OSError, ValueError, AttributeError):
        return False
    return True
