"""The database file: made, migrated, refused, rebuilt, shared."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest

from core.spec.errors import IgdmError, TryAgainError
from core.spec.events import StepLogged
from core.spec.home import Home
from igdm_tui.store import Store, connection, rebuild
from igdm_tui.store.migrations import VERSION, migrate


def schema_of(opened):
    return opened.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_new_database_is_the_owners_alone_and_has_a_write_ahead_log(home):
    with Store.open(home):
        assert stat.S_IMODE(home.database.stat().st_mode) == 0o600
    with closing(connection.connect(home.database)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert not [name for name in os.listdir(home.path) if name.startswith(".wal-")]


def test_where_a_write_ahead_log_fails_a_rollback_journal_serves(home, make_run, monkeypatch):
    monkeypatch.setattr(connection, "wal_works", lambda folder: False)
    make_run("aaaa2222").finish()
    with Store.open(home) as store:
        assert store.ingest() == {"aaaa2222"}
    with closing(connection.connect(home.database)) as opened:
        assert opened.execute("PRAGMA journal_mode").fetchone()[0] == "delete"


@pytest.mark.parametrize("version", range(VERSION))
def test_every_older_version_migrates_to_the_same_schema(tmp_path, version):
    with closing(connection.connect(":memory:")) as fresh, closing(connection.connect(tmp_path / "old.db")) as old:
        migrate(fresh, tmp_path)
        migrate(old, tmp_path, to=version)
        assert connection.version_of(old) == version
        migrate(old, tmp_path)
        assert connection.version_of(old) == VERSION
        assert schema_of(old) == schema_of(fresh)


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch):
    from igdm_tui.store import migrations

    def broken(db):
        db["half"].create({"x": int})
        raise sqlite3.OperationalError("no")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, broken))
    with closing(connection.connect(tmp_path / "x.db")) as opened:
        migrate(opened, tmp_path)
        before = schema_of(opened)
        with pytest.raises(sqlite3.OperationalError):
            migrate(opened, tmp_path, to=VERSION + 1)
        assert schema_of(opened) == before
        assert connection.version_of(opened) == VERSION


def test_a_newer_database_is_refused_and_left_as_it_is(home):
    with closing(connection.connect(home.database)) as opened:
        opened.execute("CREATE TABLE later (x)")
        opened.execute("PRAGMA user_version = 99")
    before = home.database.read_bytes()
    for refused in (Store.open, connection.check_database, rebuild.rebuild):
        with pytest.raises(IgdmError, match=r"experiments\.db.*version 99.*up to \d+.*upgrade"):
            refused(home)
    assert home.database.read_bytes() == before
    assert sorted(os.listdir(home.path)) == ["experiments.db", "runs", "teachers"]


def test_a_damaged_database_names_the_way_out(home):
    home.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(IgdmError, match="igdm db rebuild"):
        Store.open(home)


def test_a_locked_database_says_try_again(home, make_run, monkeypatch):
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    make_run("aaaa2222").finish()
    with Store.open(home) as store, closing(sqlite3.connect(home.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryAgainError, match="in use"):
            store.ingest()
        other.execute("ROLLBACK")
        assert store.ingest() == {"aaaa2222"}


def test_looking_at_a_folder_without_runs_leaves_no_traces(tmp_path):
    with Store.open(Home(tmp_path)) as store:
        assert store.ingest() == set()
        assert store.runs() == []
    assert os.listdir(tmp_path) == []
    with pytest.raises(IgdmError, match="no such folder"):
        Store.open(Home(tmp_path / "nowhere"))


def test_many_programs_may_make_the_database_at_once(home, make_run):
    make_run("aaaa2222").finish()
    found: list[object] = []

    def look():
        with Store.open(home) as store:
            store.ingest()
            found.append(len(store.runs()))

    threads = [threading.Thread(target=look) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 6


def make_three(make_run):
    make_run("aaaa2222", igdm={"alpha": 5.0}).finish().write(b"bad\n")
    make_run("bbbb2222").start().teacher().train([1, 2])
    make_run("cccc2222")


def test_a_rebuilt_database_equals_one_that_grew_with_the_runs(home, make_run):
    run = make_run("bbbb2222")
    with Store.open(home) as live:
        for act in (
            lambda: run.start(),
            lambda: run.teacher().train([1]),
            lambda: make_run("aaaa2222").finish().write(b"bad\n"),
            lambda: run.train([2, 3]).write(b'{"torn'),
            lambda: run.write(b'":1}\n').start(attempt=2, epoch=2).train([3, 4]).evaluate(),
        ):
            act()
            live.ingest()
    with closing(connection.connect(home.database)) as opened:
        grown = {table: rebuild.table_rows(opened, table) for table in rebuild.CONTENTS}
    assert rebuild.check(home) == []
    assert rebuild.rebuild(home) == 2
    with closing(connection.connect(home.database)) as opened:
        for table, rows in grown.items():
            assert rows, f"{table} is empty: nothing is compared"
            assert rebuild.table_rows(opened, table) == rows, table
        assert opened.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert sorted(name for name in os.listdir(home.path) if not name.endswith(("-wal", "-shm"))) == [
        "experiments.db", "runs", "teachers",
    ]  # fmt: skip


def test_a_rebuild_without_a_database_makes_one(home, make_run):
    make_three(make_run)
    assert rebuild.rebuild(home) == 3
    with Store.open(home) as store:
        assert len(store.runs()) == 3


def test_a_damaged_database_is_set_aside_by_a_rebuild(home, make_run):
    make_three(make_run)
    home.database.write_bytes(b"this is no database" * 100)
    assert rebuild.rebuild(home) == 3
    assert (home.path / "experiments.db.damaged").exists()
    assert rebuild.check(home) == []


def test_a_program_that_has_it_open_sees_the_rebuilt_content(home, make_run):
    run = make_run("aaaa2222").start().train([1])
    with Store.open(home) as store:
        store.ingest()
        with closing(connection.connect(home.database)) as vandal:
            vandal.execute("DELETE FROM points")
        assert len(store.series("aaaa2222", "loss")) == 0
        rebuild.rebuild(home)
        assert len(store.series("aaaa2222", "loss")) == 2
        run.train([2])
        assert store.ingest() == {"aaaa2222"}
        assert len(store.series("aaaa2222", "loss")) == 4


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("DELETE FROM points WHERE step = 5", "points"),
        ("UPDATE summary SET last = 0.123", "summary"),
        ("UPDATE runs SET ended = 'failed' WHERE id = 'aaaa2222'", "runs"),
        ("DELETE FROM warnings", "warnings"),
    ],
)
def test_a_check_names_the_table_that_differs(home, make_run, damage, table):
    make_three(make_run)
    with Store.open(home) as store:
        store.ingest()
    assert rebuild.check(home) == []
    with closing(connection.connect(home.database)) as opened:
        opened.execute(damage)
    (problem,) = rebuild.check(home)
    assert problem.startswith(f"{table}:")


def test_a_run_that_says_more_during_a_check_is_no_difference(home, make_run, monkeypatch):
    run = make_run("aaaa2222").start().train([1])
    make_run("bbbb2222").finish()
    real = rebuild.Ingest.run

    def ingest_while_it_goes_on(self):
        changed = real(self)
        run.train([2])
        return changed

    monkeypatch.setattr(rebuild.Ingest, "run", ingest_while_it_goes_on)
    assert rebuild.check(home) == []


INGESTER = """
import sys, time
from pathlib import Path
from core.spec.home import Home
from igdm_tui.store import Store
home = Home(Path(sys.argv[1]))
store = Store.open(home)
(home.path / f"ready{sys.argv[2]}").touch()
while not (home.path / "done").exists():
    store.ingest()
    time.sleep(0.005)
