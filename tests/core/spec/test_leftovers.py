"""Killed writes leave something behind; the next program that may, sweeps it, and nothing that is still written."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from core.spec.atomic import replace_text
from core.spec.home import Home
from core.spec.leftovers import (
    FORSAKEN_S,
    open_temporary,
    sweep,
    sweep_home,
    sweep_run,
    temporary_folder,
)
from core.spec.run_folder import RunFolder, run_folders
from tests.moments import at_moment

WRITE = "import sys; from pathlib import Path; from core.spec.atomic import replace_text; replace_text({}, 'new')"


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").ensure()


def killed(tmp_path, code, acts):
    """A program of its own dies at its `acts`th act on the files it makes."""
    environment = at_moment(tmp_path / "moment", signal.SIGKILL, begin=".tmp", acts=acts)
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | environment, check=False)
    assert done.returncode == -signal.SIGKILL


def hidden(folder):
    return sorted(path.name for path in folder.rglob(".*"))


@pytest.mark.parametrize("acts", [2, 3], ids=["before the lock", "before the rename"])
def test_a_killed_write_is_swept_and_the_file_is_what_it_was(tmp_path, acts):
    file = tmp_path / "some" / "file"
    file.parent.mkdir()
    file.write_text("old")
    killed(tmp_path, WRITE.format(f"Path({str(file)!r})"), acts)
    assert len(hidden(file.parent)) == 1
    assert sweep(file.parent) == 1
    assert [path.name for path in file.parent.iterdir()] == ["file"]
    assert file.read_text() == "old"
    assert sweep(file.parent) == 0


def test_what_somebody_still_writes_stays(tmp_path):
    descriptor = open_temporary(tmp_path / ".file.0123abcd.tmp")
    with temporary_folder(tmp_path / ".new-aaaa2222") as folder:
        (folder / "x").touch()
        assert sweep(tmp_path) == 0
        os.close(descriptor)
        assert sweep(tmp_path) == 1
        assert (folder / "x").exists()
    assert hidden(tmp_path) == []


def test_sweeping_all_the_time_harms_no_write(tmp_path):
    """Swept between its making and its lock, a file is made again."""
    done = threading.Event()
    swept = []

    def keep_sweeping():
        while not done.is_set():
            swept.append(sweep(tmp_path))

    sweeper = threading.Thread(target=keep_sweeping)
    sweeper.start()
    for number in range(500):
        replace_text(tmp_path / "file", str(number))
        assert (tmp_path / "file").read_text() == str(number)
    done.set()
    sweeper.join()
    assert hidden(tmp_path) == []
    assert len(swept) > 1


def test_where_a_disk_has_no_locks_only_what_is_old_is_swept(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    young, old = tmp_path / ".file.01234567.tmp", tmp_path / ".file.89abcdef.tmp"
    for path in (young, old):
        os.close(open_temporary(path))
    long_ago = time.time() - FORSAKEN_S - 60
    os.utime(old, (long_ago, long_ago))
    assert sweep(tmp_path) == 1
    assert hidden(tmp_path) == [young.name]


def test_nothing_else_is_swept(tmp_path):
    """Files of other names, links, and what lies behind links."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / ".file.01234567.tmp").touch()
    place = tmp_path / "place"
    place.mkdir()
    for name in (".hidden", ".file.tmp", ".previous.pt.tmp", "file.01234567.tmp", ".file.0123456.tmp", ".new-", ".git"):
        (place / name).touch()
    (place / ".file.01234567.tmp").symlink_to(mine / ".file.01234567.tmp")
    (place / ".new-aaaa2222").symlink_to(mine)
    before = sorted(place.iterdir())
    assert sweep(place, tmp_path / "missing") == 0
    assert sorted(place.iterdir()) == before
    (place / "evaluation").symlink_to(mine)
    (place / "checkpoints").symlink_to("checkpoints")
    assert sweep_run(place) == 0
    assert (mine / ".file.01234567.tmp").exists()


def test_a_whole_home_is_swept_and_only_it(home):
    run = RunFolder(home.runs / "aaaa2222")
    places = [
        home.runs, home.teachers / "abc", home.teachers / "abc" / "training", home.path / "queue" / "tickets",
        home.decoded, run.path, run.checkpoints, run.evaluation / "final",
    ]  # fmt: skip
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        (place / ".x.01234567.tmp").touch()
    (home.runs / ".new-bbbb2222").mkdir()
    (home.runs / ".new-bbbb2222" / "config.toml").touch()
    (home.path / ".x.01234567.tmp").touch()  # a home may be a folder with anything else in it
    assert sweep_run(run.path) == 3
    assert sweep_home(home) == len(places) - 3 + 1
    assert hidden(home.path) == [".x.01234567.tmp"]
    assert [folder.run_id for folder in run_folders(home)] == ["aaaa2222"]
