"""What is measured after an epoch is what the settings ask for."""

import pytest

from core.data import load_dataset
from core.diagnostics import taylor_remainder
from core.following import Following
from core.spec.config import AttackSection, DataSection, EvaluationSection, OptimSection, RunConfig


@pytest.fixture
def follow(student, tmp_path):
    dataset = load_dataset(DataSection())

    def measure(epoch, **settings):
        config = RunConfig(
            attack=AttackSection(epsilon=0.15),
            optim=OptimSection(num_epochs=10, milestones=()),
            evaluation=EvaluationSection(**({"gradient_examples": 20, "validation_every": 0} | settings)),
        )
        return dataset, Following(config, dataset, None, tmp_path, print).measure(student.float(), epoch)

    return measure


def test_linearity_is_followed_only_when_asked_for(follow):
    assert follow(4)[1] == {}
    assert follow(5, linearity_every=2)[1] == {}
    assert set(follow(4, linearity_every=2)[1]) == {"linearity_remainder"}
    assert set(follow(10, linearity_every=3)[1]) == {"linearity_remainder"}  # the last epoch always


def test_it_is_the_mean_over_the_followed_images(follow, student):
    dataset, metrics = follow(1, linearity_every=1)
    shares = taylor_remainder(student, dataset.test.first(20), epsilon=0.15, seed=0, batch_size=250)
    assert metrics["linearity_remainder"] == pytest.approx(float(shares.mean()), rel=1e-5)


def test_batches_that_fit_are_ordinary_ones_while_training_goes_on(follow):
    found, wanted = (follow(1, linearity_every=1, validation_every=1, batch_size=size)[1] for size in (0, 250))
    assert found == wanted
    assert "validation_pgd_accuracy" in found
