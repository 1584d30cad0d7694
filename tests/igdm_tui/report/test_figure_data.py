"""Figures of the paper as tables: what stands in them is what was measured, and what is missing is said."""

import math

import pytest

from core.spec.events import AttackFinished, EpochFinished, EvaluationStarted
from igdm_tui.report.figure_data import FIGURES, alignment, epsilon, linearity, pointwise
from igdm_tui.store import Store


@pytest.fixture
def figure(home):
    def make(function, *runs):
        with Store.open(home) as store:
            store.ingest()
            return function(store, [run.id for run in runs])

    return make


def table(data):
    return [dict(zip(data.columns, row, strict=True)) for row in data.rows]


def measure(run, attack, metrics, *, correct=None, radius=0.1, evaluation="final", flags=(), **parameters):
    return run.say(
        AttackFinished(
            evaluation=evaluation, attack=attack, metrics=metrics, correct=correct, examples=100, seconds=1.0,
            parameters={"epsilon": radius} | parameters, flags=list(flags),
        )
    )  # fmt: skip


def accuracy(run, attack, correct, **options):
    return measure(run, attack, {f"{attack.replace('-', '_')}_accuracy": correct / 100}, correct=correct, **options)


def aligned(run, autoattack, distance, cosine, **options):
    accuracy(run.start().train(), "autoattack", autoattack, **options)
    values = {"gradient_distance": distance, "gradient_distance_raw": 9 * distance, "gradient_cosine": cosine}
    return measure(run, "gradients", values)


def test_linearity_has_a_row_for_each_epoch_that_measured_it(make_run, figure):
    first, without = make_run("aaaa2222", name="first", method={"name": "rslad"}), make_run("bbbb2222", name="second")
    first.start()
    for epoch in (1, 2):
        metrics = {"linearity_remainder": 0.1 * epoch, "loss": 1.0}
        first.say(EpochFinished(epoch=epoch, step=10 * epoch, elapsed_s=1.0, metrics=metrics))
    data = figure(linearity, first, without.start().train())
    assert [(row["run"], row["method"], row["epoch"], row["linearity_remainder"]) for row in table(data)] == [
        ("aaaa2222", "rslad", 1, 0.1),
        ("aaaa2222", "rslad", 2, 0.2),
    ]
    assert "linearity_every" in data.notes[0]
    assert "second" in data.notes[0]


def test_alignment_has_a_line_through_the_runs(make_run, figure):
    runs = [make_run(f"aaaa222{n}") for n in (2, 3, 4, 5)]
    for run, (correct, cosine) in zip(runs, ((40, 0.5), (44, 0.6), (51, 0.7), (52, 0.8)), strict=True):
        aligned(run, correct, 0.1 - cosine / 20, cosine)
    data = figure(alignment, *runs, make_run("cccc2222", name="unmeasured").start())
    assert [row["autoattack_accuracy"] for row in table(data)] == [0.40, 0.44, 0.51, 0.52]
    fits = {fit.x: fit for fit in data.fits}
    line = fits["gradient_cosine"]
    assert (line.n, line.y) == (4, "autoattack_accuracy")
    # By hand: x - mean = -.15, -.05, .05, .15; y - mean = -.0675, -.0275, .0425, .0525; Sxy = .0215, Sxx = .05.
    assert line.slope == pytest.approx(0.43)
    assert line.intercept == pytest.approx(0.4675 - 0.43 * 0.65)
    assert line.correlation == pytest.approx(0.0215 / math.sqrt(0.05 * 0.009875))
    assert fits["gradient_distance"].correlation == pytest.approx(-line.correlation)
    assert "unmeasured" in data.notes[0]


def test_one_run_has_no_line(make_run, figure):
    assert figure(alignment, aligned(make_run("aaaa2222"), 40, 0.1, 0.5)).fits == ()


def test_flags_stand_beside_the_numbers(make_run, figure):
    run = aligned(make_run("aaaa2222"), 40, 0.1, 0.5, flags=("masked?", "random"))
    assert table(figure(alignment, run))[0]["flags"] == "masked?; random"
    assert table(figure(epsilon, run))[0]["flags"] == "masked?; random"


