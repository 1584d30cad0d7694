"""Disks that are full, read-only, forbidden or without locks: a clear message, and nothing is damaged."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.spec.event_file import read_records
from core.spec.events import EpochFinished, RunFailed, RunFinished, StepLogged, Warned
from core.spec.home import Home
from core.spec.loading import build_config
from core.spec.run_folder import RunFolder
from igdm_tui.launch import create_run, resume_run, start_worker
from igdm_tui.store import Store, rebuild
from tests.faults.campaign import IGDM
from tests.faults.homes import PATIENCE_S, results, settings
from tests.igdm_tui.conftest import run_maker

pytestmark = pytest.mark.slow
NOBODY = 65534
CHANGES = (("tag", "latest", "+x"), ("note", "latest", "x"), ("queue", "add", "c.toml"), ("run", "c.toml", "--detach"))
LOOKS = (("ls",), ("show", "latest"), ("queue", "ls"), ("db", "check"), ("db", "rebuild"))


@pytest.fixture
def small_disk(tmp_path):
    """One mebibyte that can be filled."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place]
    if os.geteuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("mounting a small disk needs root and its rights")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    """Not one byte is left."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 64, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break
    return filler


def told(home, words, *, nobody=False, environment=None):
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if nobody else []
    done = subprocess.run(
        [*prefix, *IGDM, *words, "--home", str(home)], cwd=home, capture_output=True, text=True, check=False,
        timeout=PATIENCE_S, stdin=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
    )  # fmt: skip
    assert "unexpected error" not in done.stderr, (words, done.stderr)
    assert "Traceback" not in done.stderr, (words, done.stderr)
    return done


def count(folder, kind):
    return sum(isinstance(record.event, kind) for record in read_records(folder.events))


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_a_run_goes_through_a_full_disk_and_ends_with_the_same_numbers(small_disk, tmp_path):
    home, quiet_home = Home(small_disk / "home").ensure(), Home(tmp_path / "quiet").ensure()
    wish = settings(0, 6)
    wish["evaluation"]["attacks"] = ["clean"]
    config = build_config(wish)
    quiet = create_run(quiet_home, config, [])
    start_worker(quiet)
    folder = create_run(home, config, [])
    (home.path / "c.toml").write_text('[teacher]\nsource = "none"\n[method]\nname = "standard"\n')
    start_worker(folder)
    wait_for(lambda: count(folder, StepLogged) >= 5)
    filler = fill(small_disk)
    for words in (("ls",), ("queue", "add", "c.toml"), ("run", "c.toml")):
        done = told(home.path, words)
        assert done.returncode == 2
        assert "make room" in done.stderr
    time.sleep(1.0)
    filler.unlink()
    wait_for(lambda: folder.living_worker() is None)
    if count(folder, RunFailed):  # it ended before there was room for the last checkpoint
        assert "make room" in next(r.event.error for r in read_records(folder.events) if isinstance(r.event, RunFailed))
        resume_run(folder)
        wait_for(lambda: folder.living_worker() is None)
    assert count(folder, RunFinished) == 1
    assert count(folder, EpochFinished) >= 6
    numbers = [record.seq for record in read_records(folder.events)]
    assert numbers == list(range(1, len(numbers) + 1))
    wait_for(lambda: quiet.living_worker() is None)
    assert results(folder) == results(quiet)
    assert rebuild.check(home) == []
    assert not list(home.path.rglob("*.tmp")), "halves of files are left"
    print({"warnings": [r.event.message for r in read_records(folder.events) if isinstance(r.event, Warned)]})


@pytest.fixture
def used_home(tmp_path):
    """With a finished run, that anybody could come to through its path."""
    home = Home(tmp_path / "home").ensure()
    run_maker(home)("aaaa2222").finish()
    (home.path / "c.toml").write_text("")
    with Store.open(home) as store:
        store.ingest()
    for folder in (tmp_path, *tmp_path.parents):
        if folder.owner() == "root" and folder != Path("/") and "pytest" in folder.name:
            folder.chmod(0o755)
    return home


def content(home):
    return {path: path.read_bytes() for path in sorted(home.path.rglob("*")) if path.is_file() and "-" not in path.name}


def test_a_disk_that_can_only_be_read(used_home, tmp_path):
    place = tmp_path / "read-only"
    place.mkdir()
    if os.geteuid() or subprocess.run(["mount", "--bind", used_home.path, place], check=False).returncode:
        pytest.skip("mounting needs root and its rights")
    before = content(used_home)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        for words in (*CHANGES, *LOOKS):
            done = told(place, words)
            if done.returncode:
                assert done.returncode == 2
                assert str(place) in done.stderr
                assert done.stderr.rstrip().endswith(")"), f"no advice: {done.stderr}"
        assert [told(place, words).returncode for words in CHANGES] == [2] * len(CHANGES)
    finally:
        subprocess.run(["umount", "-l", place], check=True)
    assert content(used_home) == before


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_home_of_somebody_else(used_home, mode):
    if os.geteuid() or shutil.which("setpriv") is None:
        pytest.skip("becoming another user needs root and setpriv")
    for path in (used_home.path, *used_home.path.rglob("*")):
        path.chmod((0o755 if path.is_dir() else 0o644) if mode else 0o700)
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    if subprocess.run(
        [*prefix, sys.executable, "-P", "-c", "import igdm_tui"], cwd="/", check=False, capture_output=True
    ).returncode:
        pytest.skip("nobody may not read this Python or the program")
    before = content(used_home)
    elsewhere = {"XDG_STATE_HOME": "/tmp/igdm-nobody", "XDG_CONFIG_HOME": "/tmp/igdm-nobody", "HOME": "/nonexistent"}
    for words in (*CHANGES, *LOOKS):
        done = subprocess.run(
            [*prefix, *IGDM, *words, "--home", str(used_home.path)], cwd="/", capture_output=True, text=True,
            check=False, timeout=PATIENCE_S, stdin=subprocess.DEVNULL, env=os.environ | elsewhere,
        )  # fmt: skip
        assert done.returncode == 2, (words, done.stdout, done.stderr)
        assert "unexpected error" not in done.stderr, (words, done.stderr)
    assert content(used_home) == before


NO_LOCKS = """
import errno, fcntl
def flock(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = flock
"""


def test_a_disk_without_locks(tmp_path):
    """As some network disks: a run is made and carried to its end, the queue says that it cannot be."""
    home = Home(tmp_path / "home").ensure()
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(NO_LOCKS)
    without = {"PYTHONPATH": str(tmp_path / "patch")}
    wish = settings(0, 1)
    wish["evaluation"]["attacks"] = ["clean"]
    wish["teacher"] = {"width": 4, "blocks": [1], "optim": {"num_epochs": 1, "milestones": []}}
    from core.spec.toml_text import config_to_toml

    (home.path / "c.toml").write_text(config_to_toml(build_config(wish | {"method": {"name": "adaad"}})))
    done = told(home.path, ("run", "c.toml"), environment=without)
    assert done.returncode == 0, done.stderr
    (folder,) = [RunFolder(path) for path in home.runs.iterdir()]
    assert count(folder, RunFinished) == 1
    assert told(home.path, ("note", "latest", "x"), environment=without).returncode in (0, 2)
    done = told(home.path, ("queue", "add", "c.toml"), environment=without)
    assert done.returncode == 2
    assert "no file locks" in done.stderr
