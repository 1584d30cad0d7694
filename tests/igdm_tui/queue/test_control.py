"""What people do to a queue, and what survives what happens to its files."""

import errno
import json
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace

import psutil
import pytest

from core.spec.errors import IgdmError
from core.spec.events import RunFinished
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from igdm_tui.queue import book, control, summon
from igdm_tui.queue.book import changing, claim, release
from igdm_tui.queue.settings import QueueSettings, read_settings, sane_threads, settings_path
from igdm_tui.queue.slots import HeldSlots, looking_at, take_first_free
from igdm_tui.queue.tickets import QueueFolder, queued_ids, read_ticket, read_tickets, write_ticket
from igdm_tui.queue.waiting import WaitingRuns


@pytest.fixture
def queue(home, make_run):
    """Puts runs into the queue: queue("a", "b") gives their folders."""

    def put(*letters, **options):
        folders = [make_run(letter * 4 + "2222").folder for letter in letters]
        for folder in folders:
            control.put(folder, **options)
        return folders

    return put


def order(home):
    return "".join(ticket.run_id[0] for ticket in read_tickets(home))


def test_runs_wait_in_the_order_they_came_unless_one_is_more_urgent(home, queue):
    queue("a", "b")
    queue("c", priority=1)
    assert order(home) == "cab"


@pytest.mark.parametrize(
    ("run", "to", "expected"),
    [("d", 1, "dabc"), ("a", 4, "bcda"), ("a", 2, "bacd"), ("c", 2, "acbd"), ("b", 99, "acdb"), ("b", 2, "abcd")],
)
def test_a_run_is_moved_to_a_place(home, queue, run, to, expected):
    folders = {folder.run_id[0]: folder for folder in queue("a", "b", "c", "d")}
    assert control.move(folders[run], to) == min(to, 4)
    assert order(home) == expected


def test_moving_past_more_urgent_runs_takes_their_priority(home, queue):
    (urgent,) = queue("a", priority=5)
    _, last = queue("b", "c")
    control.move(last, 1)
    assert order(home) == "cab"
    control.move(urgent, 3)
    assert order(home) == "cba"
    for _ in range(60):  # between two neighbours there is always room
        control.move(read_folder(home, 2), 2)
        control.move(read_folder(home, 3), 2)
    assert sorted(order(home)) == ["a", "b", "c"]


def read_folder(home, place):
    return RunFolder(home.runs / read_tickets(home)[place - 1].run_id)


def test_only_runs_of_the_queue_can_be_changed(home, make_run):
    folder = make_run("aaaa2222").folder
    for change in (control.pause, control.unpause, control.remove, lambda f: control.move(f, 1)):
        with pytest.raises(IgdmError, match="igdm retry aaaa2222"):
            change(folder)
    done = make_run("bbbb2222").start().say(RunFinished(elapsed_s=1.0)).folder
    with pytest.raises(IgdmError, match="is finished"):
        control.put(done)
    with pytest.raises(IgdmError, match="is running"):
        control.put(make_run("cccc2222").start(alive=True).folder)


def test_a_retried_run_keeps_its_place_and_gets_fresh_attempts(home, queue):
    first, _ = queue("a", "b")
    ticket = read_ticket(home, first.run_id)
    claim(home, first.run_id, ProcessIdentity.of_this())
    assert read_ticket(home, first.run_id).starts == 1
    assert control.put(first, max_attempts=7).starts == 0
    assert (order(home), read_ticket(home, first.run_id).order) == ("ab", ticket.order)


def test_a_claim_is_given_once_and_again_when_its_claimant_is_gone(home, queue):
    queue("a")
    me = ProcessIdentity.of_this()
    other = ProcessIdentity(pid=1, started_at=me.started_at, host=me.host, since_boot=me.since_boot)
    assert claim(home, "aaaa2222", me) is not None
    assert claim(home, "aaaa2222", other) is None
    release(home, "aaaa2222")
    assert claim(home, "aaaa2222", other) is not None  # a process that is not alive
    assert claim(home, "aaaa2222", me) is not None


@pytest.mark.parametrize("why", ["paused", "held", "gone", "running"])
def test_what_must_not_start_is_not_given(home, queue, why):
    (folder,) = queue("a", paused=why == "paused")
    if why == "held":
        control.hold(home)
    elif why == "gone":
        control.remove(folder)
    elif why == "running":
        folder.write_worker(ProcessIdentity.of_this(), 1)
    assert claim(home, "aaaa2222", ProcessIdentity.of_this()) is None


