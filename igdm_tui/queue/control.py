"""What people do to a queue. Every change is one transaction of queue.db; what it changes is files."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.spec.atomic import replace_text
from core.spec.errors import IgdmError
from core.spec.home import DATA_VARIABLE, Home
from core.spec.run_folder import RunFolder
from igdm_tui.launch.process import require_resumable
from igdm_tui.launch.stopping import GRACE_S, end_worker, stop_run
from igdm_tui.queue.book import await_start, changing
from igdm_tui.queue.settings import usable_cores
from igdm_tui.queue.tickets import (
    MAX_ATTEMPTS,
    QueueFolder,
    Ticket,
    read_ticket,
    read_tickets,
    write_ticket,
)


def put(
    folder: RunFolder, *, priority: int | None = None, max_attempts: int | None = None, paused: bool = False
) -> Ticket:
    """Put a run at the end of the queue; one that is in keeps its place, with a fresh count of attempts.

    Raises: IgdmError when the run is finished, runs already, or has no readable settings; TryAgainError.
    """
    home = folder.home
    wish = _wish(folder)
    changes: dict[str, Any] = {} if priority is None else {"priority": priority}
    with changing(home):
        require_resumable(folder)
        folder.stop_mark.unlink(missing_ok=True)
        worker = folder.read_worker()
        found = read_ticket(home, folder.run_id)
        orders = [ticket.order for ticket in read_tickets(home)]
        ticket = replace(
            found or Ticket(run_id=folder.run_id, order=float(int(max(orders, default=0.0)) + 1)),
            paused=paused,
            max_attempts=max_attempts or (found.max_attempts if found else MAX_ATTEMPTS),
            starts=0,
            settled=worker[1] if worker else 0,
            **changes,
            **wish,
        )
        write_ticket(home, ticket)
    return ticket


def pause(folder: RunFolder, *, grace_s: float = GRACE_S) -> str:
    """Keep a run waiting until it is resumed; one that runs stops after a checkpoint first. What came of it in words.

    Raises: IgdmError when it is not in the queue.
    """
    _change(folder, paused=True)
    await_start(folder)
    worker = folder.living_worker()
    if worker is None:
        return "paused"
    said = end_worker(folder, worker[0], wait_s=grace_s, kill=True)
    return f"{said}, paused"


def unpause(folder: RunFolder) -> None:
    """Let a paused run wait for its slot again.

    Raises: IgdmError when it is not in the queue.
    """
    _change(folder, paused=False)


def set_priority(folder: RunFolder, priority: int) -> None:
    """Runs with a higher priority start first.

    Raises: IgdmError when it is not in the queue.
    """
    _change(folder, priority=priority)


def move(folder: RunFolder, to: int) -> int:
    """Put a run at a place of the queue, counted from 1; where it stands then. It may take a neighbour's priority.

    Raises: IgdmError when it is not in the queue, or runs.
    """
    home = folder.home
    with changing(home):
        ticket = _ticket(folder)
        waiting = [other for other in read_tickets(home) if _is_waiting(home, other)]
        if ticket.run_id not in {other.run_id for other in waiting}:
            raise IgdmError(f"{folder.run_id}: runs already: it has no place in the queue")
        others = [other for other in waiting if other.run_id != ticket.run_id]
        place = max(min(to, len(others) + 1), 1)
        before = others[place - 2] if place > 1 else None
        after = others[place - 1] if place <= len(others) else None
        write_ticket(home, _between(ticket, before, after))
    return place


def remove(folder: RunFolder) -> str:
    """Take a run out of the queue; one that runs is stopped. What came of it in words.

    Raises: IgdmError when it is not in the queue.
    """
    _ticket(folder)
    return stop_run(folder)


def hold(home: Home) -> None:
    """Start nothing new; what runs goes on."""
    with changing(home):
        replace_text(QueueFolder.of(home).held, "")


def unhold(home: Home) -> None:
    """Start runs again."""
    with changing(home):
        QueueFolder.of(home).held.unlink(missing_ok=True)


def _change(folder: RunFolder, **changes: Any) -> None:
    with changing(folder.home):
        write_ticket(folder.home, replace(_ticket(folder), **changes))


def _ticket(folder: RunFolder) -> Ticket:
    ticket = read_ticket(folder.home, folder.run_id)
    if ticket is None:
        raise IgdmError(f"{folder.run_id}: is not in the queue (`igdm retry {folder.run_id}` puts it in)")
    return ticket


def _is_waiting(home: Home, ticket: Ticket) -> bool:
    return RunFolder(home.runs / ticket.run_id).living_worker() is None


def _between(ticket: Ticket, before: Ticket | None, after: Ticket | None) -> Ticket:
    """The ticket with a priority and an order that sort it between two others."""
    highest = before.priority if before else max(ticket.priority, after.priority if after else ticket.priority)
    lowest = after.priority if after else min(ticket.priority, highest)
    priority = max(min(ticket.priority, highest), lowest)
    follows = before is not None and before.priority == priority
    precedes = after is not None and after.priority == priority
    order = ticket.order
    if follows and precedes and before and after:
        order = (before.order + after.order) / 2
    elif follows and before:
        order = before.order + 1
    elif precedes and after:
        order = after.order - 1
    return replace(ticket, priority=priority, order=order)


def _wish(folder: RunFolder) -> dict[str, Any]:
    """What the run's settings ask of the machine, as fields of a ticket.

    Raises: IgdmError when config.toml cannot be read.
    """
    from core.spec.loading import load_config
    from core.spec.memory import training_memory

    config = load_config(folder.config)
    memory = training_memory(config)
    data = os.environ.get(DATA_VARIABLE)
    return {
        "device": config.runtime.device,
        "threads": config.runtime.threads or usable_cores(),
        "devices": config.runtime.devices,
        "memory": memory.total if memory else 0,
        "data": str(Path(data).expanduser().resolve()) if data else "",
    }
