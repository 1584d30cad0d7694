"""How a run ended, from the end of its event file alone: without the database."""

import os
from collections.abc import Iterator

from core.spec.events import BadLineError, Event, RunFailed, RunFinished, RunStarted, RunStopped, decode_record
from core.spec.plain_files import open_plain
from core.spec.run_folder import RunFolder

CHUNK_BYTES = 1 << 16
WORDS: dict[type[Event], str] = {
    RunFinished: "finished",
    RunFailed: "failed",
    RunStopped: "stopped",
    RunStarted: "",
}


def last_word(folder: RunFolder) -> str:
    """What the newest terminal event says: "finished", "failed", "stopped"; "" when none came since the last start."""
    for line in _lines_backwards(folder):
        try:
            event = decode_record(line).event
        except BadLineError:
            continue
        if type(event) in WORDS:
            return WORDS[type(event)]
    return ""


def place_reached(folder: RunFolder) -> tuple[int, int]:
    """Epoch and step that the run's newest event names; (0, 0) when none does."""
    for line in _lines_backwards(folder):
        try:
            event = decode_record(line).event
        except BadLineError:
            continue
        if hasattr(event, "epoch") and hasattr(event, "step"):
            return event.epoch, event.step
    return 0, 0


def _lines_backwards(folder: RunFolder) -> Iterator[bytes]:
    """Complete lines of the event file, the newest first, read in pieces from the end."""
    try:
        descriptor = open_plain(folder.events)
    except FileNotFoundError:
        return
    try:
        position = os.lseek(descriptor, 0, os.SEEK_END)
        rest = b""
        is_end = True
        while position > 0:
            start = max(position - CHUNK_BYTES, 0)
            lines = (os.pread(descriptor, position - start, start) + rest).split(b"\n")
            position = start
            rest = lines[0]
            newest_first = reversed(lines[1:])
            if is_end and len(lines) > 1:
                next(newest_first)  # empty, or a torn last line
                is_end = False
            yield from (line for line in newest_first if line)
        if rest and not is_end:
            yield rest
    finally:
        os.close(descriptor)
