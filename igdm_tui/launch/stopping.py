"""Ending a run: ask its worker, wait, kill all its processes; or take it out of the queue before it starts."""

import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from core.spec.errors import IgdmError, TryAgainError
from core.spec.event_file import EventWriter
from core.spec.events import RunStopped
from core.spec.process import TOKEN_VARIABLE, ProcessIdentity, this_host
from core.spec.run_folder import RunFolder
from igdm_tui.launch.ending import last_word, place_reached
from igdm_tui.sanitise import sanitise_line
from igdm_tui.slurm.records import is_open_in_slurm

if TYPE_CHECKING:
    import psutil

GRACE_S = 60.0
KILL_WAIT_S = 10.0
POLL_S = 0.02
POLL_ELSEWHERE_S = 0.2


def stop_run(folder: RunFolder, *, wait_s: float = GRACE_S, kill: bool = True) -> str:
    """Stop a run and take it out of the queue; what came of it in words.

    Its worker is asked to stop after a checkpoint. One that is still at work after `wait_s` seconds is killed with all
    its children: the run goes on from its last checkpoint when it is resumed.
    Raises: IgdmError when there is nothing to stop or it runs elsewhere; TryAgainError when it still runs.
    """
    from igdm_tui.queue.book import await_start, changing
    from igdm_tui.queue.tickets import queued_ids, remove_ticket

    was_queued = False
    if folder.run_id in queued_ids(folder.home):
        with changing(folder.home):
            was_queued = remove_ticket(folder.home, folder.run_id)
        await_start(folder)
    if is_open_in_slurm(folder):
        from igdm_tui.slurm.submit import stop_in_slurm

        stop_in_slurm(folder, wait_s=wait_s)
        return "stopped in Slurm"
    worker = folder.living_worker()
    if worker is None and was_queued:
        say_stopped(folder, "taken out of the queue")
        return "taken out of the queue"
    if worker is None:
        raise IgdmError(f"{folder.run_id}: no worker is running (`igdm ls` shows its state)")
    return end_worker(folder, worker[0], wait_s=wait_s, kill=kill)


def end_worker(folder: RunFolder, identity: ProcessIdentity, *, wait_s: float, kill: bool) -> str:
    """TERM, grace, KILL; what came of it in words.

    Raises: as `stop_run`.
    """
    if identity.host != this_host():
        return _end_elsewhere(folder, identity, wait_s)
    try:
        os.kill(identity.pid, signal.SIGTERM)
    except ProcessLookupError:
        return "has ended"
    except PermissionError as error:
        raise IgdmError(f"{folder.run_id}: process {identity.pid} belongs to somebody else (ask them)") from error
    if not _has_ended(identity, wait_s):
        if not kill:
            raise TryAgainError(f"{folder.run_id}: asked to stop, still at work after {wait_s:.0f} s (it will stop)")
        kill_processes(identity)
        if not _has_ended(identity, KILL_WAIT_S):
            raise TryAgainError(f"{folder.run_id}: process {identity.pid} does not end (it waits for a disk or device)")
        say_stopped(folder, f"killed {wait_s:.0f} s after SIGTERM")
        return f"did not stop within {wait_s:.0f} s and was killed"
    kill_processes(identity)
    return "stopped after a checkpoint"


def _end_elsewhere(folder: RunFolder, identity: ProcessIdentity, wait_s: float) -> str:
    """Leave a mark, for which a worker on another host looks once a second; its last word says that it has stopped."""
    folder.stop_mark.touch(mode=0o600)
    deadline = time.monotonic() + wait_s
    while not last_word(folder) and folder.living_worker() is not None:
        if time.monotonic() > deadline:
            where = sanitise_line(identity.host)
            raise TryAgainError(f"{folder.run_id}: runs on {where}; asked to stop, no answer yet (it will stop)")
        time.sleep(POLL_ELSEWHERE_S)
    return f"stopped on {sanitise_line(identity.host)}"


def kill_processes(identity: ProcessIdentity) -> int:
    """Kill what is left of a worker of this host, its children too, in whatever process group; how many there were.

    They are known by the token in their environment: no pid that somebody else has got since can be hit.
    """
    import psutil

    if identity.host != this_host():
        return 0
    killed = 0
    if identity.is_alive():
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(identity.pid, signal.SIGKILL)
            killed += 1
    while identity.token and (left := [process for process in psutil.process_iter() if _has_token(process, identity)]):
        for process in left:
            with suppress(psutil.Error):
                process.kill()  # psutil looks again whether the pid is still this process
                killed += 1
        psutil.wait_procs(left, timeout=KILL_WAIT_S)
    return killed


def say_stopped(folder: RunFolder, reason: str) -> None:
    """Write the last word that no worker could write, unless it has said one, or another worker is at it."""
    lock = folder.try_lock()
    if lock is None:
        return
    with lock:
        if last_word(folder):
            return
        epoch, step = place_reached(folder)
        worker = folder.read_worker()
        writer = EventWriter(folder.events)
        try:
            attempt = worker[1] if worker else 0
            writer.write(RunStopped(reason=reason, epoch=epoch, step=step, attempt=attempt), sync=True)
        finally:
            writer.close()


def _has_ended(identity: ProcessIdentity, wait_s: float) -> bool:
    deadline = time.monotonic() + wait_s
    while identity.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _has_token(process: "psutil.Process", identity: ProcessIdentity) -> bool:
    import psutil

    try:
        carries = process.environ().get(TOKEN_VARIABLE) == identity.token
        return bool(carries and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE)
    except (psutil.Error, OSError):
        return False
