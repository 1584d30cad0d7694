"""Reading files that others may have put there: only plain files, so that no pipe or device keeps a reader waiting."""

import errno
import json
import os
import stat
from pathlib import Path
from typing import Any

from core.spec.errors import IgdmError

NO_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)  # what a disk without file locks answers
NOT_OURS = "is no plain file, and nothing is written through it (remove it)"
LARGEST_JSON = 1 << 26  # bytes; a card with a long diff is a hundred times smaller


def open_plain(path: Path) -> int:
    """A descriptor to read from. A folder, pipe, device or endless link of that name counts as missing.

    Raises: FileNotFoundError; PermissionError and other OSError of the disk.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a pipe would wait for a writer
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
            raise FileNotFoundError(errno.ENOENT, "no plain file", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no plain file", str(path))
    return descriptor


def open_own(path: Path, access: int) -> int:
    """A descriptor to write to a file of a run folder, made for the owner only when missing.

    A link is not followed: a run folder that somebody else has made must not lead to other files of yours.
    Raises: IgdmError when it is a link, a pipe or a folder; OSError of the disk.
    """
    try:
        descriptor = os.open(path, access | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
            raise IgdmError(f"{path}: {NOT_OURS}") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise IgdmError(f"{path}: {NOT_OURS}")
    return descriptor


def make_private(folder: Path) -> None:
    """Make a folder and those above it that are missing, each for the owner only, whatever the umask.

    Raises: OSError.
    """
    for missing in reversed([above for above in folder.parents if not above.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def look_at(path: Path | str) -> os.stat_result | None:
    """Size and times of a plain file; None when there is none.

    Raises: PermissionError and other OSError of the disk.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return None
        raise
    return status if stat.S_ISREG(status.st_mode) else None


def read_json(path: Path) -> Any:
    """The content of a small JSON file.

    Raises: OSError as `open_plain`; ValueError when it is no JSON, far too long, or nested too deeply.
    """
    with os.fdopen(open_plain(path), "rb", buffering=0) as file:
        if os.fstat(file.fileno()).st_size > LARGEST_JSON:
            raise ValueError("it is too long")
        data = file.readall()
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
