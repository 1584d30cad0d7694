"""Queues with real supervisors and real workers on the CPU."""

import itertools
import json
import os
import signal
import subprocess
import sys

import pytest

from core.spec.event_file import read_records
from core.spec.events import RunFinished, RunStarted, StepLogged
from core.spec.home import Home
from core.spec.loading import build_config
from core.spec.run_folder import RunFolder
from igdm_tui.launch import enqueue
from igdm_tui.queue import control
from igdm_tui.queue.settings import settings_path
from igdm_tui.queue.summon import end_supervisor, ensure_supervisor, supervisor_of
from igdm_tui.queue.supervisor import PAUSED
from igdm_tui.queue.tickets import QueueFolder, queued_ids
from igdm_tui.queue.waiting import WaitingRuns
from igdm_tui.store import Store
from tests.integration.conftest import wait_for
from tests.moments import held

pytestmark = pytest.mark.slow
SHORT = {
    "teacher": {"source": "none"},
    "student": {"width": 4, "blocks": [1]},
    "method": {"name": "standard"},
    "optim": {"num_epochs": 1, "batch_size": 64, "milestones": []},
    "evaluation": {"attacks": ["clean"], "num_examples": 20, "checkpoints": ["last"], "gradient_every": 0},
    "runtime": {"device": "cpu", "threads": 1, "log_every": 1},
}


@pytest.fixture
def homes(tmp_path):
    """Two homes on a machine with one core to share out; their supervisors and workers end with the test."""
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("cpu_cores = 1\n")
    found = [Home(tmp_path / name).ensure() for name in ("first", "second")]
    yield found
    for home in found:
        end_supervisor(home)
        for run in home.runs.iterdir():
            if worker := RunFolder(run).living_worker():
                os.killpg(worker[0].pid, signal.SIGKILL)


def add(home, *, epochs=1, **options) -> RunFolder:
    settings = SHORT | {"optim": SHORT["optim"] | {"num_epochs": epochs}}
    return enqueue(build_config(settings), home, ["igdm", "queue", "add"], **options)


def started(folder) -> list[float]:
    return [record.t for record in read_records(folder.events) if isinstance(record.event, RunStarted)]


def finished(folder) -> list[float]:
    return [record.t for record in read_records(folder.events) if isinstance(record.event, RunFinished)]


def has_stepped(folder) -> bool:
    return any(isinstance(record.event, StepLogged) for record in read_records(folder.events))


def log_of(home) -> str:
    return QueueFolder.of(home).log.read_text()


def test_one_slot_two_homes_priorities(homes):
    first, second = homes
    control.hold(first)
    later, sooner = add(first), add(first, priority=5)
    other = add(second)
    control.unhold(first)
    ensure_supervisor(first)
    runs = [later, sooner, other]
    wait_for(lambda: all(finished(folder) for folder in runs))
    spans = sorted((started(folder)[0], finished(folder)[0]) for folder in runs)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(spans)), "two had the slot"
    assert started(sooner) < started(later)
    assert [len(started(folder)) for folder in runs] == [1, 1, 1]
    wait_for(lambda: not queued_ids(first) and not queued_ids(second))


def test_supervisors_die_and_race_and_no_run_is_lost_or_started_twice(homes):
    home, _ = homes
    running, waiting = add(home, epochs=40), add(home)
    wait_for(lambda: has_stepped(running))
    worker = running.living_worker()[0].pid
    with held(worker):
        os.kill(supervisor_of(home).pid, signal.SIGKILL)
        command = [sys.executable, "-P", "-m", "igdm_tui.queue.supervisor", str(home.path)]
        with QueueFolder.of(home).log.open("ab") as log:
            racing = [subprocess.Popen(command, stdout=log, stderr=log) for _ in range(3)]
        wait_for(lambda: sum(process.poll() is None for process in racing) == 1)
        wait_for(lambda: supervisor_of(home) is not None)
        assert supervisor_of(home).pid in {process.pid for process in racing}
        with Store.open(home) as store:
            store.ingest()
            assert (store.run(waiting.run_id).status, store.run(running.run_id).status) == ("queued", "running")
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: finished(running) and finished(waiting))
    assert (len(started(running)), len(started(waiting))) == (2, 1)
    wait_for(lambda: all(process.poll() is not None for process in racing))  # nothing is left to do
    assert log_of(home).count("Traceback") == 0


def test_a_run_is_paused_while_it_runs_and_goes_on(homes):
    home, _ = homes
    folder = add(home, epochs=2000)
    wait_for(lambda: has_stepped(folder))
    assert "paused" in control.pause(folder)
    assert folder.living_worker() is None
    wait_for(lambda: WaitingRuns(home).reason(folder.run_id) == PAUSED)  # the supervisor has seen it
    assert folder.living_worker() is None
    with Store.open(home) as store:
        store.ingest()
        row = store.run(folder.run_id)
        assert (row.status, row.stage) == ("queued", "paused")
    control.unpause(folder)
    ensure_supervisor(home)
    wait_for(lambda: len(started(folder)) == 2)
    assert json.loads(folder.worker_json.read_text())["attempt"] == 2
