"""Evaluations after the run: history, which figures are the run's, and that its state stays what it was."""

import pytest

from core.spec.events import (
    AttackFinished,
    AttackProgress,
    EvaluationFailed,
    EvaluationFinished,
    EvaluationStarted,
    EvaluationStopped,
    RunStopped,
)
from core.spec.process import ProcessIdentity
from igdm_tui.store import Store
from igdm_tui.store.rebuild import check, rebuild

LATER = "last-3f9a2c"


def began(evaluation=LATER, *, attacks=("pgd20",), examples=360, epsilon=0.2, checkpoint="last.pt"):
    return EvaluationStarted(
        evaluation=evaluation, checkpoint=checkpoint, attacks=list(attacks), num_examples=examples, epsilon=epsilon,
        batch_size=50, device="cpu", after_run=True,
    )  # fmt: skip


def measured(attack, accuracy, *, evaluation=LATER, examples=360):
    name = f"{attack.replace('-', '_')}_accuracy"
    return AttackFinished(
        evaluation=evaluation, attack=attack, metrics={name: accuracy}, correct=round(accuracy * examples),
        examples=examples, seconds=2.0, parameters={"epsilon": 0.2},
    )  # fmt: skip


def ended(evaluation=LATER):
    return EvaluationFinished(evaluation=evaluation, metrics={}, seconds=2.0)


@pytest.fixture
def store(home):
    with Store.open(home) as found:
        yield found


@pytest.fixture
def evaluating(make_run):
    """A finished run; its evaluation is made by this very process, or by one that is gone."""

    def make(*, alive):
        run = make_run("aaaa2222").finish()
        me = ProcessIdentity.of_this()
        identity = me if alive else ProcessIdentity(pid=me.pid, started_at=1.0, host=me.host)
        run.folder.write_worker(identity, 1, evaluation=LATER)
        progress = AttackProgress(
            evaluation=LATER, attack="autoattack", stage="fab-t", stage_number=3, num_stages=4, batch=1, batches=9,
            robust=3, examples=360, seconds=1.0,
        )  # fmt: skip
        return run.say(began(), progress)

    return make


def test_a_finished_run_stays_finished_while_it_is_evaluated_and_says_what_is_done(evaluating, store):
    evaluating(alive=True)
    store.ingest()
    row = store.run("aaaa2222")
    assert (row.status, row.stage, row.progress) == ("finished", "evaluating autoattack fab-t", 1.0)
    assert store.judgements(row.id)[-1].state == "running"


def test_a_killed_evaluation_leaves_the_run_finished_and_itself_unfinished(evaluating, store, home):
    run = evaluating(alive=False)
    store.ingest()
    before = store.run("aaaa2222").elapsed_s
    assert (store.run("aaaa2222").status, store.run("aaaa2222").stage) == ("finished", "")
    assert store.judgements("aaaa2222")[-1].state == "unfinished"
    run.say(began(), measured("pgd20", 0.6), ended())
    store.ingest()
    assert store.judgements("aaaa2222")[-1].state == "finished"
    assert store.run("aaaa2222").elapsed_s == before, "the time of an evaluation is its own"
    assert check(home) == []


def test_a_killed_run_is_lost_also_while_it_is_evaluated(make_run, store):
    run = make_run("aaaa2222").start().train([1])
    store.ingest()
    elapsed = store.run("aaaa2222").elapsed_s
    run.folder.write_worker(ProcessIdentity.of_this(), 1, evaluation=LATER)
    run.say(began(), m=90_000.0)
    store.ingest()
    row = store.run("aaaa2222")
    assert (row.status, row.stage, row.elapsed_s) == ("lost", "evaluating", elapsed)


def test_a_stopped_run_stays_stopped_and_can_be_resumed_after_an_evaluation(make_run, store):
    run = make_run("aaaa2222").start().train([1]).say(RunStopped(reason="SIGTERM", epoch=1, step=10))
    run.say(began(), measured("pgd20", 0.1), ended())
    store.ingest()
    assert store.run("aaaa2222").status == "stopped"
    assert "pgd20_accuracy" not in store.run("aaaa2222").metrics, "half a training is no result"
    run.start(attempt=2, epoch=1, alive=True)
    store.ingest()
    assert store.run("aaaa2222").status == "running"


def test_the_final_evaluation_gives_the_figures_and_a_later_one_what_is_missing(make_run, store):
    run = make_run("aaaa2222").finish(clean=0.9, autoattack=0.5)
    run.say(began(attacks=("clean", "pgd20")), measured("clean", 0.8), measured("pgd20", 0.6), ended())
    store.ingest()
    metrics = store.run("aaaa2222").metrics
    assert (metrics["clean_accuracy"], metrics["pgd20_accuracy"]) == (0.9, 0.6)
    of_run = {(row.evaluation, row.attack) for row in store.evaluations("aaaa2222") if row.of_run}
    assert of_run == {("final", "clean"), ("final", "autoattack"), ("final", "gradients"), (LATER, "pgd20")}


@pytest.mark.parametrize("change", [{"epsilon": 0.1}, {"examples": 359}, {"checkpoint": "best.pt"}])
def test_a_later_evaluation_of_something_else_stands_in_the_history_only(make_run, store, change):
    make_run("aaaa2222").finish().say(began(**change), measured("pgd20", 0.6), ended())
    store.ingest()
    assert "pgd20_accuracy" not in store.run("aaaa2222").metrics
    assert store.judgements("aaaa2222")[-1].measurements[0].metrics == {"pgd20_accuracy": 0.6}


def test_the_newest_of_two_later_measurements_counts_and_only_that(make_run, store):
    run = make_run("aaaa2222").finish()
    for name, accuracy in ((LATER, 0.6), ("last-aaaaaa", 0.55)):
        run.say(began(name), measured("pgd20", accuracy, evaluation=name), ended(name))
    store.ingest()
    assert store.run("aaaa2222").metrics["pgd20_accuracy"] == 0.55
    counted = [row.evaluation for row in store.evaluations("aaaa2222") if row.attack == "pgd20" and row.of_run]
    assert counted == ["last-aaaaaa"]


def test_failed_and_stopped_evaluations_are_told_apart(make_run, store, home):
    run = make_run("aaaa2222").finish()
    run.say(EvaluationFailed(evaluation="last-bad111", error="the test set has 360 images", bad_input=True))
    run.say(began(), EvaluationStopped(evaluation=LATER, reason="SIGTERM"))
    store.ingest()
    states = {row.evaluation: (row.state, row.error) for row in store.judgements("aaaa2222")}
    assert states == {
        "final": ("finished", ""),
        "last-bad111": ("failed", "the test set has 360 images"),
        LATER: ("unfinished", ""),
    }
    assert store.run("aaaa2222").stage == ""


def test_a_rebuilt_database_tells_the_same_history(make_run, store, home):
    run = make_run("aaaa2222").finish()
    run.say(began(), measured("pgd20", 0.6), ended(), EvaluationFailed(evaluation="last-bad111", error="no"))
    store.ingest()
    before = store.judgements("aaaa2222"), store.evaluations("aaaa2222"), store.run("aaaa2222")
    assert check(home) == []
    rebuild(home)
    with Store.open(home) as fresh:
        fresh.ingest()
        assert (fresh.judgements("aaaa2222"), fresh.evaluations("aaaa2222"), fresh.run("aaaa2222")) == before
