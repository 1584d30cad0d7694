"""From a configuration to a folder, a command and a process."""

import json
import os
import random
import shlex
import stat
import sys
from pathlib import Path

import pytest

from core.spec.config import RunConfig
from core.spec.errors import IgdmError, RunFailedError, TryAgainError
from core.spec.event_file import EventWriter, read_records
from core.spec.events import RunFailed, RunStopped
from core.spec.home import Home
from core.spec.loading import apply_overrides, build_config, load_config
from igdm_tui.launch import command_line, create_run, provenance, resume_run, start_worker, stop_run
from igdm_tui.launch.command import without_secrets
from igdm_tui.store import Store


def test_a_new_run_folder_is_complete_and_private(home):
    config = build_config({"name": "[/] first", "runtime": {"seed": 3}, "attack": {"epsilon": "4/255"}})
    folder = create_run(home, config, ["igdm", "run", "x.toml", "--set", "tracker.api_key=abc"])
    assert load_config(folder.config) == config
    card = folder.read_run_json()
    assert (card["id"], card["name"], card["seed"]) == (folder.run_id, "[/] first", 3)
    assert card["command"] == ["igdm", "run", "x.toml", "--set", "tracker.api_key=***"]
    assert card["versions"]["torch"]
    assert {"git", "host", "gpus", "python", "settings_hash", "teacher_hash", "created_at"} <= card.keys()
    assert "environment" not in card
    assert build_config(card["settings"]) == config
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert os.listdir(home.runs) == [folder.run_id]
    with Store.open(home) as store:
        store.ingest()
        assert store.run("[/] first").status == "queued"


def test_a_folder_that_cannot_be_filled_leaves_nothing_behind(home, monkeypatch):
    def no_space(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("igdm_tui.launch.create.replace_text", no_space)
    with pytest.raises(IgdmError, match="No space left"):
        create_run(home, RunConfig(), [])
    assert os.listdir(home.runs) == []


def test_a_home_that_is_a_file_is_one_clear_error(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(IgdmError, match="--home"):
        create_run(Home(tmp_path / "home"), RunConfig(), [])


def test_git_is_told_where_there_is_a_repository_and_left_out_elsewhere(tmp_path, monkeypatch):
    assert provenance.git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.git_state(Path(__file__).parent) is None


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["igdm", "run", "a.toml"], ["igdm", "run", "a.toml"]),
        (["--token", "abc", "x"], ["--token", "***", "x"]),
        (["--set", "a.Password=b"], ["--set", "a.Password=***"]),
        (["MY_SECRET=1", "--key=2"], ["MY_SECRET=***", "--key=***"]),
    ],
)
def test_secrets_in_a_command_are_not_kept(words, shown):
    assert without_secrets(words) == shown


def read_command(line):
    """The configuration a command makes, as `igdm run` reads it."""
    words = shlex.split(line)
    assert words[:2] == ["igdm", "run"]
    overrides = []
    for option, value in zip(words[3::2], words[4::2], strict=True):
        name = {"--seed": "runtime.seed", "--device": "runtime.device", "--name": "name"}.get(option)
        overrides.append(value if name is None else f"{name}={json.dumps(value) if name != 'runtime.seed' else value}")
    path = Path(words[2])
    return load_config(path, overrides) if path.exists() else build_config(apply_overrides({}, overrides))


CHOICES = {
    "name": ["plain", "two words", "'quoted\"", "1", "true", "[/]", "$HOME; rm", "naïve 漢"],
    "method.name": ["ard", "pgd-at"],
    "igdm.alpha": [0.5, 10.0, 220.0],
    "attack.epsilon": [8 / 255, 0.2, 0.031, 4.5 / 255],
    "student.blocks": [(1,), (1, 1, 1)],
    "optim.num_epochs": [1, 30],
    "optim.milestones": [(), (20, 26)],
    "optim.learning_rate": [1e-05, 0.1],
    "evaluation.attacks": [("clean",), ("clean", "pgd20")],
    "evaluation.num_examples": [None, 100],
    "data.horizontal_flip": [True, False],
    "runtime.seed": [0, 7],
    "runtime.device": ["cpu", "cuda:1"],
}


