"""igdm queue, sweep and retry; nothing is started."""

import json
import os
import shutil
import subprocess

import pytest

from core.spec.events import RunFailed, RunFinished
from core.spec.run_folder import RunFolder
from igdm_tui.queue.summon import systemd_unit
from igdm_tui.queue.tickets import is_held, read_tickets

CONFIG = '[teacher]\nsource = "none"\n[method]\nname = "standard"\n[runtime]\ndevice = "cpu"\n'


@pytest.fixture(autouse=True)
def nobody_supervises(monkeypatch):
    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: False)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "one.toml"
    path.write_text(CONFIG)
    return str(path)


@pytest.fixture
def matrix(tmp_path, config):
    path = tmp_path / "matrix.toml"
    path.write_text('base = "one.toml"\n[matrix]\n"optim.num_epochs" = [1, 2]\n"runtime.seed" = [0, 1]\n')
    return str(path)


def names(home):
    return [RunFolder(home.runs / ticket.run_id).read_run_json()["name"] for ticket in read_tickets(home)]


def test_adding_listing_changing(igdm, home, config):
    said = igdm("queue", "add", config, "--seeds", "0,1,2", "--priority", "2")
    assert said.code == 0
    ids = said.out.split()
    assert len(ids) == 3
    entries = json.loads(igdm("queue", "ls", "--json").out)
    assert [(entry["id"], entry["position"], entry["priority"]) for entry in entries["waiting"]] == [
        (run_id, place, 2) for place, run_id in enumerate(ids, 1)
    ]
    assert (entries["supervisor"], entries["stopped"], entries["running"]) == (None, False, [])
    assert igdm("queue", "move", ids[2], "--to", "1").code == 0
    assert igdm("queue", "priority", ids[1], "9").code == 0
    assert igdm("queue", "pause", ids[0]).code == 0
    text = igdm("queue", "ls").out
    assert [line.split()[1] for line in text.splitlines()[1:]] == [ids[1], ids[2], ids[0]]
    assert [ticket.paused for ticket in read_tickets(home)] == [False, False, True]
    assert igdm("queue", "resume", ids[0]).code == 0
    assert not any(ticket.paused for ticket in read_tickets(home))
    assert igdm("queue", "remove", ids[0], ids[1]).code == 0
    assert json.loads(igdm("show", ids[0], "--json").out)["status"] == "stopped"
    assert [ticket.run_id for ticket in read_tickets(home)] == [ids[2]]
    assert igdm("retry", ids[0]).out.split() == [ids[0]]
    assert "igdm queue start" in igdm("ls").out


def test_threads_left_open_are_chosen_and_kept(igdm, home, config):
    run_id = igdm("queue", "add", config).out.strip()
    settings = RunFolder(home.runs / run_id).read_run_json()["settings"]
    assert settings["runtime"]["threads"] >= 1
    chosen = igdm("queue", "add", config, "--set", "runtime.threads=3").out.strip()
    assert {ticket.run_id: ticket.threads for ticket in read_tickets(home)}[chosen] == 3


def test_the_whole_queue_is_stopped_and_started(igdm, home, config):
    igdm("queue", "add", config)
    assert igdm("queue", "pause").code == 0
    assert is_held(home)
    assert "stopped" in igdm("queue", "ls").err
    assert igdm("queue", "resume").code == 0
    assert not is_held(home)
    assert "no supervisor was there" in igdm("queue", "stop").err
    assert is_held(home)
    assert igdm("queue", "start").code == 0
    assert not is_held(home)


def test_a_sweep_is_previewed_queued_once_and_filled_in(igdm, home, matrix):
    preview = igdm("sweep", matrix, "--dry-run")
    assert preview.code == 0
    assert [line.split()[0] for line in preview.out.splitlines()] == ["do", "new", "new", "new", "new"]
    assert not home.path.joinpath("queue").exists()
    assert read_tickets(home) == []

    cells = json.loads(igdm("sweep", matrix, "--json").out)
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == 4
    assert {cell["action"] for cell in cells} == {"new"}
    again = igdm("sweep", matrix)
    assert "4 skipped (4 queued)" in again.err
    assert len(read_tickets(home)) == 4

    finish(home, ids[0], RunFinished(elapsed_s=1.0))
    finish(home, ids[1], RunFailed(error="loss is nan"))
    cells = json.loads(igdm("sweep", matrix, "--json", "--seeds", "0,1,2").out)
    actions = {(cell["id"], cell["status"]): cell["action"] for cell in cells if cell["id"] in ids}
    assert actions == {
        (ids[0], "finished"): "skip",
        (ids[1], "failed"): "again",
        (ids[2], "queued"): "skip",
        (ids[3], "queued"): "skip",
    }
    assert [cell["seed"] for cell in cells if cell["id"] not in ids] == [2, 2]
    assert len(read_tickets(home)) == 5


def finish(home, run_id, word):
    """As the supervisor leaves it: the run has said its last word, the ticket is gone."""
    from core.spec.event_file import EventWriter
    from igdm_tui.queue.tickets import remove_ticket

    writer = EventWriter(RunFolder(home.runs / run_id).events)
    writer.write(word)
    writer.close()
    remove_ticket(home, run_id)


@pytest.mark.parametrize(
    "words",
    [
        ["queue", "pause", "nobody"], ["queue", "move", "nobody", "--to", "1"], ["queue", "add", "missing.toml"],
        ["queue", "move", "latest", "--to", "0"], ["sweep", "missing.toml"], ["retry", "nobody"], ["queue", "nonsense"],
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_message(igdm, home, words):
    said = igdm(*words)
    assert said.code == 2
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.strip()


def test_every_wrong_cell_of_a_sweep_is_named_and_nothing_is_queued(igdm, home, matrix):
    said = igdm("sweep", matrix, "--set", "optim.learning_rate=-1")
    assert said.code == 2
    assert "optim.learning_rate" in said.err
    assert "optim.num_epochs=2" in said.err
    assert list(home.runs.iterdir()) == []


def test_systemd_accepts_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit is not shown to systemd")
    from core.spec.home import Home

    place = tmp_path / 'a b%c"d$e'
    place.mkdir()
    unit = tmp_path / "igdm-queue.service"

    def verdict(text):
        unit.write_text(text)
        done = subprocess.run(
            ["systemd-analyze", "verify", "--user", unit], capture_output=True, text=True, check=False,
            env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        )  # fmt: skip
        return done.returncode, done.stderr

    text = systemd_unit(Home(place))
    assert verdict(text) == (0, "")
    assert verdict(text.replace("ExecStart=", "ExecStart=/not/there "))[0] != 0


def test_the_systemd_unit_quotes_what_systemd_would_read(igdm, home):
    from core.spec.home import Home

    unit = systemd_unit(Home(home.path / 'a b%c"d$e'))
    (line,) = [line for line in unit.splitlines() if line.startswith("ExecStart=")]
    assert 'a b%%c\\"d$$e" --stay' in line
    said = igdm("doctor", "--systemd")
    assert said.code == 0
    assert f"{home.path} --stay" in said.out
    assert "KillMode=process" in said.out
