"""Writing a file so that a reader sees the old one or the new one, never half of one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.spec.leftovers import open_temporary, temporary_name


def replace_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Call `write` on a temporary neighbour, flush it to disk, rename it over `path`; readable by the owner only.

    Raises: whatever `write` raises, and OSError; the old file is then untouched and the neighbour is removed.
    """
    temporary = path.with_name(temporary_name(path.name))
    try:
        with os.fdopen(open_temporary(temporary), "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)  # before it is closed: until then nobody sweeps it
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def replace_text(path: Path, text: str) -> None:
    """`replace_file` for text in UTF-8."""
    replace_file(path, lambda file: file.write(text.encode()))


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
