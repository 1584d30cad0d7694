"""Opening experiments.db: made for the owner only, migrated when older, refused when newer, WAL where that works."""

import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.spec.errors import IgdmError, TryAgainError
from core.spec.home import Home
from core.spec.run_folder import Holding
from igdm_tui.store.migrations import VERSION, migrate

BUSY_TIMEOUT_S = 10.0
PAGE_CACHE_KIB = 8192


def open_database(home: Home) -> sqlite3.Connection:
    """A connection to the home's database at this program's version.

    A home without runs and without a database gets one in memory, so that looking leaves no traces.
    Raises: IgdmError when the home is no folder, the database is damaged or newer; TryAgainError when locked.
    """
    if home.path.exists() and not home.path.is_dir():
        raise IgdmError(f"{home.path}: is a file (name a folder with --home)")
    if not home.path.is_dir():
        raise IgdmError(f"{home.path}: no such folder (`igdm run` makes it, or name another with --home)")
    if home.database.exists() or home.runs.is_dir():
        return open_file(home.database)
    connection = connect(":memory:")
    migrate(connection, home.database)
    return connection


def open_file(path: Path) -> sqlite3.Connection:
    """A connection to one database file, made when missing, at this program's version."""
    connection = None
    try:
        _make_private(path)
        connection = connect(path)
        if version_of(connection) != VERSION:
            check_version(connection, path)
            _choose_journal(connection, path)
            migrate(connection, path)
    except BaseException as error:
        if connection is not None:
            connection.close()
        if isinstance(error, sqlite3.Error):
            raise database_error(error, path) from error
        raise
    return connection


def check_database(home: Home) -> None:
    """Refuse a home whose database this program cannot use, before anything else is done there.

    Raises: IgdmError when it is damaged or from a newer version; TryAgainError when locked.
    """
    if not home.database.exists():
        return
    try:
        connection = connect(home.database)
        try:
            check_version(connection, home.database)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise database_error(error, home.database) from error


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a database that a newer program has made.

    Raises: IgdmError naming the file and both versions.
    """
    version = version_of(connection)
    if version > VERSION:
        raise IgdmError(
            f"{path}: made by a newer igdm-tui: database version {version}, this one knows up to {VERSION}"
            " (upgrade igdm-tui, or use another home with --home; the runs themselves are safe in runs/)"
        )


def connect(path: Path | str) -> sqlite3.Connection:
    """A plain connection with our settings; transactions are begun and ended by hand."""
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{PAGE_CACHE_KIB}")
    return connection


def version_of(connection: sqlite3.Connection) -> int:
    """Number of migrations a database has seen; 0 for an empty file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """A write transaction, locked from its first statement, so that what it reads stays true until it commits."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def database_error(error: sqlite3.Error, path: Path) -> IgdmError:
    """What an error of SQLite means for the user."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return TryAgainError(f"{path}: in use by another program for {BUSY_TIMEOUT_S:.0f} s (try again)")
    if "readonly" in text or "unable to open" in text:
        return IgdmError(f"{path}: cannot be opened for writing (change the folder's mode, or use --home)")
    if "full" in text or "disk I/O" in text:
        return IgdmError(f"{path}: {text}: the disk is full or fails (make room; the runs are in runs/)")
    return IgdmError(f"{path}: cannot be used: {text} (`igdm db rebuild` makes it anew from the run folders)")


def _make_private(path: Path) -> None:
    """Make the file for the owner only before SQLite does for everyone."""
    if path.exists():
        return
    try:
        with _alone(path.parent):
            if path.exists():
                return
            for suffix in ("-wal", "-shm", "-journal"):  # of one that was deleted, and may still be in use
                path.with_name(path.name + suffix).unlink(missing_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise IgdmError(
            f"{path}: cannot be made: {error.strerror or error} (change the folder's mode, or use --home)"
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder, so that of several programs that find no database one makes it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with Holding(descriptor, wait_s=BUSY_TIMEOUT_S):
            yield
    finally:
        os.close(descriptor)


def _choose_journal(connection: sqlite3.Connection, path: Path) -> None:
    """Use a write-ahead log where it works, a rollback journal elsewhere; both survive a crash."""
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    if mode != "wal" and version_of(connection) == 0 and wal_works(path.parent):
        connection.execute("PRAGMA journal_mode = WAL")


def wal_works(folder: Path) -> bool:
    """Try a write-ahead log in a scratch file: on network disks it may be accepted and fail at the first write."""
    scratch = folder / f".wal-{secrets.token_hex(4)}.db"
    try:
        writer = sqlite3.connect(scratch, isolation_level=None)
        try:
            accepted = writer.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal"
            writer.execute("CREATE TABLE probe (x)")
            writer.execute("INSERT INTO probe VALUES (1)")
            reader = sqlite3.connect(scratch)
            try:
                return bool(accepted and reader.execute("SELECT x FROM probe").fetchone() == (1,))
            finally:
                reader.close()
        finally:
            writer.close()
    except sqlite3.Error:
        return False
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            scratch.with_name(scratch.name + suffix).unlink(missing_ok=True)
