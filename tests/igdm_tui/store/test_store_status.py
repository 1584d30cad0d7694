"""What a run is doing is derived, and runs are found by what people type."""

import pytest

from core.spec.errors import IgdmError
from core.spec.events import AttackProgress, EvaluationStarted, RunFailed, RunStopped, TeacherProgress
from igdm_tui.store import Store


@pytest.fixture
def row_of(home):
    def ask(run):
        with Store.open(home) as store:
            store.ingest()
            return store.run(run.id)

    return ask


def test_a_run_without_a_worker_is_queued(make_run, row_of):
    row = row_of(make_run("aaaa2222"))
    assert (row.status, row.progress, row.started_at, row.stage) == ("queued", None, None, "")


def test_a_run_whose_worker_lives_is_running_and_its_time_goes_on(make_run, row_of):
    row = row_of(make_run("aaaa2222").start(alive=True).teacher().train([1]))
    assert (row.status, row.stage) == ("running", "epoch 2/4")
    assert row.elapsed_s > 1000, "the test's clock stands in the past"


def test_a_run_whose_worker_is_gone_is_lost(make_run, row_of):
    row = row_of(make_run("aaaa2222").start().train([1]))
    assert (row.status, row.stage) == ("lost", "")


def test_a_torn_last_word_of_a_killed_worker_does_not_keep_it_alive(make_run, row_of):
    assert row_of(make_run("aaaa2222").start().write(b'{"seq":')).status == "lost"


def test_the_last_word_of_a_worker_that_is_gone_is_waited_for(home, make_run):
    run = make_run("aaaa2222").start().train([1])
    with Store.open(home) as store:
        store.ingest()
        run.say(RunStopped(reason="SIGTERM", epoch=1, step=10))
        assert store.run("aaaa2222").status == "running", "a whole line is not read yet"
        store.ingest()
        assert store.run("aaaa2222").status == "stopped"


def test_the_newest_ending_counts_and_a_new_start_opens_the_run_again(make_run, row_of):
    run = make_run("aaaa2222").start().say(RunFailed(error="loss is nan"))
    row = row_of(run)
    assert (row.status, row.error) == ("failed", "loss is nan")
    row = row_of(run.start(attempt=2, alive=True))
    assert (row.status, row.error, row.stage) == ("running", "", "starting")
    assert row_of(run.say(RunStopped(reason="SIGTERM", epoch=0, step=0))).status == "stopped"


def test_a_resumed_run_is_running_before_its_worker_has_said_so(make_run, row_of):
    from core.spec.process import ProcessIdentity

    run = make_run("aaaa2222").start().say(RunStopped(reason="SIGTERM", epoch=0, step=0))
    run.folder.write_worker(ProcessIdentity.of_this(), 2)
    row = row_of(run)
    assert (row.status, row.stage) == ("running", "starting")


def test_what_a_run_does_now_is_said_in_words(make_run, row_of):
    run = make_run("aaaa2222").start(alive=True)
    assert row_of(run).stage == "starting"
    run.say(TeacherProgress(state="waiting", recipe_hash="a"))
    assert row_of(run).stage == "teacher waiting"
    run.say(TeacherProgress(state="training", recipe_hash="a", epoch=2, epochs=30))
    assert row_of(run).stage == "teacher 3/30"
    run.say(TeacherProgress(state="ready", recipe_hash="a"))
    assert row_of(run).stage == "epoch 1/4"
    run.train()
    attacks = ["clean", "pgd20", "autoattack", "gradients"]
    run.say(EvaluationStarted(evaluation="final", checkpoint="c", attacks=attacks, num_examples=9, epsilon=0.1))
    assert row_of(run).stage == "evaluation"
    told = {"evaluation": "final", "batch": 1, "batches": 2, "robust": 5, "examples": 9, "seconds": 1.0}
    run.say(AttackProgress(attack="pgd20", stage="pgd20", stage_number=1, num_stages=1, **told))
    assert row_of(run).stage == "pgd20"
    run.say(AttackProgress(attack="autoattack", stage="fab-t", stage_number=3, num_stages=4, **told))
    assert row_of(run).stage == "autoattack fab-t"


def test_progress_only_grows_from_start_to_end(make_run, row_of):
    run = make_run("aaaa2222").start()
    shares = [row_of(run).progress]
    run.say(TeacherProgress(state="training", recipe_hash="a", epoch=1, epochs=3))
    shares.append(row_of(run).progress)
    run.say(TeacherProgress(state="ready", recipe_hash="a", epoch=0, epochs=0))
    for epoch in range(1, 5):
        run.train([epoch])
        shares.append(row_of(run).progress)
    run.evaluate()
    shares.append(row_of(run).progress)
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


@pytest.fixture
def store(home, make_run):
    make_run("aaaa2222", name="twin")
    make_run("aabb2222", name="other")
    make_run("ccdd2222", name="twin")
    make_run("eeff2222", name="aabb")
    with Store.open(home) as opened:
        opened.ingest()
        yield opened


@pytest.mark.parametrize(
    ("reference", "found"),
    [
        ("aaaa2222", "aaaa2222"), ("other", "aabb2222"), ("c", "ccdd2222"), ("latest", "eeff2222"),
        ("aabb", "eeff2222"), ("aabb2", "aabb2222"),
    ],
)  # fmt: skip
def test_a_run_is_found_by_id_name_unique_start_or_latest(store, reference, found):
    assert store.run(reference).id == found


def test_a_run_given_by_its_id_is_opened_without_reading_the_names_of_all(store, monkeypatch):
    monkeypatch.setattr("igdm_tui.store.queries.names", lambda _: pytest.fail("read the names of all runs"))
    assert store.run("aabb2222").name == "other"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("twin", r"means 2 runs.*ccdd2222 \(twin\), aaaa2222 \(twin\)"),
        ("aa", "means 2 runs"),
        ("othr", "did you mean other"),
        ("", "no run ''"),
        ("[/]\x1b[2J", "no run"),
    ],
)
def test_none_or_several_runs_are_an_error_that_names_the_nearest(store, reference, message):
    with pytest.raises(IgdmError, match=message):
        store.run(reference)


def test_runs_come_newest_first(store):
    assert [row.id for row in store.runs()] == ["eeff2222", "ccdd2222", "aabb2222", "aaaa2222"]


def test_an_attempt_that_fails_before_its_start_is_failed_while_its_process_still_ends(make_run, row_of):
    from core.spec.process import ProcessIdentity

    run = make_run("aaaa2222").start().say(RunStopped(reason="SIGTERM", epoch=0, step=0, attempt=1))
    run.folder.write_worker(ProcessIdentity.of_this(), 2)
    run.say(RunFailed(error="no checkpoint can be read", attempt=2))
    assert row_of(run).status == "failed"
