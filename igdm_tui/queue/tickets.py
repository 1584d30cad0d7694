"""Tickets: one small file per run that the queue is to carry to its end. They are the truth of what is queued.

queue/ of a home holds tickets/<run_id>.json, `held` (nothing new starts while it exists), supervisor.lock,
supervisor.log, state.json (what the supervisor last saw; only shown) and queue.db (claims, see book.py).
"""

import json
import os
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from core.spec.atomic import replace_text, sync_folder
from core.spec.errors import IgdmError
from core.spec.home import Home

MAX_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """What the queue has to know about one run.

    priority: higher goes first; order: smaller goes first within one priority. paused: not started until resumed.
    device: as in runtime.device. threads, devices: as in runtime, threads counted. memory: bytes that must be free on
    each GPU; 0: the machine's default. data: IGDM_DATA of whoever queued it, "" without.
    starts: how often the queue has started it; one that is lost is started again up to max_attempts times.
    settled: the newest attempt of the run whose end was taken into account.
    """

    run_id: str
    priority: int = 0
    order: float = 0.0
    paused: bool = False
    device: str = "auto"
    threads: int = 1
    devices: int = 1
    memory: int = 0
    data: str = ""
    max_attempts: int = MAX_ATTEMPTS
    starts: int = 0
    settled: int = 0

    @property
    def place(self) -> tuple[int, float, str]:
        """What tickets are sorted by."""
        return -self.priority, self.order, self.run_id


@dataclass(frozen=True, slots=True)
class QueueFolder:
    """Names of the files of a home's queue."""

    path: Path

    @classmethod
    def of(cls, home: Home) -> "QueueFolder":
        """The queue of a home."""
        return cls(home.path / "queue")

    @property
    def tickets(self) -> Path:
        """One file per queued run."""
        return self.path / "tickets"

    @property
    def held(self) -> Path:
        """While it exists, nothing new is started."""
        return self.path / "held"

    @property
    def lock(self) -> Path:
        """Held by the supervisor for as long as it lives."""
        return self.path / "supervisor.lock"

    @property
    def log(self) -> Path:
        """What the supervisor did."""
        return self.path / "supervisor.log"

    @property
    def state(self) -> Path:
        """Why each run waits, as the supervisor last saw it."""
        return self.path / "state.json"

    @property
    def database(self) -> Path:
        """Claims."""
        return self.path / "queue.db"

    def ensure(self) -> "QueueFolder":
        """Make the folders, for the owner only.

        Raises: IgdmError naming the folder when it cannot be made.
        """
        for folder in (self.path, self.tickets):
            try:
                folder.mkdir(mode=0o700, exist_ok=True)
            except OSError as error:
                raise IgdmError(f"{folder}: cannot be made: {error.strerror or error} (use another --home)") from error
        return self

    def ticket(self, run_id: str) -> Path:
        """The ticket of one run."""
        return self.tickets / f"{run_id}.json"


def queued_ids(home: Home) -> set[str]:
    """Ids of all runs that have a ticket; one look into one folder."""
    try:
        names = os.listdir(QueueFolder.of(home).tickets)
    except OSError:
        return set()
    return {name.removesuffix(".json") for name in names if name.endswith(".json") and not name.startswith(".")}


def read_tickets(home: Home) -> list[Ticket]:
    """All tickets that can be read, in the order of the queue."""
    found = (read_ticket(home, run_id) for run_id in queued_ids(home))
    return sorted((ticket for ticket in found if ticket is not None), key=lambda ticket: ticket.place)


def read_ticket(home: Home, run_id: str) -> Ticket | None:
    """The ticket of a run; None when it has none, or a damaged one."""
    try:
        content = json.loads(QueueFolder.of(home).ticket(run_id).read_text(encoding="utf-8"))
        return _ticket(run_id, content)
    except (OSError, ValueError, TypeError):
        return None


def write_ticket(home: Home, ticket: Ticket) -> None:
    """Write a ticket by rename."""
    content = asdict(ticket)
    del content["run_id"]
    replace_text(QueueFolder.of(home).ticket(ticket.run_id), json.dumps(content) + "\n")


def remove_ticket(home: Home, run_id: str) -> bool:
    """Take a run out of the queue; False when it was not in."""
    folder = QueueFolder.of(home)
    try:
        folder.ticket(run_id).unlink()
    except FileNotFoundError:
        return False
    sync_folder(folder.tickets)
    return True


def is_held(home: Home) -> bool:
    """True while nothing new may start."""
    return QueueFolder.of(home).held.exists()


def _ticket(run_id: str, content: Any) -> Ticket:
    """Raises TypeError when the content or a value in it has another type than it should."""
    if not isinstance(content, dict):
        raise TypeError("no object")
    ticket = Ticket(run_id=run_id)
    values: dict[str, Any] = {}
    for entry in fields(Ticket):
        if entry.name == "run_id" or entry.name not in content:
            continue
        value, kind = content[entry.name], type(getattr(ticket, entry.name))
        if not isinstance(value, (int, float) if kind is float else kind):
            raise TypeError(f"{entry.name}: {value!r}")
        values[entry.name] = value
    return replace(ticket, **values)
