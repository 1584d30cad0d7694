import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from core.evaluation.input_checks import EvaluationError, check_examples, choose_examples
from core.evaluation.suite import Evaluation


def check(network, images):
    check_examples(network, images, batch_size=50)


def test_good_images_pass(trained, dataset):
    check(trained, dataset.test)


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_a_count_beyond_the_test_set_is_refused(dataset, count):
    with pytest.raises(EvaluationError, match=f"= {count}: the test set has {len(dataset.test)} images"):
        choose_examples(dataset.test, count)


def test_a_count_within_it_is_taken(dataset):
    assert len(choose_examples(dataset.test, 7)) == 7
    assert len(choose_examples(dataset.test, None)) == len(dataset.test)


def test_no_images_at_all_are_refused(trained, dataset):
    with pytest.raises(EvaluationError, match="no test images"):
        check(trained, dataset.test.first(0))
    with pytest.raises(EvaluationError, match="no images"):
        choose_examples(dataset.test.first(0), None)


def test_images_outside_the_range_are_named_with_it(trained, dataset):
    with pytest.raises(EvaluationError, match=r"from 0 to 2, outside \[0, 1\]"):
        check(trained, replace(dataset.test, max_level=8))


def test_labels_outside_the_classes_are_named(trained, dataset):
    labels = dataset.test.labels.clone()
    labels[3] = 12
    with pytest.raises(EvaluationError, match="labels reach from 0 to 12, the network has classes 0 to 9"):
        check(trained, replace(dataset.test, labels=labels))


def test_nan_is_an_error_and_nothing_is_stored(trained, dataset, tmp_path):
    class Broken(nn.Module):
        def forward(self, pixels):
            return trained(pixels) * math.nan

    events = []
    evaluation = Evaluation(
        Broken(), dataset.test.first(20), name="final", checkpoint="last.pt", folder=tmp_path / "final", epsilon=0.1,
        seed=0, batch_size=10, teacher=None, emit=events.append, should_stop=lambda: False,
    )  # fmt: skip
    with pytest.raises(EvaluationError, match="NaN or infinity for 10 of the first 10"):
        evaluation.run(("clean", "pgd20"))
    assert events == []
    assert not (tmp_path / "final").exists()
    assert EvaluationError.exit_code == 2


def test_an_answer_of_another_shape_is_named(dataset):
    class Flat(nn.Module):
        def forward(self, pixels):
            return torch.zeros(3)

    with pytest.raises(EvaluationError, match=r"shape \(3,\)"):
        check(Flat(), dataset.test)