def test_the_command_makes_exactly_the_configuration_it_was_written_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.toml").write_text("[optim]\nnum_epochs = 30\nmilestones = [20, 26]\n")
    (tmp_path / "configs" / "subset.toml").write_text("[evaluation]\nnum_examples = 100\n")
    (tmp_path / "configs" / "wrong.toml").write_text("[optim\n")
    chance = random.Random(0)
    for _ in range(60):
        keys = chance.sample(list(CHOICES), k=chance.randint(0, 6))
        settings = {key: chance.choice(CHOICES[key]) for key in keys}
        nested: dict = {}
        for key, value in settings.items():
            section, _, name = key.rpartition(".")
            (nested.setdefault(section, {}) if section else nested)[name] = value
        config = build_config(nested)
        line = command_line(config)
        assert "\n" not in line
        assert read_command(line) == config, line


def test_the_command_starts_from_the_file_that_needs_least(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = build_config({"optim": {"num_epochs": 30, "milestones": [20, 26]}, "attack": {"epsilon": "8/255"}})
    assert command_line(config).startswith("igdm run /dev/null --set optim.num_epochs=30")
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "small.toml").write_text("[optim]\nnum_epochs = 30\nmilestones = [20, 26]\n")
    assert command_line(config) == "igdm run configs/small.toml"
    assert command_line(config, seeds=[0, 1]) == "igdm queue add configs/small.toml --seeds 0,1"


def test_a_worker_that_cannot_start_fails_the_run_and_says_why(home, monkeypatch):
    folder = create_run(home, RunConfig(), [])
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(RunFailedError, match="cannot be started"):
        start_worker(folder)
    (record,) = read_records(folder.events)
    assert isinstance(record.event, RunFailed)
    with Store.open(home) as store:
        store.ingest()
        assert store.run(folder.run_id).status == "failed"


def test_a_worker_that_ends_at_once_fails_the_run_with_its_last_words(home, tmp_path, monkeypatch):
    folder = create_run(home, RunConfig(), [])
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nprintf '\\033[2Jno such library\\n' >&2\nexit 7\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(RunFailedError, match="code 7: no such library"):
        start_worker(folder)
    assert [type(record.event) for record in read_records(folder.events)] == [RunFailed]


def test_only_a_running_run_can_be_stopped(home):
    folder = create_run(home, RunConfig(), [])
    with pytest.raises(IgdmError, match="no worker is running"):
        stop_run(folder)


def test_a_run_on_another_machine_finds_a_mark_and_stops(home):
    from core.spec.process import ProcessIdentity

    folder = create_run(home, RunConfig(), [])
    folder.write_worker(ProcessIdentity(pid=os.getpid(), started_at=1.0, host="elsewhere"), 1)
    folder.heartbeat.touch()
    with pytest.raises(TryAgainError, match="elsewhere"):
        stop_run(folder, wait_s=0.0)
    assert folder.stop_mark.exists()
    writer = EventWriter(folder.events)
    writer.write(RunStopped(reason="stop requested", epoch=0, step=0))
    writer.close()
    assert stop_run(folder) == "stopped on elsewhere"


def test_a_reused_pid_is_never_signalled(make_run):
    run = make_run("aaaa2222").start()  # this test's pid, another start time
    with pytest.raises(IgdmError, match="no worker is running"):
        stop_run(run.folder)


def test_a_finished_a_running_and_an_incomplete_run_are_not_resumed(make_run):
    with pytest.raises(IgdmError, match="is finished"):
        resume_run(make_run("aaaa2222").finish().folder)
    with pytest.raises(IgdmError, match="is running"):
        resume_run(make_run("bbbb2222").start(alive=True).folder)
    incomplete = make_run("cccc2222")
    incomplete.folder.config.unlink()
    with pytest.raises(IgdmError, match=r"config\.toml"):
        resume_run(incomplete.folder)
