"""Workers: started detached, on a slot of the machine, and started again where they were."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from core.spec.errors import IgdmError, RunFailedError, TryAgainError
from core.spec.event_file import EventWriter
from core.spec.events import RunFailed
from core.spec.plain_files import open_own
from core.spec.run_folder import RunFolder
from igdm_tui.launch.ending import last_word
from igdm_tui.sanitise import sanitise_line
from igdm_tui.slurm.records import describe, is_open_in_slurm

if TYPE_CHECKING:
    from igdm_tui.queue.grant import Grant

START_WAIT_S = 30.0
END_WAIT_S = 60.0
POLL_S = 0.02
TAIL_BYTES = 1 << 16
LOCKED_EXIT_CODE = 3

_children: list["subprocess.Popen[bytes]"] = []


def start_worker(folder: RunFolder, grant: "Grant | None" = None) -> int:
    """Start the worker of a run in a session of its own, its output in worker.log; its pid once it says who it is.

    grant: what the queue gives it; without one it takes what its settings say, and the slots of that which are free, so
    that the queue sees them in use.
    Raises: TryAgainError when another worker has the run; RunFailedError when it does not start, which the run's
    events then say too.
    """
    return _start(folder, [sys.executable, "-P", "-m", "core.worker", str(folder.path)], grant, is_run=True)


def start_evaluation(folder: RunFolder, evaluation: str) -> int:
    """Start a process that makes an evaluation whose request lies in the run folder; as `start_worker`.

    Raises: TryAgainError when the run is still being written; RunFailedError when the process does not start.
    """
    command = [sys.executable, "-P", "-m", "core.evaluation_process", str(folder.path), evaluation]
    return _start(folder, command, None, is_run=False)


def _start(folder: RunFolder, command: list[str], grant: "Grant | None", *, is_run: bool) -> int:
    """is_run: events tell when it does not start."""
    from igdm_tui.queue.grant import direct_grant

    reap()
    grant = grant or direct_grant(folder)
    try:
        log = open_own(folder.log, os.O_WRONLY | os.O_APPEND)
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder.home.path,
                env=grant.environment_of_worker(),
                pass_fds=grant.descriptors,
            )
            grant.label(folder, child.pid)
        finally:
            os.close(log)
            grant.close()
    except OSError as error:
        raise _not_started(folder, f"the worker cannot be started: {error.strerror or error}", is_run) from error
    _children.append(child)
    _await_identity(folder, child, is_run=is_run)
    return child.pid


def resume_run(folder: RunFolder) -> int:
    """Start a worker again where the last one left off; its pid.

    Raises: as `require_resumable` and `start_worker`.
    """
    require_resumable(folder)
    folder.stop_mark.unlink(missing_ok=True)
    return start_worker(folder)


def require_resumable(folder: RunFolder) -> None:
    """Raises: IgdmError when the run is complete, running, waiting in Slurm, or no run."""
    if not folder.config.exists():
        raise IgdmError(f"{folder.config}: no such file (the run is incomplete and cannot be resumed)")
    worker = folder.living_worker()
    if worker is not None:
        where = f"process {worker[0].pid} on {sanitise_line(worker[0].host)}"
        raise IgdmError(f"{folder.run_id}: is running ({where}; `igdm stop {folder.run_id}` stops it)")
    if last_word(folder) == "finished":
        raise IgdmError(f"{folder.run_id}: is finished (`igdm show {folder.run_id}` shows its results)")
    if is_open_in_slurm(folder):
        raise IgdmError(f"{folder.run_id}: Slurm has it, {describe(folder)} (`igdm stop {folder.run_id}` cancels that)")


def exit_code_of(pid: int) -> int | None:
    """How a worker that this program started has ended; None while it runs, or when somebody else started it."""
    return next((child.poll() for child in _children if child.pid == pid), None)


def await_end(pid: int, wait_s: float = END_WAIT_S) -> None:
    """Wait until a worker that this program started has ended, so that its run can be written again."""
    child = next((child for child in _children if child.pid == pid), None)
    if child is not None:
        with suppress(subprocess.TimeoutExpired):
            child.wait(wait_s)


def _await_identity(folder: RunFolder, child: "subprocess.Popen[bytes]", *, is_run: bool) -> None:
    """Wait until the worker has said who it is: from then on everyone can follow and stop it."""
    deadline = time.monotonic() + START_WAIT_S
    while time.monotonic() < deadline:
        worker = folder.read_worker()
        if worker is not None and worker[0].pid == child.pid:
            return
        code = child.poll()
        if code == LOCKED_EXIT_CODE:
            raise TryAgainError(f"{folder.run_id}: another worker has this run (`igdm ls` shows its state)")
        if code is not None:
            worker = folder.read_worker()
            if worker is not None and worker[0].pid == child.pid:
                return
            raise _not_started(folder, f"the worker ended at once with code {code}: {_last_words(folder)}", is_run)
        time.sleep(POLL_S)
    raise TryAgainError(f"{folder.run_id}: the worker says nothing after {START_WAIT_S:.0f} s (see {folder.log})")


def _not_started(folder: RunFolder, reason: str, is_run: bool) -> RunFailedError:
    """Say it in the run's events too; an evaluation that did not start changes nothing about its run."""
    if not is_run:
        return RunFailedError(f"{folder.run_id}: {reason} (see {folder.log})")
    try:
        writer = EventWriter(folder.events)
        try:
            writer.write(RunFailed(error=reason), sync=True)
        finally:
            writer.close()
    except OSError as error:
        reason = f"{reason}; its events cannot say so: {error.strerror or error}"
    return RunFailedError(f"{folder.run_id}: {reason} (see {folder.log})")


def _last_words(folder: RunFolder) -> str:
    """The last line of the worker's log."""
    lines = folder.log.read_bytes()[-TAIL_BYTES:].decode("utf-8", "replace").strip().splitlines()
    return sanitise_line(lines[-1])[:300] if lines else "it printed nothing"


def reap() -> None:
    """Forget children that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]
