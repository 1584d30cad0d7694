"""What the judge of a run hands to its evaluation."""

import pytest
import torch

from core.diagnostics import pointwise_distance
from core.evaluating import Judge
from core.evaluation.inner_attack import inner_attack
from core.models import build_model
from core.spec.config import AttackSection, EvaluationSection, MethodSection, ModelSection, RunConfig
from core.spec.events import AttackFinished
from core.spec.home import Home
from core.spec.run_folder import RunFolder

CPU = torch.device("cpu")


@pytest.fixture
def teacher(dataset):
    return build_model(ModelSection(width=4, blocks=(1,)), dataset.geometry, 3).eval().requires_grad_(False)


@pytest.fixture
def judged(trained, teacher, dataset, tmp_path):
    """The settings, and the point-wise distance as the judge of a run with them reports it."""

    def judge(**settings):
        config = RunConfig(
            method=MethodSection(name="adaad"),
            attack=AttackSection(epsilon=0.1),
            evaluation=EvaluationSection(attacks=("pointwise",), num_examples=12, batch_size=5, seed=5, **settings),
        )
        folder, said = RunFolder(Home(tmp_path).ensure().runs / "aaaa2222"), []
        Judge(folder=folder, config=config, device=CPU, emit=said.append, should_stop=lambda: False).measure(
            trained, teacher, dataset, name="final", checkpoint="last.pt"
        )
        return config, next(event for event in said if isinstance(event, AttackFinished))

    return judge


def test_outputs_are_compared_under_the_attack_of_training(judged, trained, teacher, dataset):
    config, found = judged()
    images = dataset.test.first(12)
    perturb = inner_attack(config, trained, teacher, images)
    wanted = pointwise_distance(trained, teacher, images, perturb=perturb, batch_size=5)
    assert found.parameters["adversarial"] == "training"
    assert found.metrics["pointwise_adversarial"] == pytest.approx(float(wanted.probabilities.mean()), rel=1e-5)


def test_how_a_file_was_trained_is_not_known_so_it_is_pgd_20(judged):
    _, own = judged()
    _, found = judged(checkpoint_file="weights.pt")
    assert found.parameters["adversarial"] == "pgd20"
    assert found.metrics["pointwise_clean"] == own.metrics["pointwise_clean"]
    assert found.metrics["pointwise_adversarial"] != own.metrics["pointwise_adversarial"]
