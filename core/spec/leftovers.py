"""What killed writes leave behind: files and folders that were to be renamed, and belong to nobody alive.

Whoever makes one holds a lock on it for as long as it has that name; the kernel lets go of it however its holder ends,
on other hosts of a shared folder too. What can be locked is nobody's and is removed.
"""

import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.spec.home import Home

TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp|\.(new|rebuild)-[0-9a-z]+")
FORSAKEN_S = 24 * 3600.0  # where a disk has no locks, only age tells


def temporary_name(name: str) -> str:
    """A hidden name for what is to become `name`, used by nobody else."""
    return f".{name}.{os.urandom(4).hex()}.tmp"


def open_temporary(path: Path) -> int:
    """A new file to write, for the owner only, locked until it is closed.

    Raises: FileExistsError and other OSError of the disk.
    """
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        _lock(descriptor)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # somebody has swept it between its making and its lock


@contextmanager
def temporary_folder(path: Path) -> Iterator[Path]:
    """A new folder for the owner only, locked meanwhile. Unless renamed by then, it is removed at the end.

    Raises: FileExistsError and other OSError of the disk.
    """
    descriptor = _made(path)
    try:
        yield path
    finally:
        try:
            if path.exists():
                shutil.rmtree(path)
        finally:
            os.close(descriptor)


def _made(path: Path) -> int:
    while True:
        path.mkdir(mode=0o700)
        with suppress(FileNotFoundError):
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            _lock(descriptor)
            if path.exists():
                return descriptor
            os.close(descriptor)


def sweep(*folders: Path) -> int:
    """Remove what killed writes have left in these folders, not below them; how many there were.

    A folder that is missing has nothing; what cannot be looked at or removed stays, for nobody waits for it.
    """
    count = 0
    for folder in folders:
        with suppress(OSError), os.scandir(folder) as entries:
            for entry in [entry for entry in entries if TEMPORARY.fullmatch(entry.name)]:
                with suppress(OSError):
                    count += _sweep_one(Path(entry.path))
    return count


def sweep_run(run: Path) -> int:
    """`sweep` a run folder with its checkpoints and evaluations; links are not followed."""
    places = _folders(run)
    return sweep(run, *places, *(inner for place in places for inner in _folders(place)))


def sweep_queue(home: Home) -> int:
    """`sweep` the queue of a home and what was to become run folders; no run is looked into."""
    queue = home.path / "queue"
    return sweep(home.runs, queue, queue / "tickets")


def sweep_home(home: Home) -> int:
    """`sweep` all folders of a home; not the home itself, which may hold anything else."""
    teachers = [place for folder in _folders(home.teachers) for place in (folder, *_folders(folder))]
    return (
        sweep_queue(home)
        + sweep(home.decoded, home.teachers, *teachers)
        + sum(sweep_run(run) for run in _folders(home.runs))
    )


def _folders(place: Path) -> list[Path]:
    with suppress(OSError), os.scandir(place) as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    return []


def _sweep_one(path: Path) -> bool:
    """Remove one if nobody has it. A link, pipe or device is not touched: no write of ours leaves one."""
    status = path.lstat()
    is_folder = stat.S_ISDIR(status.st_mode)
    if not (is_folder or stat.S_ISREG(status.st_mode)):
        return False
    access = os.O_RDONLY if is_folder else os.O_RDWR  # some network disks lock only what may be written
    descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not _is_forsaken(descriptor):
            return False
        shutil.rmtree(path) if is_folder else path.unlink()
        return True
    finally:
        os.close(descriptor)


def _is_forsaken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - os.fstat(descriptor).st_mtime > FORSAKEN_S
    return True


def _lock(descriptor: int) -> None:
    with suppress(OSError):  # a disk without locks
        fcntl.flock(descriptor, fcntl.LOCK_EX)
