"""What the supervisor makes of runs that have ended. The queue is held: nothing is started."""

import pytest

from core.spec.event_file import read_records
from core.spec.events import RunFailed, RunFinished, RunStopped
from core.spec.process import ProcessIdentity
from igdm_tui.launch.ending import last_word
from igdm_tui.queue import control
from igdm_tui.queue.book import claim
from igdm_tui.queue.summon import is_supervised, take_lock
from igdm_tui.queue.supervisor import HELD, Supervisor
from igdm_tui.queue.tickets import QueueFolder, queued_ids, read_ticket


@pytest.fixture
def supervisor(home):
    return Supervisor(home)


def started(run, attempt, *words):
    """The queue has started the run, and its worker has gone after saying this."""
    claim(run.folder.home, run.id, ProcessIdentity.of_this())
    run.start(attempt=attempt).say(*words)


@pytest.fixture
def queued(home, make_run):
    run = make_run("aaaa2222")
    control.put(run.folder)
    return run


def test_a_finished_or_failed_run_leaves_the_queue(home, make_run, supervisor):
    for run_id, word in (("aaaa2222", RunFinished(elapsed_s=1.0)), ("bbbb2222", RunFailed(error="loss is nan"))):
        run = make_run(run_id)
        control.put(run.folder)
        started(run, 1, word)
    control.hold(home)
    found = supervisor.look()
    assert (queued_ids(home), found.waiting, found.running) == (set(), [], [])


def test_a_lost_run_is_tried_again_until_the_limit_and_then_says_so(home, queued, supervisor):
    for attempt in (1, 2):
        started(queued, attempt)
        control.hold(home)
        for _ in range(3):  # looking again counts nothing twice
            assert supervisor.look().reasons == {queued.id: HELD}
        control.unhold(home)
        assert read_ticket(home, queued.id).starts == attempt
    started(queued, 3)
    control.hold(home)
    supervisor.look()
    assert queued_ids(home) == set()
    (event,) = [record.event for record in read_records(queued.folder.events) if isinstance(record.event, RunFailed)]
    assert "3 times" in event.error
    assert last_word(queued.folder) == "failed"


def test_a_run_that_a_shutdown_stopped_goes_on_however_often(home, queued, supervisor):
    for attempt in range(1, 8):
        started(queued, attempt, RunStopped(reason="SIGTERM", epoch=1, step=1))
        control.hold(home)
        supervisor.look()
        control.unhold(home)
        assert read_ticket(home, queued.id).starts == 0


def test_a_worker_that_lives_is_left_alone(home, queued, supervisor):
    queued.start(alive=True)
    found = supervisor.look()
    assert [ticket.run_id for ticket in found.running] == [queued.id]


def test_a_run_whose_folder_is_gone_leaves_the_queue(home, queued, supervisor):
    queued.folder.config.unlink()
    control.hold(home)
    supervisor.look()
    assert queued_ids(home) == set()


def test_a_damaged_ticket_is_made_anew(home, queued, supervisor):
    control.hold(home)
    QueueFolder.of(home).ticket(queued.id).write_text('{"priority": ')
    supervisor.look()
    assert read_ticket(home, queued.id).run_id == queued.id
    assert [ticket.run_id for ticket in supervisor.look().waiting] == []


def test_nothing_of_a_run_that_cannot_start_stays(home, queued, supervisor, monkeypatch):
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    supervisor.look()
    assert queued_ids(home) == set()
    assert last_word(queued.folder) == "failed"


def test_a_supervisor_whose_home_is_removed_or_replaced_ends(home, queued, supervisor):
    supervisor.lock = take_lock(home, patience_s=0.0, ending=supervisor.ending)
    assert is_supervised(home)
    lock = QueueFolder.of(home).lock
    lock.rename(lock.with_name("old.lock"))
    lock.touch()
    supervisor.run()  # comes back
    supervisor.let_go()
    assert not is_supervised(home)


def test_a_supervisor_ends_when_nothing_is_left(home, queued, supervisor, monkeypatch):
    monkeypatch.setattr("igdm_tui.queue.supervisor.IDLE_S", 0.0)
    monkeypatch.setattr("igdm_tui.queue.supervisor.TICK_S", 0.01)
    supervisor.lock = take_lock(home, patience_s=0.0, ending=supervisor.ending)
    control.pause(queued.folder)
    supervisor.run()
    assert not is_supervised(home)
    control.unpause(queued.folder)
    assert not supervisor._may_leave()