def test_many_who_claim_at_once_get_one_each(home, queue):
    folders = queue(*"abcdefgh")
    me = ProcessIdentity.of_this()
    won: list[str] = []

    def grab(number):
        mine = replace(me, token=str(number))
        for folder in folders:
            if claim(home, folder.run_id, mine) is not None:
                folder.write_worker(me, 1)
                won.append(folder.run_id)

    threads = [threading.Thread(target=grab, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == sorted(folder.run_id for folder in folders)


def test_a_run_that_is_just_being_started_is_stopped_when_its_worker_is_there(home, queue):
    (folder,) = queue("a")
    me = ProcessIdentity.of_this()
    assert claim(home, folder.run_id, me) is not None
    sleeping = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    child = psutil.Process(sleeping.pid)
    late = replace(me, pid=child.pid, started_at=child.create_time(), since_boot="")

    def appear():
        folder.write_worker(late, 1)
        release(home, folder.run_id)

    timer = threading.Timer(0.3, appear)
    timer.start()
    reaper = threading.Thread(target=sleeping.wait)  # whose child it is must see it end
    reaper.start()
    assert control.remove(folder) == "stopped after a checkpoint"
    reaper.join()
    timer.join()
    assert queued_ids(home) == set()


def test_a_claim_that_comes_to_nothing_keeps_nobody_waiting(home, queue):
    (folder,) = queue("a")
    gone = replace(ProcessIdentity.of_this(), since_boot="other-boot:1")
    assert claim(home, folder.run_id, gone) is not None
    assert control.pause(folder) == "paused"


def test_a_lost_or_damaged_book_is_made_anew_and_no_ticket_is_lost(home, queue):
    queue("a")
    database = QueueFolder.of(home).database
    database.unlink()
    queue("b")
    database.write_bytes(b"this is no database" * 100)
    queue("c")
    assert order(home) == "abc"
    assert list(database.parent.glob("queue.db.damaged-*"))


def test_a_busy_book_is_a_clear_error(home, queue, monkeypatch):
    queue("a")
    monkeypatch.setattr(book, "BUSY_TIMEOUT_S", 0.05)
    blocker = sqlite3.connect(QueueFolder.of(home).database, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(IgdmError, match="try again") as caught, changing(home):
        pass
    assert caught.value.exit_code == 3
    blocker.close()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"priority": "high"}', '{"paused": 1}', '{"order": null}'])
def test_a_damaged_ticket_stops_nobody_else(home, queue, content):
    queue("a", "b")
    QueueFolder.of(home).ticket("aaaa2222").write_text(content)
    assert order(home) == "b"
    assert "aaaa2222" in queued_ids(home)


def test_a_ticket_of_a_newer_version_is_read(home, queue):
    queue("a")
    path = QueueFolder.of(home).ticket("aaaa2222")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "blue"}))
    ticket = read_ticket(home, "aaaa2222")
    assert ticket is not None
    write_ticket(home, ticket)


def test_files_are_for_the_owner_only(home, queue):
    queue("a")
    folder = QueueFolder.of(home)
    assert [path.stat().st_mode & 0o777 for path in (folder.path, folder.tickets)] == [0o700, 0o700]
    assert [path.stat().st_mode & 0o777 for path in (folder.database, folder.ticket("aaaa2222"))] == [0o600, 0o600]


def test_a_slot_has_one_holder_whoever_looks():
    with HeldSlots() as held:
        assert held.take("cuda:0/0")
        assert not HeldSlots().take("cuda:0/0")
        with looking_at(["cuda:0/0", "cuda:1/0"]) as free:
            assert set(free.descriptors) == {"cuda:1/0"}
            assert take_first_free(["cuda:0/0", "cuda:1/0"], 1, patience_s=0.05).descriptors == {}
        with take_first_free(["cuda:0/0", "cuda:1/0"], 2, patience_s=0.05) as taken:
            assert set(taken.descriptors) == {"cuda:1/0"}
    with HeldSlots() as again:
        assert again.take("cuda:0/0")


def test_reasons_come_from_the_supervisor_and_are_harmless(home, queue):
    queue("a", "b")
    assert "igdm queue start" in WaitingRuns(home).reason("aaaa2222")
    control.hold(home)
    assert WaitingRuns(home).reason("aaaa2222") == "the queue is stopped"
    state = QueueFolder.of(home).state
    state.write_text(json.dumps({"reasons": {"aaaa2222": "paused", "bbbb2222": "\x1b[2Jx"}}))
    assert WaitingRuns(home).reason("aaaa2222") == "paused"
    state.write_text("[1]")
    assert WaitingRuns(home).reason("aaaa2222") == "the queue is stopped"


def test_machine_settings(tmp_path):
    assert read_settings() == QueueSettings()
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("cpu_cores = 1\ngpus = [0, 2]\nshare_gpus = true\ngpu_memory_gib = 8\n")
    found = read_settings()
    assert (found.cores, found.gpus, found.share_gpus, found.gpu_memory_gib) == (1, (0, 2), True, 8)
    assert [sane_threads(cores) for cores in (1, 2, 4, 8, 64)] == [1, 1, 1, 2, 16]


@pytest.mark.parametrize("text", ["cpu_cores = -1", "gpu_slots = 0", "gpus = 1", "cores = 3", "share_gpus = 1", "x ="])
def test_wrong_machine_settings_are_named(text):
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text(text)
    with pytest.raises(IgdmError, match=r"queue\.toml"):
        read_settings()


def test_a_supervisor_that_cannot_be_started_is_a_clear_error_and_no_flood(home, queue, monkeypatch):
    queue("a")
    monkeypatch.setattr(summon.sys, "executable", "/nonexistent/python")
    with pytest.raises(IgdmError, match="supervisor cannot be started"):
        summon.ensure_supervisor(home)
    monkeypatch.setattr(summon.sys, "executable", "/bin/false")
    assert summon.ensure_supervisor(home)
    summon._newest[home.path][0].wait()
    assert not summon.ensure_supervisor(home)  # it has failed at once; not again for a while


def test_no_supervisor_is_started_where_nothing_waits(home, queue):
    assert not summon.ensure_supervisor(home)
    queue("a", paused=True)
    assert not summon.ensure_supervisor(home)
    control.hold(home)
    queue("b")
    assert not summon.ensure_supervisor(home)


def test_a_disk_without_locks_is_said_plainly(home, queue, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    queue("a")
    QueueFolder.of(home).lock.touch()
    monkeypatch.setattr("fcntl.flock", no_locks)
    with pytest.raises(IgdmError, match="no file locks"):
        summon.is_supervised(home)
    with pytest.raises(IgdmError, match="no file locks"):
        HeldSlots().take("cpu:0")
