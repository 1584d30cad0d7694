"""The queue as people see it: what runs on which device, what waits and why, who looks after it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.spec.home import Home
from core.spec.process import ProcessIdentity
from igdm_tui.queue.summon import supervisor_of
from igdm_tui.queue.tickets import Ticket, is_held, read_tickets

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

MOST_ENDED = 20
ENDED = ("finished", "failed", "stopped", "lost")


@dataclass(frozen=True, slots=True)
class Waiting:
    """One run that waits. position: from 1 among those that wait."""

    row: "RunRow"
    ticket: Ticket
    position: int

    def to_json(self) -> dict[str, Any]:
        """The form that scripts rely on."""
        return {
            "id": self.row.id,
            "name": self.row.name,
            "position": self.position,
            "priority": self.ticket.priority,
            "device": self.ticket.device,
            "paused": self.ticket.paused,
            "reason": self.row.stage,
            "attempts": self.ticket.starts,
            "max_attempts": self.ticket.max_attempts,
        }


@dataclass(frozen=True, slots=True)
class QueueView:
    """running: every run that runs, by device, also those started without the queue. ended: the newest first.

    tickets: of those that run, by run id. supervisor: who looks after the queue, None for nobody. is_held: nothing new
    is started.
    """

    running: "Sequence[RunRow]"
    waiting: Sequence[Waiting]
    ended: "Sequence[RunRow]"
    tickets: Mapping[str, Ticket]
    supervisor: ProcessIdentity | None
    is_held: bool

    def to_json(self) -> dict[str, Any]:
        """The form that scripts rely on."""
        who = self.supervisor
        return {
            "supervisor": None if who is None else {"pid": who.pid, "host": who.host},
            "stopped": self.is_held,
            "running": [
                {"id": row.id, "name": row.name, "device": row.device, "stage": row.stage, "attempt": row.attempt}
                for row in self.running
            ],
            "waiting": [entry.to_json() for entry in self.waiting],
        }


def view_queue(home: Home, rows: "Sequence[RunRow]") -> QueueView:
    """The queue of a home, of which `rows` are all runs."""
    by_id = {row.id: row for row in rows}
    tickets = [ticket for ticket in read_tickets(home) if ticket.run_id in by_id]
    queued = [ticket for ticket in tickets if by_id[ticket.run_id].status == "queued"]
    ended = sorted((row for row in rows if row.status in ENDED), key=_ended_at, reverse=True)
    return QueueView(
        running=sorted((row for row in rows if row.status == "running"), key=lambda row: (row.device, row.id)),
        waiting=[Waiting(by_id[ticket.run_id], ticket, place) for place, ticket in enumerate(queued, 1)],
        ended=ended[:MOST_ENDED],
        tickets={ticket.run_id: ticket for ticket in tickets if by_id[ticket.run_id].status == "running"},
        supervisor=supervisor_of(home),
        is_held=is_held(home),
    )


def _ended_at(row: "RunRow") -> float:
    """When its event file was last written, seconds since 1970."""
    try:
        return (row.folder / "events.jsonl").stat().st_mtime
    except OSError:
        return 0.0