def test_the_last_weights_at_the_end_of_the_run_come_before_everything_else(make_run, figure):
    run = aligned(make_run("aaaa2222"), 40, 0.1, 0.5)
    for name, correct in (("best", 60), ("later", 50)):
        run.say(
            EvaluationStarted(
                evaluation=name, checkpoint=f"{name}.pt", attacks=["autoattack"], num_examples=100, epsilon=0.1
            )
        )
        accuracy(run, "autoattack", correct, evaluation=name)
    assert [row["autoattack_accuracy"] for row in table(figure(alignment, run))] == [0.40]
    assert [row["accuracy"] for row in table(figure(epsilon, run))] == [0.40]


def started(run, name, checkpoint):
    run.say(
        EvaluationStarted(evaluation=name, checkpoint=checkpoint, attacks=["autoattack"], num_examples=100, epsilon=0.1)
    )


def test_weights_are_known_by_their_file_not_by_the_name_of_the_evaluation(make_run, figure):
    run = aligned(make_run("aaaa2222"), 40, 0.1, 0.5)
    for name, checkpoint, radius, correct in (("best-of-all", "last.pt", 0.2, 20), ("last-one", "best.pt", 0.3, 15)):
        started(run, name, checkpoint)
        accuracy(run, "autoattack", correct, radius=radius, evaluation=name)
    points = [(row["epsilon"], row["correct"]) for row in table(figure(epsilon, run)) if row["epsilon"]]
    assert points == [(0.1, 40), (0.2, 20)]


def test_a_measured_file_counts_whatever_it_is_called(make_run, figure):
    run = make_run("aaaa2222").start()
    started(run, "final", "best.pt")
    accuracy(run, "autoattack", 40)
    assert [row["correct"] for row in table(figure(epsilon, run))] == [40]


def test_epsilon_rises_from_the_clean_images(make_run, figure):
    run = make_run("aaaa2222").start()
    accuracy(run, "clean", 95)
    for attack, radius, correct in (("pgd20", 0.1, 60), ("pgd20-at-16", 0.2, 30), ("pgd20-at-12", 0.15, 45)):
        accuracy(run, attack, correct, radius=radius)
    accuracy(run, "autoattack", 55)
    accuracy(run, "autoattack", 20, radius=0.2, evaluation="later")
    accuracy(run, "pgd-l2-mild", 70, radius=0.5)
    data = figure(epsilon, run)
    assert [(row["attack"], row["epsilon"], row["correct"]) for row in table(data)] == [
        ("autoattack", 0.0, 95), ("autoattack", 0.1, 55), ("autoattack", 0.2, 20),
        ("pgd20", 0.0, 95), ("pgd20", 0.1, 60), ("pgd20", 0.15, 45), ("pgd20", 0.2, 30),
    ]  # fmt: skip
    assert all(row["low"] < row["accuracy"] < row["high"] for row in table(data))
    assert data.notes == ()


def test_a_single_radius_is_no_curve(make_run, figure):
    run = accuracy(make_run("aaaa2222", name="short").start(), "pgd20", 60)
    assert "short" in figure(epsilon, run).notes[0]


def test_pointwise_has_probabilities_and_logits(make_run, figure):
    values = {
        f"pointwise_{where}{ending}": number + extra
        for number, where in enumerate(("clean", "uniform", "adversarial"), 1)
        for ending, extra in (("", 0.0), ("_logits", 0.5))
    }
    run = measure(make_run("aaaa2222").start(), "pointwise", values, adversarial="training")
    rows = table(figure(pointwise, run))
    assert [(row["outputs"], row["clean"], row["uniform"], row["adversarial"]) for row in rows] == [
        ("probabilities", 1.0, 2.0, 3.0),
        ("logits", 1.5, 2.5, 3.5),
    ]
    assert {(row["attack"], row["epsilon"]) for row in rows} == {("training", 0.1)}


@pytest.mark.parametrize("name", FIGURES)
def test_runs_that_measured_nothing_are_named(name, make_run, figure):
    data = figure(FIGURES[name], make_run("aaaa2222", name="nothing"))
    assert data.name == name
    assert data.rows == ()
    assert "nothing" in data.notes[0]
