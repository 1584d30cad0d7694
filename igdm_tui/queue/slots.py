"""Slots: what one worker may use of this machine, each a lock file that the worker itself holds.

They belong to the machine and the user, not to a home: two homes with two supervisors can never give one device twice.
A slot is an flock on an open file that the worker inherits; the kernel frees it however the worker dies, and no pid has
to be trusted. They lie in the user's state folder, not in $XDG_RUNTIME_DIR: that one is emptied at logout while
workers go on, and a new file of the same name would be a second lock for the same device.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.spec.errors import IgdmError
from core.spec.plain_files import NO_LOCKS, make_private
from core.spec.process import this_host


@dataclass(slots=True)
class HeldSlots:
    """Slots that this process holds until it closes them; whoever inherits the descriptors holds them too."""

    descriptors: dict[str, int] = field(default_factory=dict)

    def take(self, name: str) -> bool:
        """Try to get one more; False when somebody has it."""
        descriptor = _try_lock(slot_path(name))
        if descriptor is not None:
            self.descriptors[name] = descriptor
        return descriptor is not None

    def split(self, names: Iterable[str]) -> "HeldSlots":
        """Some of these, to be held and closed apart from the others."""
        return HeldSlots({name: self.descriptors.pop(name) for name in names})

    def label(self, **content: Any) -> None:
        """Write into the files what they are held for; only shown."""
        text = json.dumps(content).encode() + b"\n"
        for descriptor in self.descriptors.values():
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text, 0)

    def close(self) -> None:
        """Hold them no more."""
        for descriptor in self.descriptors.values():
            os.close(descriptor)
        self.descriptors.clear()

    def __enter__(self) -> "HeldSlots":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def slots_folder() -> Path:
    """Where the lock files of this user on this machine are; made when missing.

    Raises: IgdmError when it cannot be made.
    """
    import platformdirs

    folder = platformdirs.user_state_path("igdm-tui", appauthor=False) / "slots" / this_host()
    try:
        make_private(folder)
    except OSError as error:
        message = f"{folder}: cannot be made: {error.strerror or error} (set XDG_STATE_HOME to a folder of yours)"
        raise IgdmError(message) from error
    return folder


def slot_path(name: str) -> Path:
    """The lock file of "cpu:0", or of "cuda:1/0", the first slot of the second GPU."""
    return slots_folder() / f"{name.replace(':', '-').replace('/', '-')}.lock"


def read_label(name: str) -> dict[str, Any]:
    """What a slot was last held for; {} when nobody said."""
    try:
        content = json.loads(slot_path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def take_first_free(names: Iterable[str], count: int, *, patience_s: float = 0.2) -> HeldSlots:
    """Up to `count` of these slots: for a run that starts at once and shows the queue what it uses.

    A supervisor that is just looking holds them for a moment, so they are tried for a while.
    """
    held = HeldSlots()
    waiting = list(names)
    deadline = time.monotonic() + patience_s
    while True:
        waiting = [name for name in waiting if len(held.descriptors) >= count or not held.take(name)]
        if len(held.descriptors) >= count or not waiting or time.monotonic() > deadline:
            return held
        time.sleep(0.02)


@contextlib.contextmanager
def looking_at(names: Iterable[str]) -> Iterator[HeldSlots]:
    """All slots that are free, held while one decides what to do with them."""
    with HeldSlots() as held:
        for name in names:
            held.take(name)
        yield held


def _try_lock(path: Path) -> int | None:
    """An open, locked file, or None when another process has the lock.

    Raises: IgdmError on a disk without locks.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise IgdmError(f"{path}: cannot be opened: {error.strerror or error} (change its mode)") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        if error.errno in NO_LOCKS:
            raise IgdmError(f"{path}: this disk has no file locks (set XDG_STATE_HOME to a local disk)") from error
        raise
    return descriptor
