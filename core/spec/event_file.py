"""Writing and reading events.jsonl: one write per line, so that a reader sees whole lines or a torn last one."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from core.spec.events import BadLineError, Event, Record, decode_record, encode_record
from core.spec.plain_files import open_own, open_plain
from core.spec.run_folder import CLAIM_WAIT_S, Holding


def anyone() -> None:
    """For files that nobody else claims."""


class Moment(NamedTuple):
    """Wall clock in seconds since 1970, and the monotonic clock."""

    t: float
    m: float

    @classmethod
    def now(cls) -> "Moment":
        """This one."""
        return cls(time.time(), time.monotonic())


class EventWriter:
    """Appends records to an event file. One writer at a time: the worker that holds the run's lock.

    A torn last line, left by a killed worker, is cut off before the first write: no reader has ever gone past it.
    check: called before each line, with the file held, and may raise: that is how a worker whose run was claimed by a
    newer attempt is kept from adding anything, also where the worker's lock does not reach (another host).
    """

    def __init__(self, path: Path, check: Callable[[], object] = anyone) -> None:
        self._check = check
        self._descriptor = open_own(path, os.O_RDWR | os.O_APPEND)
        self._held = Holding(self._descriptor, wait_s=CLAIM_WAIT_S)
        self.seq = _repair_tail(self._descriptor)

    def write(self, event: Event, *, sync: bool = False, moment: Moment | None = None) -> None:
        """Append one event; with `sync`, return only after it is on disk. moment: when it happened, else now.

        Raises: OSError when the disk does not take it; whatever `check` raises; nothing is written then. With `sync`
        also OSError of flushing a line that is written: to try again would write it twice.
        """
        t, m = moment or Moment.now()
        line = encode_record(Record(self.seq + 1, t, m, event)).encode()
        with self._held:
            self._check()
            written = os.write(self._descriptor, line)
            if written != len(line):
                os.ftruncate(self._descriptor, os.lseek(self._descriptor, 0, os.SEEK_END) - written)
                raise OSError(f"event file took {written} of {len(line)} bytes: is the disk full?")
        self.seq += 1
        if sync:
            self.sync()

    def sync(self) -> None:
        """Return only after everything written is on disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Flush to disk and close."""
        try:
            os.fsync(self._descriptor)
        finally:
            os.close(self._descriptor)


def read_lines(path: Path, offset: int = 0) -> tuple[list[bytes], int]:
    """The complete lines of a file from a byte offset on, without their newlines, and the offset after the last.

    A torn last line is left for the next call. A missing file has no lines.
    """
    try:
        with os.fdopen(open_plain(path), "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    return data[:end].splitlines(), offset + end


def read_records(path: Path) -> Iterator[Record]:
    """All good records of a file; bad lines are skipped here, the store counts and shows them."""
    for line in read_lines(path)[0]:
        try:
            yield decode_record(line)
        except BadLineError:
            continue


def _repair_tail(descriptor: int) -> int:
    """Cut a torn last line off and return the last sequence number in the file, 0 for an empty one."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    data = os.pread(descriptor, size, 0)
    end = data.rfind(b"\n") + 1
    if end != size:
        os.ftruncate(descriptor, end)
    for line in reversed(data[:end].splitlines()):
        try:
            return decode_record(line).seq
        except BadLineError:
            continue
    return 0
