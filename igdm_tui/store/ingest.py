"""Ingest: the only writer of experiments.db. Reads what run folders hold beyond what was read before.

New bytes become rows and the position moves in one transaction that holds the write lock from its first statement:
with several readers, each line is read exactly once. One transaction takes at most a mebibyte, so none waits long.
"""

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

from core.spec.errors import IgdmError
from core.spec.home import Home
from core.spec.run_folder import RunFolder, run_folders
from igdm_tui.store.connection import writing
from igdm_tui.store.event_rows import EventRows
from igdm_tui.store.run_state import RunState, forget_events, read_card

CHUNK_BYTES = 1 << 20
NO_CARD = "none"


class Seen(NamedTuple):
    """What the database holds of a run's files; differs whenever the run has changed."""

    position: int
    card: str
    folder_missing: int


class OnDisk(NamedTuple):
    """What a run's files look like now."""

    folder: RunFolder
    size: int
    card: str


class Ingest:
    """Brings one database up to date with one home; remembers what it has told its caller."""

    def __init__(self, home: Home, connection: sqlite3.Connection) -> None:
        self._home = home
        self._connection = connection
        self._told: dict[str, Seen] = {}
        self._torn: dict[str, int] = {}

    def run(self) -> set[str]:
        """Read everything new; the ids of runs that changed since the last call, whoever read them.

        Raises: IgdmError naming a file that may not be read.
        """
        try:
            self._read_all()
        except PermissionError as error:
            raise IgdmError(
                f"{error.filename}: no permission to read it (change its mode, or move it out of runs/)"
            ) from error
        now = self._seen()
        changed = {run_id for run_id, seen in now.items() if self._told.get(run_id) != seen}
        changed |= self._told.keys() - now.keys()
        self._told = now
        return changed

    def _read_all(self) -> None:
        before = self._seen()
        on_disk = {entry.folder.run_id: entry for entry in files_of_runs(self._home)}
        due = [entry for run_id, entry in on_disk.items() if self._is_due(entry, before.get(run_id))]
        while due:
            due = self._read_some(due)
        gone = [run_id for run_id, seen in before.items() if run_id not in on_disk and not seen.folder_missing]
        if gone:
            with writing(self._connection):
                self._connection.executemany(
                    "UPDATE runs SET folder_missing = 1 WHERE id = ?", [(run_id,) for run_id in gone]
                )

    def _seen(self) -> dict[str, Seen]:
        rows = self._connection.execute("SELECT id, position, card, folder_missing FROM runs")
        return {run_id: Seen(*rest) for run_id, *rest in rows}

    def _is_due(self, entry: OnDisk, seen: Seen | None) -> bool:
        """True when there is something to read; a torn last line is not, until it grows."""
        if seen is None or seen.folder_missing or seen.card != entry.card or entry.size < seen.position:
            return True
        return entry.size > seen.position and self._torn.get(entry.folder.run_id) != entry.size

    def _read_some(self, due: list[OnDisk]) -> list[OnDisk]:
        """One transaction's worth; what is left."""
        budget = CHUNK_BYTES
        with writing(self._connection):
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
            if _size(entry.folder.events) >= state.position:  # another reader has seen it grow since we looked
                return 0, True
            forget_events(self._connection, run_id)
            state = RunState.load(self._connection, run_id)
        read_card_again = "SELECT card != ? OR folder_missing FROM runs WHERE key = ?"
        if self._connection.execute(read_card_again, (entry.card, state.key)).fetchone()[0]:
            read_card(self._connection, entry.folder, state.key, entry.card)
            self._connection.execute("UPDATE runs SET folder_missing = 0 WHERE key = ?", (state.key,))
        data, is_complete = _read_lines(entry.folder.events, state.position, budget)
        if data:
            EventRows(self._connection, state).add_lines(data[:-1].split(b"\n"), state.position)
            state.position += len(data)
            state.save(self._connection)
        if is_complete:
            self._torn[run_id] = entry.size
        return len(data), is_complete


def files_of_runs(home: Home) -> list[OnDisk]:
    """Sizes and stamps of the files of all runs; folders that hold no run are passed over."""
    found = []
    for folder in run_folders(home):
        size, card = _size(folder.events), _card_stamp(folder)
        if card != NO_CARD or size or folder.config.exists():
            found.append(OnDisk(folder, size, card))
    return found


def _read_lines(path: Path, position: int, budget: int) -> tuple[bytes, bool]:
    """Whole lines from a position on, about `budget` bytes of them, and whether the file has no more."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
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


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _card_stamp(folder: RunFolder) -> str:
    """Changes whenever run.json or labels.json is replaced."""
    card, labels = _stamp(folder.run_json), _stamp(folder.labels)
    return card if labels == NO_CARD else f"{card} {labels}"


def _stamp(path: Path) -> str:
    """Changes whenever a file is replaced."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return NO_CARD
    return f"{status.st_size}-{status.st_mtime_ns}"
