"""Runs on a real Slurm: a sweep, a cancelled run, a preempted one, a dead node; numbers are those of a quiet run."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
import torch

from core.spec.event_file import read_records
from core.spec.events import EpochFinished, RunStarted, RunStopped
from core.spec.home import Home
from core.spec.run_folder import RunFolder
from core.training.checkpoint import LAST
from igdm_tui.slurm.records import read_job, read_state
from tests.integration.conftest import PATIENCE_S, events_of
from tests.moments import held, is_held

pytestmark = pytest.mark.slow

UNWATCHED = ("--set", "evaluation.validation_every=0", "--set", "evaluation.gradient_every=0", "--set")
LONG = (*UNWATCHED, "optim.num_epochs=25")
ENDLESS = (*UNWATCHED, "optim.num_epochs=10000")  # for runs that are never carried to their end
URGENT = ("sbatch", "--parsable", "-p", "urgent", "-N2", "--exclusive", "-o", "/dev/null", "--wrap", "srun sleep 3")


@pytest.fixture
def folder_of(tmp_path):
    return lambda run_id: RunFolder(Home(tmp_path / "home").runs / run_id)


@pytest.fixture
def submit(igdm):
    def submit_one(*words: str) -> str:
        return igdm("run", "tiny.toml", "--on", "slurm", *words).strip()

    return submit_one


def until(condition, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


def epochs_of(folder):
    return len(events_of(folder, EpochFinished))


def slurm(*words):
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout


def assert_same_weights(first, second):
    a, b = (torch.load(folder.checkpoints / LAST, weights_only=True)["model"] for folder in (first, second))
    assert all(torch.equal(tensor, b[name]) for name, tensor in a.items())


def assert_no_gap(folder):
    numbers = [record.seq for record in read_records(folder.events)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_sweep_goes_through_the_cluster_as_one_array(igdm, folder_of, wait_for_state):
    sweep = ("sweep", "tiny.toml", "--seeds", "0,1,2", "--on", "slurm", "--json")
    options = ("--set", "slurm.max_parallel=2", "--set", 'slurm.options=["comment=a b"]')
    ids = [cell["id"] for cell in json.loads(igdm(*sweep, *options))]
    jobs = [read_job(folder_of(run_id)).job_id for run_id in ids]
    array = jobs[0].split("_")[0]
    assert jobs == [f"{array}_0", f"{array}_1", f"{array}_2"]
    for run_id in ids:
        wait_for_state(run_id, "finished")
        assert "run_finished" in folder_of(run_id).log.read_text()
    assert {cell["action"] for cell in json.loads(igdm(*sweep, *options))} == {"skip"}
    alone = igdm("run", "tiny.toml", "--seed", "1", "--detach").strip()
    wait_for_state(alone, "finished")
    assert_same_weights(folder_of(ids[1]), folder_of(alone))
    until(lambda: read_state(folder_of(ids[0])).state == "ENDED")


def test_a_run_that_waits_says_why_and_can_be_cancelled(igdm, submit, folder_of, state_of, wait_for_state):
    run_id = submit("--set", 'slurm.options=["hold"]')
    until(lambda: "PENDING (JobHeldUser)" in igdm("show", run_id))
    assert state_of(run_id) == "queued"
    igdm("stop", run_id)
    assert state_of(run_id) == "stopped"
    assert events_of(folder_of(run_id), RunStarted) == []
    igdm("resume", run_id, "--on", "slurm")
    until(lambda: state_of(run_id) == "queued")
    slurm("scontrol", "release", read_job(folder_of(run_id)).job_id)
    wait_for_state(run_id, "finished")


def test_a_cancelled_run_stays_stopped_even_when_slurm_starts_its_job_again(
    igdm, submit, folder_of, state_of, wait_for_state
):
    run_id = submit(*ENDLESS)
    folder = folder_of(run_id)
    until(lambda: epochs_of(folder) >= 1)
    assert state_of(run_id) == "running"
    igdm("stop", run_id)
    assert state_of(run_id) == "stopped"
    [stopped] = events_of(folder, RunStopped)
    assert stopped.step > 0
    job = read_job(folder).job_id
    assert slurm("squeue", "-h", "-t", "running,pending", "-j", job) == ""
    slurm("scontrol", "requeue", job)
    until(lambda: re.search(r"Restarts=1 .*JobState=COMPLETED|JobState=COMPLETED.*Restarts=1", show(job)))
    assert state_of(run_id) == "stopped"
    assert len(events_of(folder, RunStarted)) == 1
    igdm("resume", run_id, "--detach")
    until(lambda: len(events_of(folder, RunStarted)) == 2)
    assert events_of(folder, RunStarted)[-1].step == stopped.step
    igdm("stop", run_id)


def is_asked(pid):
    """True when a signal waits for a process that is held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return any(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd")))


def show(job):
    return slurm("scontrol", "-o", "show", "job", job)


def test_scancel_by_hand_does_not_bring_the_job_back(submit, folder_of, state_of, wait_for_state):
    run_id = submit(*ENDLESS)
    until(lambda: epochs_of(folder_of(run_id)) >= 1)
    slurm("scancel", read_job(folder_of(run_id)).job_id)
    wait_for_state(run_id, "stopped")
    time.sleep(8)
    assert state_of(run_id) == "stopped"


@pytest.mark.parametrize("how", ["preempted", "near its time limit"])
def test_a_run_that_must_give_way_saves_and_comes_back(igdm, submit, folder_of, wait_for_state, state_of, how):
    run_id = submit(*LONG)
    folder = folder_of(run_id)
    until(lambda: epochs_of(folder) >= 2)
    worker = folder.read_worker()[0]
    with held(worker.pid):  # it must not be done before Slurm has made up its mind
        if how == "preempted":
            urgent = slurm(*URGENT).strip()
        else:
            slurm("scancel", "--signal=USR2", read_job(folder).job_id)
        until(lambda: is_asked(worker.pid) or not is_held(worker.pid))
    if how == "preempted":
        until(lambda: "JobState=COMPLETED" in show(urgent))
    until(lambda: events_of(folder, RunStopped))
    until(lambda: state_of(run_id) in ("queued", "running"))
    wait_for_state(run_id, "finished")
    stopped, (first, second) = events_of(folder, RunStopped)[0], events_of(folder, RunStarted)
    assert (first.attempt, second.attempt) == (1, 2)
    assert second.step == stopped.step > 0
    assert_no_gap(folder)
    quiet = igdm("run", "tiny.toml", "--detach", *LONG).strip()
    wait_for_state(quiet, "finished")
    assert_same_weights(folder, folder_of(quiet))


def test_a_dead_node_moves_the_run_and_the_old_copy_adds_nothing(
    cluster, igdm, submit, folder_of, wait_for_state, state_of
):
    run_id = submit(*ENDLESS)
    folder = folder_of(run_id)
    until(lambda: epochs_of(folder) >= 1)
    node = re.search(r"NodeList=n(\d)", show(read_job(folder).job_id))[1]
    old = folder.read_worker()[0]
    cluster("kill-node", node)
    try:
        until(lambda: len(events_of(folder, RunStarted)) == 2)
        until(lambda: not old.is_alive())
        assert "attempt 1 leaves it" in folder.log.read_text()
        assert events_of(folder, RunStopped) == []
        assert state_of(run_id) == "running"
        assert events_of(folder, RunStarted)[1].step > 0
        at = epochs_of(folder)
        until(lambda: epochs_of(folder) > at)
        assert_no_gap(folder)
        igdm("stop", run_id)
    finally:
        cluster("start-node", node)
