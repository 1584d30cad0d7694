"""Everything a person may get wrong: one clear message, the agreed exit code, no traceback, nothing half-made."""

import os
import sqlite3
import subprocess
import sys
from types import SimpleNamespace

import pytest

from core.spec.run_folder import RunFolder
from igdm_tui.launch import create_run


def refused(said, *words, code=2):
    assert said.code == code, said
    assert said.out == ""
    assert "Traceback" not in said.err
    for word in words:
        assert word in said.err
    return True


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("attack.epsilonn=0.1", ["attack.epsilonn", "unknown key", "did you mean attack.epsilon?"]),
        ("attack.epsilon=300", ["attack.epsilon", "less than or equal to 1", "300", '"8/255"']),
        ("optim.num_epochs=many", ["optim.num_epochs", "integer", "many"]),
        ('optim.num_epochs="3"', ["optim.num_epochs"]),
        ("method.name=adaadd", ["method.name", "did you mean 'adaad'?"]),
        ("runtime.device=gpu", ["runtime.device", "cuda:0"]),
        ("attack.epsilon=1/0", ["attack.epsilon", "divides by zero"]),
        ("config_version=99", ["config_version", "newer igdm-tui", "99", "upgrade"]),
        ("teacher.source=none", ["teacher.source", "no"]),
        ("seed", ["--set", "'seed'", "key=value"]),
        ('name="  "', ["name", "is blank", "no name"]),
        ("optim.num_epochs.x=1", ["optim.num_epochs", "integer"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(igdm, home, config_file, setting, words):
    said = igdm("run", str(config_file), "--set", setting)
    assert refused(said, *words)
    assert os.listdir(home.runs) == []


def test_every_problem_is_told_at_once_with_its_line(igdm, home, config_file):
    config_file.write_text("[attack]\nepsilon = 300\nstepsize = 1\n\n[optim]\nnum_epochs = 0\n")
    said = igdm("run", str(config_file))
    assert refused(said, "small.toml:2", "small.toml:3", "small.toml:6", "attack.step_size")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("smal.toml", ["smal.toml", "no such file", "did you mean", "small.toml"]),
        (".", ["is a folder"]),
        ("none/at/all.toml", ["no such file", "configs/digits.toml"]),
    ],
)
def test_a_missing_file_names_the_nearest(igdm, home, config_file, path, words):
    assert refused(igdm("run", str(config_file.parent / path)), *words)
    assert refused(igdm("config", "validate", str(config_file.parent / path)), *words)


def test_a_file_that_is_no_toml_says_where(igdm, home, config_file):
    config_file.write_bytes(b"[optim\n")
    assert refused(igdm("run", str(config_file)), "not valid TOML", "line 1")
    config_file.write_bytes(b"\xff\xfe\x00")
    assert refused(igdm("run", str(config_file)), "UTF-8")


@pytest.mark.parametrize("command", [["show"], ["compare"], ["stop"], ["resume"], ["compare", "aaaa2222"]])
def test_an_unknown_run_names_the_nearest(igdm, make_run, command):
    make_run("aaaa2222", name="first").finish()
    assert refused(igdm(*command, "fisrt"), "no run 'fisrt'", "did you mean first?", "igdm ls")


def test_a_home_without_runs_says_how_to_start_one(igdm, home):
    assert refused(igdm("show", "latest"), "no runs here yet", "igdm run")


def test_a_missing_home_is_named(igdm, tmp_path):
    assert refused(igdm("ls", "--home", str(tmp_path / "nowhere")), "nowhere", "no such folder", "--home")


def test_a_home_that_is_a_file_is_named_as_one(igdm, tmp_path):
    (tmp_path / "file").write_text("")
    assert refused(igdm("ls", "--home", str(tmp_path / "file")), "is a file", "--home")


def test_a_home_that_cannot_be_made_is_named(igdm, tmp_path, config_file):
    (tmp_path / "file").write_text("")
    said = igdm("run", str(config_file), "--home", str(tmp_path / "file" / "home"))
    assert refused(said, "cannot be made", "--home")


def test_a_folder_without_permission_is_named(igdm, tmp_path, config_file, monkeypatch):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: real(path, mode) and not mode & os.W_OK)  # root may all
    said = igdm("run", str(config_file), "--home", str(folder))
    assert refused(said, str(folder), "no permission to write", "--home")


