"""Ingest: the only writer of experiments.db. Reads what run folders hold beyond what was read before.

New bytes become rows and the position moves in one transaction that holds the write lock from its first statement:
with several readers, each line is read exactly once. One transaction takes at most a mebibyte, so none waits long.
"""

import gc
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from core.spec.errors import IgdmError
from core.spec.home import Home
from core.spec.plain_files import open_plain
from igdm_tui.store.connection import writing
from igdm_tui.store.event_rows import EventRows
from igdm_tui.store.json_lines import parse_one, parser_for
from igdm_tui.store.looking import Looking, OnDisk, size_of
from igdm_tui.store.run_state import RunState, forget_events, read_card

CHUNK_BYTES = 1 << 20


class Seen(NamedTuple):
    """What the database holds of a run's files; differs whenever the run has changed."""

    position: int
    card: str
    folder_missing: int
    ended: str


class Ingest:
    """Brings one database up to date with one home; remembers what it has told its caller."""

    def __init__(self, home: Home, connection: sqlite3.Connection) -> None:
        self._home = home
        self._connection = connection
        self._looking = Looking(home)
        self._told: dict[str, Seen] = {}
        self._torn: dict[str, int] = {}
        self._now: dict[str, Seen] = {}
        self._version = -1  # of the database when `_now` was read
        self._parse: Callable[[bytes], Any] = parse_one

    def run(self, *, full: bool = True) -> set[str]:
        """Read everything new; the ids of runs that changed since the last call, whoever read them.

        full: look at every run. Without it, those that ended long ago are looked at in turn.
        Raises: IgdmError naming a file that may not be read.
        """
        try:
            self._read_all(full=full)
        except PermissionError as error:
            raise IgdmError(
                f"{error.filename}: no permission to read it (change its mode, or move it out of runs/)"
            ) from error
        now = self._seen()
        if now is self._told:
            return set()
        changed = {run_id for run_id, seen in now.items() if self._told.get(run_id) != seen}
        changed |= self._told.keys() - now.keys()
        self._told = now
        return changed

    def _read_all(self, *, full: bool) -> None:
        before = self._seen()
        on_disk, gone = self._looking.look(before, full=full)
        due = [entry for run_id, entry in on_disk.items() if self._is_due(entry, before.get(run_id))]
        for entry in due:
            self._looking.changed(entry.folder.run_id)
        if due:
            read = sum(before[entry.folder.run_id].position for entry in due if entry.folder.run_id in before)
            self._parse = parser_for(sum(entry.size for entry in due) - read)
        while due:
            due = self._read_some(due)
        if gone or any(seen.folder_missing and not seen.position for seen in before.values()):
            with self._writing():
                self._connection.executemany(
                    "UPDATE runs SET folder_missing = 1 WHERE id = ?", [(run_id,) for run_id in gone]
                )
                self._forget_silent()

    def forget(self, run_id: str) -> None:
        """Take out all that was read of a run whose folder was removed on purpose; nothing while it is there."""
        with self._writing():
            known = self._connection.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone()
            if known and not (self._home.runs / run_id).exists():
                forget_events(self._connection, run_id)

    def _forget_silent(self) -> None:
        """Runs whose folder is gone and that never said anything hold nothing that could be lost."""
        silent = "SELECT id FROM runs WHERE folder_missing AND position = 0"
        for (run_id,) in self._connection.execute(silent).fetchall():
            forget_events(self._connection, run_id)

    def _seen(self) -> dict[str, Seen]:
        """What the database holds now; read again only after somebody wrote."""
        version = int(self._connection.execute("PRAGMA data_version").fetchone()[0])  # the writes of others
        if version != self._version:
            rows = self._connection.execute("SELECT id, position, card, folder_missing, ended FROM runs")
            self._now = {run_id: Seen(*rest) for run_id, *rest in rows}
            self._version = version
        return self._now

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._version = -1
        with writing(self._connection):
            yield

    def _is_due(self, entry: OnDisk, seen: Seen | None) -> bool:
        """True when there is something to read; a torn last line is not, until it grows."""
        if seen is None or seen.folder_missing or seen.card != entry.card or entry.size < seen.position:
            return True
        return entry.size > seen.position and self._torn.get(entry.folder.run_id) != entry.size

    def _read_some(self, due: list[OnDisk]) -> list[OnDisk]:
        """One transaction's worth; what is left."""
        budget = CHUNK_BYTES
        with self._writing(), _uncollected():
            while due and budget > 0:
                taken, is_complete = self._read_run(due[0], budget)
                budget -= taken
                if is_complete:
                    due = due[1:]
        return due

    def _read_run(self, entry: OnDisk, budget: int) -> tuple[int, bool]:
        """Read one run's next lines; how much was read, and whether that was all."""
        run_id = entry.folder.run_id
        state = RunState.load(self._connection, run_id)
        if entry.size < state.position:
            if size_of(entry.folder.events) >= state.position:  # another reader has seen it grow since we looked
                return 0, True
            forget_events(self._connection, run_id)
            state = RunState.load(self._connection, run_id)
        read_card_again = "SELECT card != ? OR folder_missing FROM runs WHERE key = ?"
        if self._connection.execute(read_card_again, (entry.card, state.key)).fetchone()[0]:
            read_card(self._connection, entry.folder, state.key, entry.card)
            self._connection.execute("UPDATE runs SET folder_missing = 0 WHERE key = ?", (state.key,))
        data, is_complete = _read_lines(entry.folder.events, state.position, budget)
        if data:
            EventRows(self._connection, state, self._parse).add_lines(data[:-1].split(b"\n"), state.position)
            state.position += len(data)
            state.save(self._connection)
        if is_complete:
            self._torn[run_id] = entry.size
        return len(data), is_complete


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles meanwhile: a fifth of the time where each line becomes a handful of tuples."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _read_lines(path: Path, position: int, budget: int) -> tuple[bytes, bool]:
    """Whole lines from a position on, about `budget` bytes of them, and whether the file has no more."""
    try:
        descriptor = open_plain(path)
    except FileNotFoundError:
        return b"", True
    try:
        data = os.pread(descriptor, budget, position)
        is_complete = len(data) < budget
        while not is_complete and b"\n" not in data:  # one line longer than the budget
            more = os.pread(descriptor, max(budget, CHUNK_BYTES), position + len(data))
            is_complete = not more
            data += more
    finally:
        os.close(descriptor)
    return data[: data.rfind(b"\n") + 1], is_complete
