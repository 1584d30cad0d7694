"""States that do not lie: other hosts, reused pids, set clocks."""

import os
import queue
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from core.spec.events import RunFailed, RunStopped
from core.spec.heartbeat import FRESH_S, Heartbeat, is_fresh
from core.spec.process import ProcessIdentity, this_host
from igdm_tui import live
from igdm_tui.queue import control
from igdm_tui.store import Store

PATIENCE_S = 120.0


def status(home, run_id):
    with Store.open(home) as store:
        store.ingest()
        return store.run(run_id).status


def elsewhere(attempt=1):
    return ProcessIdentity(pid=os.getpid(), started_at=1.0, host="elsewhere"), attempt


def test_a_run_on_another_host_runs_while_its_heart_beats(home, make_run):
    run = make_run("aaaa2222").start()
    run.folder.write_worker(*elsewhere())
    assert status(home, "aaaa2222") == "lost"
    heart = Heartbeat(run.folder.heartbeat)
    assert status(home, "aaaa2222") == "running"
    heart.close()
    for age_s, expected in ((FRESH_S - 10, "running"), (FRESH_S + 10, "lost"), (-FRESH_S - 10, "lost")):
        then = time.time() - age_s
        os.utime(run.folder.heartbeat, (then, then))
        assert status(home, "aaaa2222") == expected


def test_a_heart_beats_again_and_again(tmp_path, monkeypatch):
    monkeypatch.setattr("core.spec.heartbeat.BEAT_S", 0.02)
    path = tmp_path / "heartbeat"
    heart = Heartbeat(path)
    os.utime(path, (1.0, 1.0))
    deadline = time.monotonic() + PATIENCE_S
    while not is_fresh(path):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    heart.close()


def test_a_worker_that_dies_is_seen_dead_within_two_seconds(home, make_run):
    """By an open igdm-tui, which nobody has to ask. How often it looks is fixed; what a look takes is printed."""
    assert live.LIVENESS_S + live.POLL_S < 2
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    started_at = psutil.Process(worker.pid).create_time()
    run = make_run("aaaa2222").start()
    run.folder.write_worker(ProcessIdentity(pid=worker.pid, started_at=started_at, host=this_host()), 1)
    shown = queue.Queue()
    follower = live.Follower(home, shown.put)

    def await_status(wanted):  # the first message may come before the first run is read
        while [row.status for row in shown.get(timeout=PATIENCE_S).rows] != [wanted]:
            pass

    follower.start()
    try:
        await_status("running")
        worker.kill()
        worker.wait()
        began = time.monotonic()
        await_status("lost")
        print(f"a dead worker was shown as lost after {time.monotonic() - began:.2f} s")
    finally:
        worker.kill()
        follower.stop()
        follower.join()


def test_a_run_that_has_left_the_database_leaves_an_open_program(home, make_run):
    run = make_run("aaaa2222")
    shown = queue.Queue()
    follower = live.Follower(home, shown.put)

    def await_ids(*wanted):
        while [row.id for row in shown.get(timeout=PATIENCE_S).rows] != [*wanted]:
            pass

    follower.start()
    try:
        await_ids("aaaa2222")
        shutil.rmtree(run.folder.path)
        await_ids()
    finally:
        follower.stop()
        follower.join()


def test_a_pid_that_somebody_else_has_now_is_not_the_worker(home, make_run):
    run = make_run("aaaa2222").start()
    me = ProcessIdentity.of_this()
    assert me.since_boot
    assert me.is_alive()
    boot, ticks = me.since_boot.split(":")
    for since_boot in (f"{boot}:{int(ticks) - 1}", f"other-boot:{ticks}"):
        reused = ProcessIdentity(pid=me.pid, started_at=me.started_at, host=me.host, since_boot=since_boot)
        run.folder.write_worker(reused, 1)
        assert status(home, "aaaa2222") == "lost"


def test_a_clock_that_was_set_does_not_end_a_worker(home, make_run):
    run = make_run("aaaa2222").start()
    me = ProcessIdentity.of_this()
    set_back = ProcessIdentity(pid=me.pid, started_at=me.started_at - 3600, host=me.host, since_boot=me.since_boot)
    run.folder.write_worker(set_back, 1)
    assert status(home, "aaaa2222") == "running"


@pytest.mark.parametrize("word", [None, RunFailed(error="x"), RunStopped(reason="SIGTERM", epoch=1, step=1)])
def test_what_has_a_ticket_is_queued_again(home, make_run, word):
    run = make_run("aaaa2222").start()
    if word:
        run.say(word)
    control.put(run.folder)
    assert status(home, "aaaa2222") == "queued"


def test_a_folder_that_nobody_has_started_for_a_minute_is_lost(home, make_run):
    folder = make_run("aaaa2222").folder
    assert status(home, "aaaa2222") == "queued"
    os.utime(folder.path, (time.time() - 61, time.time() - 61))
    assert status(home, "aaaa2222") == "lost"