def test_a_run_folder_that_may_not_be_read_is_named(igdm, make_run, monkeypatch):
    run = make_run("aaaa2222").finish()

    def denied(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("igdm_tui.store.ingest._read_lines", denied)
    assert refused(igdm("ls"), str(run.folder.events), "no permission", "runs/")


def test_a_run_in_a_home_with_a_newer_database_makes_nothing(igdm, home, config_file):
    with sqlite3.connect(home.database) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = home.database.read_bytes()
    said = igdm("run", str(config_file))
    assert refused(said, str(home.database), "version 99", "upgrade igdm-tui")
    assert os.listdir(home.runs) == []
    assert home.database.read_bytes() == before
    assert refused(igdm("ls"), "version 99")


def test_a_damaged_database_names_the_way_out(igdm, home):
    home.database.write_bytes(b"no database at all" * 50)
    assert refused(igdm("ls"), str(home.database), "igdm db rebuild")
    assert igdm("db", "rebuild").code == 0
    assert igdm("ls").code == 0


def test_a_locked_database_exits_3(igdm, make_run, home, monkeypatch):
    make_run("aaaa2222").finish()
    igdm("ls")
    make_run("bbbb2222").finish()
    monkeypatch.setattr("igdm_tui.store.connection.BUSY_TIMEOUT_S", 0.05)
    connection = sqlite3.connect(home.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    assert refused(igdm("ls"), "try again", code=3)
    connection.close()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["ls", "--filter", "method is adaad"], ["method is adaad", "key=value"]),
        (["ls", "--filter", "mehtod=adaad"], ["mehtod", "did you mean method?", "^^^^^^"]),
        (["ls", "--filter", "status=runing"], ["no status is called 'runing'", "did you mean running?"]),
        (["ls", "--sort", "accuracy_clean"], ["accuracy_clean"]),
        (["compare", "aaaa", "--json", "--csv"], ["exclude each other"]),
        (["compare"], ["Missing argument"]),
        (["show"], ["Missing argument"]),
        (["run"], ["Missing argument"]),
        (["lss"], ["No such command"]),
        (["ls", "--jsn"], ["No such option", "--json"]),
        (["ls", "--home"], ["--home"]),
        (["stop", "aaaa"], ["no worker is running"]),
        (["resume", "aaaa"], ["is finished", "igdm show"]),
        (["tui"], ["needs a terminal", "igdm ls"]),
    ],
)
def test_a_wrong_command_says_what_is_right(igdm, make_run, words, told):
    make_run("aaaa2222").finish()
    assert refused(igdm(*words), *told)


@pytest.mark.parametrize("elsewhere", ["stdin", "stdout", "stderr"])
def test_screens_need_every_stream_on_the_terminal(igdm, home, monkeypatch, elsewhere):
    streams = {
        name: SimpleNamespace(isatty=lambda name=name: name != elsewhere) for name in ("stdin", "stdout", "stderr")
    }
    monkeypatch.setattr("igdm_tui.cli.screens.sys", SimpleNamespace(**streams))
    monkeypatch.setattr("igdm_tui.app.run_app", lambda _: pytest.fail("the screens were opened"))
    monkeypatch.setattr("igdm_tui.warming.hold_collector", lambda: None)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert refused(igdm("tui"), "needs a terminal", "igdm ls")


@pytest.mark.parametrize(
    ("seeds", "told"), [("0,x", "whole numbers"), ("", None), ("1,1", "twice"), ("-1", "runtime.seed")]
)
def test_seeds_are_checked_before_anything_is_made(igdm, home, config_file, seeds, told):
    if told is None:
        assert refused(igdm("run", str(config_file), "--seed", "1", "--seeds", "0,1"), "exclude each other")
    else:
        assert refused(igdm("run", str(config_file), f"--seeds={seeds}"), told)
    assert os.listdir(home.runs) == []


def test_a_run_whose_folder_is_gone_is_not_resumed(igdm, make_run):
    import shutil

    run = make_run("aaaa2222").start().train([1])
    igdm("ls")
    shutil.rmtree(run.folder.path)
    assert refused(igdm("resume", "aaaa"), "is gone")


def test_debug_shows_where_an_error_comes_from(igdm, home):
    said = igdm("show", "nothing", "--debug")
    assert said.code == 2
    assert "Traceback" in said.err
    assert "no runs here yet" in said.err.splitlines()[-1]


def test_an_unexpected_error_is_one_line(igdm, home, monkeypatch):
    def broken(*_):
        raise RuntimeError("boom \x1b[2J")

    monkeypatch.setattr("igdm_tui.store.Store.open", broken)
    said = igdm("ls")
    assert refused(said, "unexpected error: RuntimeError: boom", "--debug", code=1)
    assert len(said.err.splitlines()) == 1
    assert "\x1b" not in said.err


def test_ctrl_c_exits_130(igdm, home, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("igdm_tui.store.Store.open", interrupted)
    assert igdm("ls").code == 130


def test_a_reader_that_goes_away_is_no_error(make_run):
    for number in range(300):
        make_run(f"run{number:05d}", name="x" * 70)
    command = f"{sys.executable} -m igdm_tui.cli.entry ls --json | head -c 10"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_a_truncated_config_in_a_run_folder_fails_clearly_when_resumed(igdm, home):
    from core.spec.config import RunConfig

    folder = create_run(home, RunConfig(), [])
    RunFolder(folder.path).config.unlink()
    assert refused(igdm("resume", folder.run_id), "config.toml", "no such file")
