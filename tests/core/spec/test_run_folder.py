import os
import subprocess
import sys

import pytest

from core.spec.atomic import replace_file, replace_text
from core.spec.errors import IgdmError
from core.spec.home import HOME_VARIABLE, Home
from core.spec.process import ProcessIdentity
from core.spec.run_folder import ID_LENGTH, RunFolder, new_run_id, run_folders


def test_the_home_is_the_given_folder_then_the_variable_then_here(tmp_path, monkeypatch):
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "env"))
    assert Home.find(tmp_path / "given").path == tmp_path / "given"
    assert Home.find().path == tmp_path / "env"
    monkeypatch.delenv(HOME_VARIABLE)
    monkeypatch.chdir(tmp_path)
    assert Home.find().path == tmp_path


def test_a_home_is_made_for_its_owner_only(tmp_path):
    home = Home(tmp_path / "home").ensure()
    assert home.runs.stat().st_mode & 0o077 == 0


def test_a_home_below_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(IgdmError, match="file"):
        Home(tmp_path / "file" / "home").ensure()


def test_ids_differ_and_can_be_typed():
    ids = {new_run_id() for _ in range(200)}
    assert len(ids) == 200
    assert all(
        (len(run_id) == ID_LENGTH and run_id.isalnum() and run_id.islower()) or run_id.isdigit() for run_id in ids
    )


def test_hidden_folders_are_no_runs(tmp_path):
    home = Home(tmp_path).ensure()
    (home.runs / ".half-made").mkdir()
    (home.runs / "abc").mkdir()
    (home.runs / "stray.txt").write_text("")
    assert [folder.run_id for folder in run_folders(home)] == ["abc"]
    assert run_folders(Home(tmp_path / "nowhere")) == []


def test_only_one_process_holds_the_lock(tmp_path):
    folder = RunFolder(tmp_path)
    lock = folder.try_lock()
    assert lock is not None
    assert folder.try_lock() is None
    lock.close()
    again = folder.try_lock()
    assert again is not None
    again.close()


def test_the_worker_is_remembered_with_its_start_time(tmp_path):
    folder = RunFolder(tmp_path)
    assert folder.read_worker() is None
    identity = ProcessIdentity.of_this()
    folder.write_worker(identity, 3)
    assert folder.read_worker() == (identity, 3)
    folder.worker_json.write_text("{")
    assert folder.read_worker() is None


def test_a_reused_pid_is_not_the_same_process():
    mine = ProcessIdentity.of_this()
    assert mine.is_alive()
    assert not ProcessIdentity(pid=mine.pid, started_at=mine.started_at - 100, host=mine.host).is_alive()
    assert not ProcessIdentity(pid=mine.pid, started_at=mine.started_at, host="elsewhere").is_alive()


def test_a_dead_process_is_not_alive():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    import psutil

    identity = ProcessIdentity(
        pid=child.pid, started_at=psutil.Process(child.pid).create_time(), host=ProcessIdentity.of_this().host
    )
    assert identity.is_alive()
    child.kill()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    assert not identity.is_alive()
    child.wait()
    assert not identity.is_alive()


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "file"
    replace_text(path, "old")

    def fail(file):
        file.write(b"half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        replace_file(path, fail)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_damaged_run_json_is_named(tmp_path):
    folder = RunFolder(tmp_path)
    folder.run_json.write_text("{")
    with pytest.raises(IgdmError, match=r"run\.json"):
        folder.read_run_json()
