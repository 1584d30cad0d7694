"""Following one run from its event file until it ends, and stopping it on Ctrl-C."""

import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from enum import Enum
from typing import NamedTuple, Protocol

from core.spec.errors import IgdmError, TryAgainError
from core.spec.event_file import read_lines
from core.spec.events import (
    BadLineError,
    EvaluationFailed,
    EvaluationFinished,
    EvaluationStopped,
    Event,
    RunFailed,
    RunFinished,
    RunStopped,
    decode_record,
)
from core.spec.run_folder import RunFolder
from igdm_tui.cli.progress import RunProgress
from igdm_tui.cli.session import say, talks_to_terminal
from igdm_tui.launch.process import exit_code_of
from igdm_tui.launch.stopping import stop_run

POLL_S = 0.15
LIVENESS_S = 1.0


class Ending(Enum):
    """How a run that was followed ended, with the exit code that says so."""

    FINISHED = 0
    FAILED = 1
    LOST = -1
    STOPPED = 130

    @property
    def exit_code(self) -> int:
        """By the command line's contract: a lost run has failed."""
        return abs(self.value)


Endings = Mapping[type[Event], Ending]
ENDINGS: Endings = {RunFinished: Ending.FINISHED, RunFailed: Ending.FAILED, RunStopped: Ending.STOPPED}
EVALUATION_ENDINGS: Endings = {
    EvaluationFinished: Ending.FINISHED,
    EvaluationFailed: Ending.FAILED,
    EvaluationStopped: Ending.STOPPED,
}


class Followed(NamedTuple):
    """How it ended; why it failed, and whether because what it was given is wrong."""

    ending: Ending
    error: str = ""
    bad_input: bool = False


class Display(AbstractContextManager[object], Protocol):
    """Shows a run while it goes on."""

    def show(self, event: Event, progress: RunProgress) -> None:
        """An event has come; `progress` has taken it in already."""

    def tick(self, progress: RunProgress) -> None:
        """Time has gone by."""


def display_for_terminal() -> Display:
    """One that moves on a terminal, plain lines elsewhere."""
    if talks_to_terminal():
        from igdm_tui.cli.live_display import LiveDisplay

        return LiveDisplay()
    from igdm_tui.cli.plain_display import PlainDisplay

    return PlainDisplay()


def follow(folder: RunFolder, name: str, display: Display, *, offset: int) -> Ending:
    """Show a run's events from a byte offset on until its worker has ended. Ctrl-C stops it after a checkpoint.

    Raises: KeyboardInterrupt on a second Ctrl-C; the run then stops by itself.
    """
    return follow_to_end(folder, name, display, offset=offset, endings=ENDINGS, place="after a checkpoint").ending


def follow_to_end(
    folder: RunFolder, name: str, display: Display, *, offset: int, endings: Endings, place: str
) -> Followed:
    """The same until one of some endings, with why it failed. place: where it stops on Ctrl-C, in words."""
    reader = _Reader(folder, RunProgress(run_id=folder.run_id, name=name), display, offset, endings)
    with display:
        try:
            ending = reader.until_end()
        except KeyboardInterrupt:
            reader.progress.note = f"stopping {place}; Ctrl-C again leaves it to stop by itself"
            display.tick(reader.progress)
            _stop(folder)
            ending = reader.until_end()
    return Followed(ending, reader.progress.error, reader.progress.bad_input)


def _stop(folder: RunFolder) -> None:
    """Ask the worker to stop; one that has ended in the meantime needs no asking."""
    try:
        stop_run(folder, wait_s=0.0, kill=False)
    except TryAgainError:
        return  # asked, and still on its way to the checkpoint: its last event tells the rest
    except IgdmError as error:
        if folder.living_worker() is not None:
            say(str(error))


class _Reader:
    """Reads new events and knows when no more will come."""

    def __init__(
        self, folder: RunFolder, progress: RunProgress, display: Display, offset: int, endings: Endings
    ) -> None:
        self.progress = progress
        self._endings = endings
        self._folder, self._display, self._offset = folder, display, offset

    def until_end(self) -> Ending:
        """Show events as they come; how the run ended."""
        looked = time.monotonic()
        while True:
            ending = self._read()
            if ending is not None:
                return ending
            if time.monotonic() - looked > LIVENESS_S:
                looked = time.monotonic()
                if not self._is_alive():
                    return self._read() or Ending.LOST
            self._display.tick(self.progress)
            time.sleep(POLL_S)

    def _read(self) -> Ending | None:
        """Show what is new; how the run ended when it has."""
        lines, self._offset = read_lines(self._folder.events, self._offset)
        ending = None
        for line in lines:
            try:
                record = decode_record(line)
            except BadLineError as error:
                self.progress.warnings.append(f"a line of events.jsonl cannot be read: {error}")
                continue
            self.progress.take(record)
            self._display.show(record.event, self.progress)
            ending = self._endings.get(type(record.event), ending)
        return ending

    def _is_alive(self) -> bool:
        worker = self._folder.living_worker()
        return worker is not None and exit_code_of(worker[0].pid) is None
