"""What a worker says: events for events.jsonl, in order and once, and a readable line of each for the log."""

import time
from collections import deque

from core.spec.event_file import EventWriter, Moment
from core.spec.events import AttackProgress, Event, StepLogged, Warned
from core.spec.run_folder import RunFolder
from core.talk import say

MOST_WAITING = 100_000
CLOSE_WAIT_S = 30.0
RETRY_S = 0.5


class Reporter:
    """Writes events with the time at which they were said. A full disk delays events; it never stops training.

    What the disk does not take waits in memory and is written, in order, as soon as it does. Of more than 100,000
    single steps that wait every second one is left out, evenly over the time, and a warning says how many; nothing else
    is ever left out.
    """

    def __init__(self, folder: RunFolder, attempt: int) -> None:
        self._writer = EventWriter(folder.events, check=lambda: folder.check_attempt(attempt))
        self._waiting: deque[tuple[Event, Moment]] = deque()
        self._waiting_steps = 0
        self._steps, self._stride = 0, 1  # steps said while some wait
        self._left_out = 0
        self._problem = ""

    def emit(self, event: Event) -> None:
        """Append an event; everything but single steps reaches the disk before this returns, if the disk takes it."""
        is_step = isinstance(event, StepLogged)
        if not is_step:
            say(f"{time.strftime('%H:%M:%S')} {_readable(event)}")
        if self._waiting:  # where there is room again, no step is left out any more
            self._write_waiting(sync=False)
        self._add(event)
        self._write_waiting(sync=not is_step)

    def close(self, wait_s: float = CLOSE_WAIT_S) -> None:
        """Write what waits, flush and close. A disk that does not take it is asked again for a while, then told so."""
        deadline = time.monotonic() + wait_s
        while not self._write_waiting(sync=True) and time.monotonic() < deadline:
            time.sleep(RETRY_S)
        if self._waiting:
            say(f"{len(self._waiting)} events could not be written: {self._problem}", error=True)
        try:
            self._writer.close()
        except OSError as error:
            say(f"events.jsonl: {error}", error=True)

    def _write_waiting(self, *, sync: bool) -> bool:
        """Write all that waits; False when the disk does not take it. No event is ever written a second time."""
        try:
            while self._waiting:
                event, moment = self._waiting[0]
                self._writer.write(event, moment=moment)
                self._waiting.popleft()
                self._waiting_steps -= isinstance(event, StepLogged)
                if not self._waiting and self._left_out:
                    text = f"{self._left_out} single steps were left out of the curves: the disk was full for long"
                    self._left_out = 0
                    self._waiting.append((Warned(message=text), Moment.now()))
            if sync:
                self._writer.sync()
        except OSError as error:
            if str(error) != self._problem:
                say(f"events wait in memory: {error}", error=True)
            self._problem = str(error)
            return False
        self._problem, self._steps, self._stride = "", 0, 1
        return True

    def _add(self, event: Event) -> None:
        """Let an event wait; of single steps only every `_stride`th once there are too many."""
        if isinstance(event, StepLogged):
            self._steps += 1
            if self._steps % self._stride:
                self._left_out += 1
                return
            self._waiting_steps += 1
        self._waiting.append((event, Moment.now()))
        if self._waiting_steps > MOST_WAITING:
            self._thin_out()

    def _thin_out(self) -> None:
        """Leave out every second of the single steps that wait, and of those to come."""
        steps, kept = 0, deque[tuple[Event, Moment]]()
        for event, moment in self._waiting:
            steps += isinstance(event, StepLogged)
            if not isinstance(event, StepLogged) or steps % 2:
                kept.append((event, moment))
        self._left_out += len(self._waiting) - len(kept)
        self._waiting, self._waiting_steps, self._stride = kept, (steps + 1) // 2, self._stride * 2


def _readable(event: Event) -> str:
    """One line for the log, what matters first: the event's name and its fields."""
    if isinstance(event, AttackProgress):
        where = f"{event.attack} {event.stage} {event.batch}/{event.batches}"
        return f"{where}: {event.robust} of {event.examples} stand, {event.seconds:.0f} s ({event.evaluation})"
    parts = []
    for name in event.__dataclass_fields__:
        value = getattr(event, name)
        if isinstance(value, dict):
            parts += [f"{key}={_short(entry)}" for key, entry in value.items() if not isinstance(entry, dict)]
        elif value not in ("", None, []) and name not in ("type", "details", "version", "started_at"):
            parts.append(f"{name}={_short(value)}")
    return f"{event.type}: {' '.join(parts)}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
