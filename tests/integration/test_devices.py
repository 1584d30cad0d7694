"""One run in several processes: it stops, goes on and fails as one."""

import os
import signal

import psutil
import pytest

from core.spec.event_file import read_records
from core.spec.events import CheckpointSaved, EpochFinished, RunFailed, RunFinished, RunStarted, StepLogged, Warned
from tests.integration.conftest import PATIENCE_S, events_of, finish, wait_for
from tests.integration.test_worker import assert_equal_runs
from tests.moments import held

pytestmark = pytest.mark.slow

CHANGES = {
    "threads = 1\n": "threads = 1\ndevices = 2\n",
    "num_epochs = 4": "num_epochs = 2",
    "[igdm]\nalpha = 3": '[method]\nname = "pgd-at"',
    "[teacher]\n": '[teacher]\nsource = "none"\n',
    'attacks = ["clean", "pgd20", "gradients"]': 'attacks = ["clean"]',
}


@pytest.fixture
def make_shared(make_folder):
    def make(run_id):
        folder = make_folder(run_id)
        text = folder.config.read_text()
        for before, after in CHANGES.items():
            assert before in text
            text = text.replace(before, after)
        folder.config.write_text(text)
        return folder

    return make


def reached(folder, step):
    return lambda: any(event.step >= step for event in events_of(folder, StepLogged))


def outside_addresses(process):
    """Addresses beyond loopback on which a worker or one of its children listens."""
    everyone = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    sockets = [entry for each in everyone for entry in each.net_connections("inet") if entry.status == "LISTEN"]
    assert sockets, "gloo listens for its neighbour"
    return [entry.laddr.ip for entry in sockets if entry.laddr.ip not in ("127.0.0.1", "::1", "::ffff:127.0.0.1")]


def test_stopped_and_resumed_it_ends_with_the_bits_of_a_quiet_one(make_shared, start):
    quiet, folder = make_shared("quiet"), make_shared("stopped")
    finish(start(quiet))
    assert events_of(quiet, RunStarted)[0].device == "2 x cpu"
    assert "BatchNorm normalises by each device's share" in events_of(quiet, Warned)[0].message
    assert len(events_of(quiet, EpochFinished)) == 2, "one process speaks for both"
    process = start(folder)
    wait_for(reached(folder, 5), process)
    with held(process.pid):
        assert outside_addresses(process) == []
        process.send_signal(signal.SIGTERM)
    finish(process, 128 + signal.SIGTERM)
    assert events_of(folder, CheckpointSaved)[-1].step >= 5
    finish(start(folder))
    assert_equal_runs(quiet, folder)
    numbers = [record.seq for record in read_records(folder.events)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_when_one_process_dies_the_run_fails_with_its_reason_and_nothing_is_left(make_shared, start):
    folder = make_shared("broken")
    process = start(folder)
    wait_for(reached(folder, 5), process)
    with held(process.pid):
        children = psutil.Process(process.pid).children(recursive=True)
        ranks = sorted((child for child in children if "spawn_main" in " ".join(child.cmdline())), key=lambda c: c.pid)
        os.kill(ranks[1].pid, signal.SIGKILL)
    finish(process, 1)
    [failed] = events_of(folder, RunFailed)
    assert "igdm resume goes on" in failed.error
    assert not events_of(folder, RunFinished)
    wait_for(lambda: not any(child.is_running() and child.status() != "zombie" for child in children))


def test_when_the_worker_is_killed_its_processes_go_too(make_shared, start):
    folder = make_shared("killed")
    process = start(folder)
    wait_for(reached(folder, 5), process)
    with held(process.pid):
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    process.wait()
    psutil.wait_procs(children, timeout=PATIENCE_S)
    assert not any(child.is_running() and child.status() != "zombie" for child in children)
    assert not events_of(folder, RunFailed)
