"""What happens when a run ends while the program is open: who is told of it, once, and a program of the user's own."""

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from queue import SimpleQueue
from typing import TYPE_CHECKING

from textual.message import Message

from core.spec.home import HOME_VARIABLE, Home
from igdm_tui.sanitise import sanitise_line

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

GOING = ("running", "queued")
HOOK_S = 60.0  # a program of the user's that takes longer is ended


class RunsEnded(Message):
    """Runs that have ended a moment ago."""

    def __init__(self, rows: "Sequence[RunRow]") -> None:
        self.rows = rows
        super().__init__()


class HookFailed(Message):
    """The user's program could not be started, or said that it failed."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__()


class EndWatch:
    """Knows which runs were going, and so which have ended since."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[str, int]] | None = None

    def ended(self, rows: "Iterable[RunRow]") -> "list[RunRow]":
        """Runs that have ended since the last call, and new ones that have ended already; none at the first call."""
        states = {row.id: (row.status, row.attempt) for row in rows}
        before, self._states = self._states, states
        if before is None or before == states:
            return []
        return [
            row
            for row in rows
            if row.status not in GOING and not row.folder_missing and _was_going(before.get(row.id), row)
        ]


def _was_going(before: tuple[str, int] | None, row: "RunRow") -> bool:
    """Seen as going before, or not seen at all, or started and ended again between two looks."""
    return before is None or before[0] in GOING or before[1] < row.attempt


class Teller(threading.Thread):
    """Sorts out runs that ended before the program began, says which ended now, and starts the user's program."""

    def __init__(self, home: Home, command: Sequence[str], post: Callable[[Message], object]) -> None:
        """command: program and arguments, empty for none."""
        super().__init__(name="igdm-teller", daemon=True)
        self._home, self._command, self._post = home, tuple(command), post
        self._began = time.time()
        self._waiting: SimpleQueue[Sequence[RunRow] | None] = SimpleQueue()

    def tell(self, rows: "Sequence[RunRow]") -> None:
        """Runs that may have ended now; returns at once."""
        if rows:
            self._waiting.put(rows)

    def set_command(self, command: Sequence[str]) -> None:
        """Another program from now on."""
        self._command = tuple(command)

    def stop(self) -> None:
        """End after what waits; returns at once."""
        self._waiting.put(None)

    def run(self) -> None:
        """One after the other, so that a hundred ends at once are not a hundred processes."""
        while (rows := self._waiting.get()) is not None:
            fresh = [row for row in rows if self._is_fresh(row)]
            if fresh:
                self._post(RunsEnded(fresh))
            for row in fresh if self._command else ():
                problem = run_hook(self._command, row, self._home)
                if problem:
                    self._post(HookFailed(problem))

    def _is_fresh(self, row: "RunRow") -> bool:
        """Its last event is younger than this program; one without a last word was seen going a moment ago."""
        if row.status == "lost":
            return True
        try:
            return (row.folder / "events.jsonl").stat().st_mtime >= self._began
        except OSError:
            return False


def run_hook(command: Sequence[str], row: "RunRow", home: Home) -> str:
    """Start the user's program for a run and wait for it, a minute at most; what went wrong, or "".

    The run is in its environment: IGDM_RUN_ID, IGDM_RUN_NAME, IGDM_RUN_STATUS, IGDM_RUN_FOLDER and IGDM_HOME. No shell
    reads any of it, and it has no terminal.
    """
    about = {
        "IGDM_RUN_ID": row.id,
        "IGDM_RUN_NAME": sanitise_line(row.name),
        "IGDM_RUN_STATUS": row.status,
        "IGDM_RUN_FOLDER": str(row.folder),
        HOME_VARIABLE: str(home.path),
    }
    words = [os.path.expanduser(command[0]), *command[1:]]
    silent = subprocess.DEVNULL
    try:
        done = subprocess.run(
            words, env=os.environ | about, stdin=silent, stdout=silent, stderr=silent, timeout=HOOK_S,
            start_new_session=True, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{words[0]} took more than {HOOK_S:.0f} s and was ended"
    except (OSError, ValueError) as error:
        return f"{words[0]} cannot be started: {error}"
    return f"{words[0]} ended with code {done.returncode}" if done.returncode else ""


def ends_text(rows: "Sequence[RunRow]") -> str:
    """One sentence about runs that ended, with their names while they are few."""
    if len(rows) <= 3:
        return ", ".join(f"{sanitise_line(row.name)[:60]} {_word(row)}" for row in rows)
    counts = Counter(_word(row) for row in rows)
    return f"{len(rows)} runs ended: " + ", ".join(f"{count} {word}" for word, count in counts.items())


def _word(row: "RunRow") -> str:
    return "is lost" if row.status == "lost" else row.status
