"""TERM, grace, KILL, and no child left."""

import os
import subprocess
import sys
import textwrap
import time

import psutil
import pytest

from core.spec.errors import IgdmError, TryAgainError
from core.spec.event_file import read_records
from core.spec.events import RunStopped
from core.spec.process import TOKEN_VARIABLE, ProcessIdentity, this_host
from igdm_tui.launch.ending import last_word
from igdm_tui.launch.stopping import kill_processes, stop_run
from igdm_tui.queue.control import put
from igdm_tui.queue.tickets import queued_ids
from igdm_tui.store import Store

WORKER = textwrap.dedent(
    """
    import signal, subprocess, sys, time
    from pathlib import Path
    from core.spec.process import ProcessIdentity
    from core.spec.run_folder import RunFolder

    def wait():
        while True:
            time.sleep(0.05)

    if sys.argv[2] == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    child = [sys.executable, "-c", deaf]
    subprocess.Popen(child)  # as a data loader does
    subprocess.Popen(child, start_new_session=True)  # as torchrun does
    RunFolder(Path(sys.argv[1])).write_worker(ProcessIdentity.of_this(), 1)
    wait()
    """
)


@pytest.fixture
def start(make_run):
    """A process that looks like a worker with two children; nothing of it outlives the test."""
    started = []

    def start_worker(run_id, kind):
        folder = make_run(run_id).folder
        command = [sys.executable, "-c", WORKER, str(folder.path), kind]
        environment = os.environ | {TOKEN_VARIABLE: f"token-{run_id}-{os.getpid()}"}
        process = subprocess.Popen(command, start_new_session=True, env=environment)
        while folder.read_worker() is None:
            assert process.poll() is None
            time.sleep(0.01)
        started.append((process, psutil.Process(process.pid).children()))
        return folder, started[-1][1]

    yield start_worker
    for process, children in started:
        for each in (process, *children):
            if psutil.pid_exists(each.pid):
                each.kill()
        process.wait()


def gone(children):
    return all(not child.is_running() or child.status() == psutil.STATUS_ZOMBIE for child in children)


def test_a_worker_that_listens_stops_and_its_children_go_too(start):
    folder, children = start("aaaa2222", "polite")
    assert len(children) == 2
    assert stop_run(folder) == "stopped after a checkpoint"
    assert folder.living_worker() is None
    assert gone(children)


def test_a_deaf_worker_is_killed_after_the_grace_and_the_run_says_so(start, home):
    folder, children = start("aaaa2222", "deaf")
    with pytest.raises(TryAgainError, match="it will stop"):
        stop_run(folder, wait_s=0.1, kill=False)
    assert "was killed" in stop_run(folder, wait_s=0.2)
    assert gone(children)
    assert last_word(folder) == "stopped"
    (event,) = [record.event for record in read_records(folder.events) if isinstance(record.event, RunStopped)]
    assert event.reason == "killed 0 s after SIGTERM"
    with Store.open(home) as store:
        store.ingest()
        assert store.run("aaaa2222").status == "stopped"


def test_nobody_else_is_hit(start):
    folder, children = start("aaaa2222", "polite")
    identity = folder.living_worker()[0]
    assert kill_processes(ProcessIdentity(pid=identity.pid, started_at=1.0, host=this_host(), since_boot="x:1")) == 0
    assert (
        kill_processes(ProcessIdentity(pid=identity.pid, started_at=1.0, host="elsewhere", token=identity.token)) == 0
    )
    assert not gone(children)
    assert kill_processes(identity) >= 2


def test_a_run_that_waits_is_taken_out_of_the_queue(make_run, home):
    folder = make_run("aaaa2222").folder
    put(folder)
    assert stop_run(folder) == "taken out of the queue"
    assert queued_ids(home) == set()
    assert last_word(folder) == "stopped"
    with pytest.raises(IgdmError, match="no worker"):
        stop_run(folder)