store.ingest()
"""


def test_eight_readers_ingest_what_writers_append_exactly_once(home, make_run):
    runs = [make_run(f"run{number}").start(epochs=100) for number in range(4)]
    ingesters = [subprocess.Popen([sys.executable, "-c", INGESTER, str(home.path), str(number)]) for number in range(4)]
    stop = threading.Event()
    errors: list[BaseException] = []

    def ingest():
        try:
            with Store.open(home) as store:
                while not stop.is_set():
                    store.ingest()
                    time.sleep(0.005)
        except BaseException as error:  # noqa: BLE001 - the test's own thread must hear of it
            errors.append(error)

    threads = [threading.Thread(target=ingest) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(list(home.path.glob("ready*"))) < 4:
        assert all(process.poll() is None for process in ingesters)
        time.sleep(0.01)
    for step in range(1, 301):
        for run in runs:
            run.say(StepLogged(epoch=1, step=step, metrics={"loss": float(step)}))
            if step % 7 == 0:
                run.write(b"bad line\n")
    (home.path / "done").touch()
    assert [process.wait(timeout=60) for process in ingesters] == [0, 0, 0, 0]
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    (home.path / "done").unlink()
    with Store.open(home) as store:
        store.ingest()
        for run in runs:
            assert list(store.series(run.id, "loss").values) == [float(step) for step in range(1, 301)]
            assert len(store.warnings(run.id)) == 42
    assert rebuild.check(home) == []
