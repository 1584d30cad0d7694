"""Changes of a queue, one after another: queue.db is the lock they share and the book of who is starting which run.

Every change of a ticket happens inside one IMMEDIATE transaction, and so does claiming: a run that was removed or
paused does not start any more, and of two supervisors one gets it. What the book holds matters only between a claim
and the worker's own word that it runs; a lost or damaged one is made anew.
"""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from core.spec.errors import IgdmError, TryAgainError
from core.spec.home import Home
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from igdm_tui.queue.tickets import QueueFolder, Ticket, is_held, read_ticket, write_ticket

BUSY_TIMEOUT_S = 10.0
START_WAIT_S = 40.0  # a little longer than a start may take
POLL_S = 0.05
TABLE = (
    "CREATE TABLE IF NOT EXISTS claims"
    " (run TEXT PRIMARY KEY, pid INTEGER, started_at REAL, host TEXT, since_boot TEXT) STRICT"
)


@contextmanager
def changing(home: Home) -> Iterator[sqlite3.Connection]:
    """While this lasts nobody else changes the queue of this home.

    Raises: TryAgainError when somebody does for ten seconds; IgdmError when the folder cannot be used.
    """
    connection = _open(QueueFolder.of(home).ensure())
    try:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            raise _plain(error, home) from error
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")
    finally:
        connection.close()


def claim(home: Home, run_id: str, me: ProcessIdentity) -> Ticket | None:
    """Take a waiting run to start it, counting the start; None when it is not to be started, or somebody else does."""
    with changing(home) as book:
        ticket = read_ticket(home, run_id)
        if ticket is None or ticket.paused or is_held(home):
            return None
        if RunFolder(home.runs / run_id).living_worker() is not None:
            return None
        other = _claimant(book, run_id)
        if other is not None and other != me:
            return None
        book.execute(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)",
            (run_id, me.pid, me.started_at, me.host, me.since_boot),
        )
        ticket = replace(ticket, starts=ticket.starts + 1)
        write_ticket(home, ticket)
        return ticket


def release(home: Home, run_id: str) -> None:
    """The claimed run has been started, or could not be."""
    with changing(home) as book:
        book.execute("DELETE FROM claims WHERE run = ?", (run_id,))


def await_start(folder: RunFolder, *, wait_s: float = START_WAIT_S) -> None:
    """If somebody is just starting this run, wait until its worker can be seen, or it is clear that none comes."""
    deadline = time.monotonic() + wait_s
    while folder.living_worker() is None and time.monotonic() < deadline:
        with changing(folder.home) as book:
            if _claimant(book, folder.run_id) is None:
                return
        time.sleep(POLL_S)


def _claimant(book: sqlite3.Connection, run_id: str) -> ProcessIdentity | None:
    """The living process that has claimed a run and has not said yet what came of it."""
    row = book.execute("SELECT pid, started_at, host, since_boot FROM claims WHERE run = ?", (run_id,)).fetchone()
    if row is None:
        return None
    claimant = ProcessIdentity(pid=row[0], started_at=row[1], host=row[2], since_boot=row[3])
    return claimant if claimant.is_alive() else None


def _open(folder: QueueFolder) -> sqlite3.Connection:
    """The book, made when missing; a damaged one is put aside."""
    try:
        return _connect(folder)
    except sqlite3.OperationalError as error:
        raise _plain(error, Home(folder.path.parent)) from error
    except sqlite3.DatabaseError:
        folder.database.rename(folder.path / f"queue.db.damaged-{secrets.token_hex(3)}")
        return _connect(folder)


def _connect(folder: QueueFolder) -> sqlite3.Connection:
    os.close(os.open(folder.database, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(folder.database, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'claims'").fetchone():
            connection.execute(TABLE)
    except BaseException:
        connection.close()
        raise
    return connection


def _plain(error: sqlite3.Error, home: Home) -> IgdmError:
    """What an error of SQLite means for the user."""
    path = QueueFolder.of(home).database
    if "locked" in str(error) or "busy" in str(error):
        return TryAgainError(f"{path}: in use by another program for {BUSY_TIMEOUT_S:.0f} s (try again)")
    return IgdmError(f"{path}: cannot be used: {error} (change its mode or make room, or use another --home)")
