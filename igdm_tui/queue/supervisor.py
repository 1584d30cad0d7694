"""The supervisor of a home: `python -P -m igdm_tui.queue.supervisor HOME [--stay]`. Detached, at most one per home.

Twice a second it looks at every ticket: runs that have ended leave the queue or wait again, waiting ones start when
slots are free. It keeps nothing in memory that matters: killed at any moment, the next one goes on from the files.
Without --stay it ends when nothing is left to do.
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.spec.errors import IgdmError, TryAgainError
from core.spec.event_file import EventWriter
from core.spec.events import RunFailed
from core.spec.home import Home
from core.spec.leftovers import sweep_queue
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from igdm_tui.launch.ending import last_word
from igdm_tui.launch.process import reap, start_worker
from igdm_tui.launch.stopping import kill_processes
from igdm_tui.queue.book import changing, claim, release
from igdm_tui.queue.control import put
from igdm_tui.queue.gpus import Gpu, GpuWatch
from igdm_tui.queue.grant import queue_grant
from igdm_tui.queue.plan import Decision, decide
from igdm_tui.queue.settings import read_settings
from igdm_tui.queue.slots import HeldSlots, looking_at, read_label
from igdm_tui.queue.summon import TAKE_OVER_S, holds, take_lock
from igdm_tui.queue.survey import groups_on, slot_names, survey, wish_of
from igdm_tui.queue.tickets import (
    QueueFolder,
    Ticket,
    is_held,
    queued_ids,
    read_ticket,
    read_tickets,
    remove_ticket,
    write_ticket,
)

TICK_S = 0.5
IDLE_S = 5.0
RETRY_S = 5.0
REST = 10.0  # times as long as a look takes: a thousand tickets on a slow disk keep no core busy
FOREVER_S = 1e9
PAUSED = "paused"
HELD = "the queue is stopped"


@dataclass(slots=True)
class Round:
    """What one look found. waiting: unpaused tickets without a worker. reasons: why, by run id."""

    waiting: list[Ticket]
    running: list[Ticket]
    reasons: dict[str, str]


class Supervisor:
    """Looks after the tickets of one home until asked to end or nothing is left."""

    def __init__(self, home: Home, *, stay: bool = False) -> None:
        self.home, self.stay = home, stay
        self.me = ProcessIdentity.of_this()
        self.gpus = GpuWatch()
        self.lock: int | None = None
        self.ending = threading.Event()
        self._shown: dict[str, str] | None = None
        self._said = ""

    def run(self) -> None:
        """Until SIGTERM, or until nothing has been left to do for five seconds."""
        idle_since = time.monotonic()
        say(f"supervises {self.home.path}, process {self.me.pid}")
        while not self.ending.is_set():
            pause_s = TICK_S
            if not holds(self.home, self.lock):
                say("its folder is gone or another; whoever needs a supervisor there starts one")
                return
            try:
                began = time.monotonic()
                found = self.look()
                pause_s = max(TICK_S, REST * (time.monotonic() - began))
                self._said = ""
                if found.waiting or found.running:
                    idle_since = time.monotonic()
                elif not self.stay and time.monotonic() - idle_since > IDLE_S and self._may_leave():
                    say("nothing is left to do")
                    return
            except (IgdmError, OSError) as error:  # a full disk or a busy file today may be well in a moment
                pause_s = RETRY_S
                if str(error) != self._said:
                    self._said = str(error)
                    say(f"cannot go on now: {error}")
            self.ending.wait(pause_s)
        say("asked to end; runs go on")

    def look(self) -> Round:
        """Settle what has ended, start what can start, and write down why the rest waits."""
        reap()
        found = Round([], [], {})
        tickets = read_tickets(self.home)
        self._mend({ticket.run_id for ticket in tickets})
        for ticket in tickets:
            current = self._settle(ticket)
            if current is None:
                continue
            if RunFolder(self.home.runs / current.run_id).living_worker() is not None:
                found.running.append(current)
            elif current.paused:
                found.reasons[current.run_id] = PAUSED
            else:
                found.waiting.append(current)
        if is_held(self.home):
            found.reasons |= {ticket.run_id: HELD for ticket in found.waiting}
            found.waiting = []
        elif found.waiting:
            self._start_some(found)
        self._show(found.reasons)
        return found

    def _may_leave(self) -> bool:
        """Let go of the lock in the transaction that sees that nothing is left: who adds a run later finds none."""
        with changing(self.home):
            if not is_held(self.home) and any(not ticket.paused for ticket in read_tickets(self.home)):
                return False
            self.let_go()
            return True

    def let_go(self) -> None:
        """Be the supervisor no more."""
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None

    def _mend(self, readable: set[str]) -> None:
        """A ticket that cannot be read is made anew: the run loses its place, not its turn."""
        for run_id in queued_ids(self.home) - readable:
            path = QueueFolder.of(self.home).ticket(run_id)
            if read_ticket(self.home, run_id) is None and path.exists():
                say(f"{run_id}: its ticket cannot be read and is made anew")
                path.unlink(missing_ok=True)
                try:
                    put(RunFolder(self.home.runs / run_id))
                except IgdmError as error:
                    say(f"{run_id}: leaves the queue: {error}")

    # Runs that have ended

    def _settle(self, ticket: Ticket) -> Ticket | None:
        """Take the end of a run into account, once; None when it leaves the queue."""
        folder = RunFolder(self.home.runs / ticket.run_id)
        worker = folder.read_worker()
        if worker is None or worker[1] <= ticket.settled:
            if folder.config.exists():
                return ticket
            self._leave(ticket, "its folder is gone")
            return None
        if folder.living_worker() is not None:
            return ticket
        with changing(self.home):
            current = read_ticket(self.home, ticket.run_id)
            if current is None:
                return None
            word = last_word(folder)
            if word in ("finished", "failed"):
                remove_ticket(self.home, ticket.run_id)
                say(f"{ticket.run_id}: {word}")
            elif word == "stopped":  # by no one who wanted it out of the queue: a machine that goes down, a preemption
                current = replace(current, settled=worker[1], starts=max(current.starts - 1, 0))
                write_ticket(self.home, current)
                say(f"{ticket.run_id}: was stopped and goes on")
            else:
                current = replace(current, settled=worker[1])
                self._lost(folder, current)
        killed = kill_processes(worker[0])
        if killed:
            say(f"{ticket.run_id}: {killed} processes that its worker had left behind were killed")
        return read_ticket(self.home, ticket.run_id)

    def _lost(self, folder: RunFolder, ticket: Ticket) -> None:
        """A worker has vanished without a word: again, until the limit."""
        if ticket.starts < ticket.max_attempts:
            write_ticket(self.home, ticket)
            say(f"{ticket.run_id}: lost; attempt {ticket.starts} of {ticket.max_attempts}, goes on")
            return
        error = f"its worker has vanished without a word {ticket.starts} times (killed, or out of memory?)"
        lock = folder.try_lock()
        if lock is None:
            return  # somebody has just started it
        with lock:
            writer = EventWriter(folder.events)
            try:
                writer.write(RunFailed(error=error, attempt=ticket.settled), sync=True)
            finally:
                writer.close()
        remove_ticket(self.home, ticket.run_id)
        say(f"{ticket.run_id}: {error}")

    def _leave(self, ticket: Ticket, why: str) -> None:
        with changing(self.home):
            remove_ticket(self.home, ticket.run_id)
        say(f"{ticket.run_id}: leaves the queue: {why}")

    # Runs that wait

    def _start_some(self, found: Round) -> None:
        settings = read_settings()
        gpus = self.gpus.look()
        names = slot_names(settings, gpus)
        tickets = {ticket.run_id: ticket for ticket in found.waiting}
        has_gpu = any(device != "cpu" for device in names.values())
        wishes = [wish_of(ticket, settings, has_gpu=has_gpu) for ticket in found.waiting]
        with looking_at(names) as free:
            labels = {name: read_label(name) for name in names if name not in free.descriptors}
            slots = survey(settings, gpus, free.descriptors.keys(), labels, groups_on(gpus, labels))
            decisions = decide(wishes, slots)
            granted = [(decision, free.split(decision.slots)) for decision in decisions if decision.slots]
        found.reasons |= {decision.run_id: decision.reason for decision in decisions if not decision.slots}
        memory = {wish.run_id: wish.memory for wish in wishes}
        try:
            for decision, slots_of_run in granted:
                ticket = tickets[decision.run_id]
                self._start(ticket, decision, slots_of_run, gpus, memory[ticket.run_id])
                found.waiting.remove(ticket)
                found.running.append(ticket)
        finally:
            for _, slots_of_run in granted:
                slots_of_run.close()

    def _start(self, ticket: Ticket, decision: Decision, slots: HeldSlots, gpus: Sequence[Gpu], memory: int) -> None:
        """Claim, start, release; a run that cannot be started says so in its own events."""
        if self.ending.is_set() or claim(self.home, ticket.run_id, self.me) is None:
            return
        folder = RunFolder(self.home.runs / ticket.run_id)
        folder.stop_mark.unlink(missing_ok=True)  # of an earlier pause: now it is to run
        on_gpu = decision.slots[0].startswith("cuda")
        grant = queue_grant(slots, gpus, threads=ticket.threads, memory=memory if on_gpu else 0, data=ticket.data)
        try:
            pid = start_worker(folder, grant)
            say(f"{ticket.run_id}: started on {' '.join(decision.slots)}, process {pid}")
        except TryAgainError as error:
            say(str(error))
        except IgdmError as error:
            self._leave(ticket, str(error))
        finally:
            release(self.home, ticket.run_id)

    def _show(self, reasons: dict[str, str]) -> None:
        """Write down why runs wait, when that has changed. Only for people: without fsync."""
        if reasons == self._shown:
            return
        path = QueueFolder.of(self.home).state
        temporary = path.with_suffix(".tmp")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps({"reasons": reasons}) + "\n", encoding="utf-8")
        temporary.replace(path)
        self._shown = dict(reasons)


def say(text: str) -> None:
    """One line for supervisor.log."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}", flush=True)


def main(arguments: list[str]) -> int:
    """Supervise one home. Returns the exit code: 0 also when another supervisor is there."""
    stay = "--stay" in arguments
    places = [argument for argument in arguments if argument != "--stay"]
    if len(places) != 1 or not Path(places[0]).is_dir():
        print("usage: python -P -m igdm_tui.queue.supervisor HOME [--stay]", file=sys.stderr)
        return 2
    supervisor = Supervisor(Home(Path(places[0]).resolve()), stay=stay)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: supervisor.ending.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    patience_s = FOREVER_S if stay else TAKE_OVER_S
    supervisor.lock = take_lock(supervisor.home, patience_s=patience_s, ending=supervisor.ending)
    if supervisor.lock is not None:
        sweep_queue(supervisor.home)
        supervisor.run()
        supervisor.let_go()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
