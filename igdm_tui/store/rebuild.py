"""Making experiments.db anew from the run folders, and proving that the one there is equals it."""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

from core.spec.errors import IgdmError, TryAgainError
from core.spec.home import Home
from core.spec.leftovers import sweep_home, temporary_folder
from igdm_tui.store.connection import connect, database_error, open_file
from igdm_tui.store.ingest import Ingest
from igdm_tui.store.migrations import migrate

SIDE_FILES = ("-wal", "-shm", "-journal")
# Every table without its numbered keys, which depend on who came first: rows are compared by what they say.
CONTENTS = {
    "runs": "SELECT * FROM runs ORDER BY id",
    "points": (
        "SELECT runs.id, series.by, series.metric, points.* FROM points JOIN series ON series.key = points.series"
        " JOIN runs ON runs.key = series.run ORDER BY 1, 2, 3, step"
    ),
} | {
    table: f"SELECT runs.id AS run_id, {table}.* FROM {table} JOIN runs ON runs.key = {table}.run ORDER BY {order}"
    for table, order in (
        ("series", "1, series.by, series.metric"),
        ("summary", "1, metric, source"),
        ("evaluations", "1, evaluation"),
        ("stage_progress", "1, evaluation, attack, stage, batch"),
        ("measurements", "1, evaluation, attack"),
        ("run_teachers", "1"),
        ("warnings", "1, warnings.position"),
    )
}
NUMBERED = ("key", "run", "series")


def rebuild(home: Home) -> int:
    """Read all run folders into a new database and put its content in the place of the old; the number of runs.

    Programs that have the database open see the new content at once. What killed writes have left in the home is swept.
    Raises: IgdmError, TryAgainError; the old content is then untouched.
    """
    home.ensure()
    sweep_home(home)
    try:
        with (
            temporary_folder(home.runs / f".rebuild-{secrets.token_hex(4)}") as folder,
            closing(_scratch(folder / home.database.name)) as fresh,
        ):
            count = len(Ingest(home, fresh).run())
            _replace(fresh, home.database)
    except sqlite3.Error as error:
        raise database_error(error, home.database) from error
    except OSError as error:
        raise IgdmError(f"{home.path}: {error.strerror or error} (make room, or choose another --home)") from error
    return count


def _scratch(path: Path) -> sqlite3.Connection:
    """An empty database in a private folder that nobody else opens and nobody wants after a crash: written once."""
    connection = connect(path)
    connection.execute("PRAGMA journal_mode = MEMORY")
    connection.execute("PRAGMA synchronous = OFF")
    migrate(connection, path)
    return connection


def _replace(fresh: sqlite3.Connection, path: Path) -> None:
    """Copy a database over another through SQLite's own locks; one that is no database any more is set aside."""
    try:
        with closing(open_file(path)) as target:
            fresh.backup(target)
    except IgdmError as error:
        if not isinstance(error.__cause__, sqlite3.DatabaseError) or isinstance(error, TryAgainError):
            raise
        for suffix in SIDE_FILES:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        path.replace(path.with_name(f"{path.name}.damaged"))
        with closing(open_file(path)) as target:
            fresh.backup(target)


def check(home: Home) -> list[str]:
    """What is wrong with the database: damage, broken links, and tables that differ from the run folders.

    Brings it up to date first. Runs whose folder is gone are left out. Raises: IgdmError when it cannot be opened.
    """
    with closing(open_file(home.database)) as connection, closing(connect(":memory:")) as fresh:
        try:
            problems = [str(row[0]) for row in connection.execute("PRAGMA integrity_check") if row[0] != "ok"]
            problems += [f"{row[0]}: a row belongs to no run" for row in connection.execute("PRAGMA foreign_key_check")]
            if problems:
                return problems
            migrate(fresh, home.database)
            Ingest(home, connection).run()
            Ingest(home, fresh).run()
            return differences(connection, fresh)
        except sqlite3.Error as error:
            raise database_error(error, home.database) from error


def differences(one: sqlite3.Connection, other: sqlite3.Connection) -> list[str]:
    """Tables in which two databases differ, for runs whose folder is there.

    The other was brought up to date a moment later: a run that has said more in between is left out.
    """
    left_out = {run_id for connection in (one, other) for run_id in _missing(connection)}
    before = _positions(one)
    left_out |= {run_id for run_id, position in _positions(other).items() if position > before.get(run_id, -1)}
    found = []
    for table in CONTENTS:
        here, there = table_rows(one, table, left_out), table_rows(other, table, left_out)
        if here != there:
            first = next((a or b for a, b in zip(here, there, strict=False) if a != b), None)
            where = f", first at {first}" if first else ""
            found.append(f"{table}: {len(here)} rows here, {len(there)} from the run folders{where}"[:300])
    return found


def table_rows(connection: sqlite3.Connection, table: str, without: set[str] | None = None) -> list[tuple[object, ...]]:
    """All rows of a table in a fixed order, numbered keys replaced by the run's id; `without` some runs."""
    cursor = connection.execute(CONTENTS[table])
    columns = [column[0] for column in cursor.description]
    kept = [index for index, name in enumerate(columns) if name not in NUMBERED]
    run_id = columns.index("id" if table in ("runs", "points") else "run_id")
    return [tuple(row[index] for index in kept) for row in cursor if not without or row[run_id] not in without]


def _missing(connection: sqlite3.Connection) -> list[str]:
    return [run_id for (run_id,) in connection.execute("SELECT id FROM runs WHERE folder_missing")]


def _positions(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT id, position FROM runs").fetchall())
