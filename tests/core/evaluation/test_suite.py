import json

import pytest
import torch

from core.evaluation.suite import Evaluation
from core.models import build_model
from core.spec.config import ModelSection
from core.spec.events import AttackFinished, AttackProgress, EvaluationFinished, EvaluationStarted


@pytest.fixture
def evaluate(trained, dataset, tmp_path):
    teacher = build_model(ModelSection(width=4, blocks=(1,)), dataset.geometry, 3).eval().requires_grad_(False)

    def run(attacks, *, with_teacher=True, seed=0, model=trained, **options):
        events = []
        metrics = Evaluation(
            model,
            dataset.test.first(60),
            name="final",
            checkpoint="last.pt",
            folder=tmp_path / "final",
            epsilon=0.15,
            seed=seed,
            batch_size=40,
            teacher=teacher if with_teacher else None,
            emit=events.append,
            should_stop=lambda: False,
            **options,
        ).run(attacks)
        return metrics, events

    return run


def test_events_tell_the_whole_evaluation(evaluate):
    metrics, events = evaluate(("clean", "pgd20", "gradients"))
    assert isinstance(events[0], EvaluationStarted)
    assert isinstance(events[-1], EvaluationFinished)
    assert events[-1].metrics == metrics
    finished = [event for event in events if isinstance(event, AttackFinished)]
    assert [event.attack for event in finished] == ["clean", "pgd20", "gradients"]
    assert [event.correct for event in finished][2] is None
    assert finished[0].correct == round(metrics["clean_accuracy"] * 60)
    assert {event.stage for event in events if isinstance(event, AttackProgress)} == {"clean", "pgd20"}
    parameters = finished[1].parameters
    assert 0 < parameters.pop("largest") <= 0.15 + 1e-6
    assert parameters == {"epsilon": 0.15, "step_size": 0.15 / 4, "num_steps": 20, "restarts": 1}


def test_what_was_measured_before_is_said_again_but_not_measured_again(evaluate, tmp_path):
    first, _ = evaluate(("clean", "pgd20"))
    again, events = evaluate(("clean", "pgd20"))
    assert again == first
    assert not any(isinstance(event, AttackProgress) for event in events)
    _, events = evaluate(("pgd20",), seed=1)
    assert any(isinstance(event, AttackProgress) for event in events)


def test_the_verdict_on_each_image_is_kept(evaluate, tmp_path):
    metrics, _ = evaluate(("clean",))
    stored = json.loads(json.loads((tmp_path / "final" / "clean.json").read_text())["content"])
    assert len(stored["robust"]) == 60
    assert stored["robust"].count("1") / 60 == pytest.approx(metrics["clean_accuracy"])


def test_without_a_teacher_there_is_no_gradient_alignment(evaluate):
    metrics, _ = evaluate(("clean", "gradients"), with_teacher=False)
    assert set(metrics) == {"clean_accuracy"}


def test_the_network_is_left_in_its_mode(trained, evaluate):
    trained.train()
    evaluate(("clean", "gradients"))
    assert all(module.training for module in trained.modules())
    trained.eval()
    assert torch.is_tensor(trained.linear.weight)


def test_every_attack_and_comparison_runs_by_its_name(evaluate, trained, tmp_path):
    names = ("clean", "fgsm", "cw30", "pgd-l2-mild", "vmi-torchattacks", "pgd20-at-16", "pointwise", "linearity")
    metrics, events = evaluate(names, transfer_source=trained)
    assert set(metrics) == {name for event in events if isinstance(event, AttackFinished) for name in event.metrics}
    assert metrics["pgd20_at_16_accuracy"] >= 0
    assert metrics["vmi_torchattacks_accuracy"] <= metrics["clean_accuracy"]
    assert all(event.flags == [] for event in events if isinstance(event, AttackFinished))
    stored = json.loads(json.loads((tmp_path / "final" / "pointwise.json").read_text())["content"])
    values = stored["values"]["pointwise_adversarial_logits"]
    assert len(values) == 60
    assert sum(values) / 60 == pytest.approx(metrics["pointwise_adversarial_logits"], rel=1e-4)
    assert metrics["pointwise_adversarial"] > 0
    assert metrics["linearity_remainder"] > 0


def test_without_a_source_there_is_no_transfer(evaluate):
    assert set(evaluate(("clean", "vmi"))[0]) == {"clean_accuracy"}


def test_another_source_is_another_measurement(evaluate, trained, dataset):
    other = build_model(ModelSection(width=4, blocks=(1,)), dataset.geometry, 9).eval().requires_grad_(False)
    evaluate(("vmi-torchattacks",), transfer_source=trained)
    for source, measured in ((trained, False), (other, True)):
        _, events = evaluate(("vmi-torchattacks",), transfer_source=source)
        assert any(isinstance(event, AttackProgress) for event in events) == measured


def test_masked_gradients_stand_as_a_flag_beside_the_number(evaluate, trained):
    class Quantised(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = trained

        def forward(self, pixels):
            return self.network(torch.round(pixels * 4) / 4)

    _, events = evaluate(("clean", "fgsm"), model=Quantised())
    flags = {event.attack: event.flags for event in events if isinstance(event, AttackFinished)}
    assert flags["clean"] == []
    assert any("no input gradient" in flag for flag in flags["fgsm"])
