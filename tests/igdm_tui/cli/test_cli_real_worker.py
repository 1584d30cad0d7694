"""Real workers: started, stopped, killed, resumed, through the commands a person types."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from core.spec.run_folder import RunFolder

pytestmark = pytest.mark.slow

TINY = """
[teacher]
source = "none"
[student]
width = 4
blocks = [1]
[method]
name = "pgd-at"
[attack]
epsilon = 0.1
step_size = 0.1
num_steps = 1
[optim]
num_epochs = 2
batch_size = 256
milestones = []
[evaluation]
attacks = ["clean", "pgd20"]
num_examples = 40
validation_every = 0
gradient_every = 0
[runtime]
threads = 1
device = "cpu"
log_every = 1
"""
ENTRY = [sys.executable, "-m", "igdm_tui.cli.entry"]
PATIENCE_S = 60.0


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.toml"
    path.write_text(TINY)
    return str(path)


@pytest.fixture
def wait_for(igdm):
    """Waits until a run fits, as `igdm show` tells it."""

    def wait(run_id, fits):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            run = json.loads(igdm("show", run_id, "--json").out)
            if fits(run):
                return run
            time.sleep(0.1)
        raise AssertionError(f"{run_id} is {run['status']} after {PATIENCE_S:.0f} s: {run['metrics']}")

    return wait


def has_trained(run):
    return run["status"] == "running" and "learning_rate" in run["metrics"]


def test_a_real_run_finishes_with_its_metrics(igdm, home, tiny):
    said = igdm("run", tiny, "--json")
    assert said.code == 0, said.err
    run = json.loads(said.out)
    assert run["status"] == "finished"
    assert {"clean_accuracy", "pgd20_accuracy", "loss"} <= run["metrics"].keys()
    assert "autoattack_accuracy" not in run["metrics"]
    assert igdm("db", "check").code == 0


def test_a_run_is_stopped_resumed_killed_and_resumed_again(igdm, home, tiny, wait_for):
    run_id = igdm("run", tiny, "--detach", "--set", "optim.num_epochs=100000").out.strip()
    folder = RunFolder(home.runs / run_id)
    wait_for(run_id, has_trained)
    assert igdm("resume", run_id).code == 2, "it runs"
    said = igdm("stop", run_id)
    assert said.code == 0
    assert f"igdm resume {run_id}" in said.err
    stopped = json.loads(igdm("show", run_id, "--json").out)
    assert stopped["status"] == "stopped"
    assert igdm("resume", run_id, "--detach").out.strip() == run_id
    wait_for(run_id, lambda run: has_trained(run) and run["elapsed_s"] > stopped["elapsed_s"] + 0.5)
    identity, attempt = folder.read_worker()
    assert attempt == 2
    os.kill(identity.pid, signal.SIGKILL)
    lost = wait_for(run_id, lambda run: run["status"] == "lost")
    assert lost["metrics"]["learning_rate"] == 0.1
    assert igdm("resume", run_id, "--detach").code == 0
    wait_for(run_id, lambda run: run["status"] == "running")
    assert igdm("stop", run_id).code == 0
    assert igdm("db", "check").code == 0


def test_ctrl_c_stops_a_followed_run_after_a_checkpoint(home, tiny, igdm):
    command = [*ENTRY, "run", tiny, "--set", "optim.num_epochs=100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        said = ""
        while "epoch 1/" not in said:
            line = process.stderr.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert out == ""
    run = json.loads(igdm("show", "latest", "--json").out)
    assert run["status"] == "stopped"
    assert f"igdm resume {run['id']}" in rest
    assert (home.runs / run["id"] / "checkpoints" / "last.pt").exists()


def test_a_closed_terminal_stops_no_run(home, tiny, igdm, wait_for):
    command = [*ENTRY, "run", tiny, "--set", "optim.num_epochs=100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while "epoch 1/" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=PATIENCE_S)
    wait_for("latest", has_trained)
    assert igdm("stop", "latest").code == 0
