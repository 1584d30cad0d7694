"""Finding, starting and ending the supervisor of a home. Whoever finds none where one is needed starts one."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from core.spec.errors import IgdmError, TryAgainError
from core.spec.home import Home
from core.spec.plain_files import NO_LOCKS
from core.spec.process import ProcessIdentity, this_host
from igdm_tui.queue.tickets import QueueFolder, is_held, queued_ids, read_tickets

MODULE = "igdm_tui.queue.supervisor"
TAKE_OVER_S = 1.0
RESTART_S = 10.0  # between two starts by one program, should a supervisor fail at once again and again
END_WAIT_S = 15.0
POLL_S = 0.05
LARGEST_LOG = 1 << 20

_newest: dict[Path, tuple["subprocess.Popen[bytes]", float]] = {}
_children: list["subprocess.Popen[bytes]"] = []


def ensure_supervisor(home: Home) -> bool:
    """Start a supervisor if runs wait and none is there; True when one was started. Returns at once.

    Of several that start at the same time one stays.
    Raises: IgdmError when it cannot be started.
    """
    _children[:] = [child for child in _children if child.poll() is None]
    if is_held(home) or not queued_ids(home) or is_supervised(home):
        return False
    if _has_just_failed(home):
        return False
    if all(ticket.paused for ticket in read_tickets(home)):
        return False
    folder = QueueFolder.of(home)
    try:
        log = os.open(folder.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            if os.fstat(log).st_size > LARGEST_LOG:
                os.ftruncate(log, 0)
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", MODULE, str(home.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=home.path,
            )
        finally:
            os.close(log)
    except OSError as error:
        raise IgdmError(f"{folder.log}: the queue's supervisor cannot be started: {error.strerror or error}") from error
    _children.append(child)
    _newest[home.path] = (child, time.monotonic())
    return True


def _has_just_failed(home: Home) -> bool:
    """The supervisor that this program has started here did not end by itself, moments after its start."""
    child, started = _newest.get(home.path, (None, 0.0))
    return child is not None and child.poll() not in (None, 0) and time.monotonic() - started < RESTART_S


def is_supervised(home: Home) -> bool:
    """True while a living process holds the supervisor's lock, on whatever host."""
    try:
        descriptor = os.open(QueueFolder.of(home).lock, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not _lock(descriptor, fcntl.LOCK_SH, QueueFolder.of(home).lock)
    finally:
        os.close(descriptor)


def require_locks(home: Home) -> None:
    """Look whether this disk has the file locks that a queue stands on, before a run is made for it.

    Raises: IgdmError when it has none.
    """
    path = QueueFolder.of(home).ensure().lock
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, fcntl.LOCK_SH, path)
    finally:
        os.close(descriptor)


def supervisor_of(home: Home) -> ProcessIdentity | None:
    """The process that supervises this home now; None when nobody does."""
    if not is_supervised(home):
        return None
    try:
        content = json.loads(QueueFolder.of(home).lock.read_text(encoding="utf-8"))
        return ProcessIdentity(
            pid=int(content["pid"]),
            started_at=float(content["started_at"]),
            host=str(content["host"]),
            since_boot=str(content["since_boot"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def take_lock(home: Home, *, patience_s: float, ending: threading.Event) -> int | None:
    """Become the supervisor of a home: an open file that keeps it until closed, or the process ends; None when not.

    Whoever asks whether there is one holds the lock for a moment, so it is tried for a while. ending: set to give up.
    """
    path = QueueFolder.of(home).ensure().lock
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + patience_s
    while not _lock(descriptor, fcntl.LOCK_EX, path):
        if time.monotonic() > deadline or ending.wait(POLL_S):
            os.close(descriptor)
            return None
    me = ProcessIdentity.of_this()
    content = {"pid": me.pid, "started_at": me.started_at, "host": me.host, "since_boot": me.since_boot}
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(content).encode() + b"\n", 0)
    return descriptor


def holds(home: Home, descriptor: int | None) -> bool:
    """True while the lock that was taken is still the file of that name: homes are removed and made again."""
    if descriptor is None:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), QueueFolder.of(home).lock.stat())
    except OSError:
        return False


def end_supervisor(home: Home) -> bool:
    """End the supervisor; runs go on. False when there is none.

    Raises: IgdmError when it runs on another host; TryAgainError when it does not end.
    """
    identity = supervisor_of(home)
    if identity is None:
        return False
    if identity.host != this_host():
        raise IgdmError(f"{home.path}: its supervisor runs on {identity.host} (stop it there)")
    os.kill(identity.pid, signal.SIGTERM)
    deadline = time.monotonic() + END_WAIT_S
    while is_supervised(home):
        if time.monotonic() > deadline:
            raise TryAgainError(f"{home.path}: the supervisor, process {identity.pid}, does not end (try again)")
        time.sleep(POLL_S)
    return True


def systemd_unit(home: Home) -> str:
    """A unit for `systemctl --user` that keeps a supervisor for this home, also after a restart of the machine."""
    words = [sys.executable, "-P", "-m", MODULE, str(home.path), "--stay"]
    return f"""# Save as ~/.config/systemd/user/igdm-queue.service, then:
#   systemctl --user daemon-reload && systemctl --user enable --now igdm-queue
#   loginctl enable-linger        # so that it starts without a login and stays after logout
[Unit]
Description=igdm-tui: the queue of {_unit_text(str(home.path))}

[Service]
ExecStart={" ".join(_unit_word(word) for word in words)}
WorkingDirectory={_unit_text(str(home.path))}
Restart=on-failure
# Runs are processes of their own: ending the supervisor leaves them alone.
KillMode=process

[Install]
WantedBy=default.target
"""


def _unit_word(word: str) -> str:
    escaped = _unit_text(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if escaped != word or " " in word else word


def _unit_text(text: str) -> str:
    """Nothing that systemd would read as a specifier or a new line."""
    return text.replace("%", "%%").replace("\n", " ")


def _lock(descriptor: int, kind: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in NO_LOCKS:
            message = f"{path}: this disk has no file locks, so there can be no queue (put the home on another disk)"
            raise IgdmError(message) from error
        raise
    return True
