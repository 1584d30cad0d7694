"""A batch size that fits is found by trying; what does not fit is freed and never tried again larger."""

import pytest
import torch
from torch import nn

from core.evaluation.batch_size import ON_CPU, fitting_batch_size, largest_that_fits
from core.evaluation.input_checks import EvaluationError


class Small(nn.Module):
    """Has room for so many images and raises what CUDA raises beyond."""

    def __init__(self, room):
        super().__init__()
        self.room = room
        self.tried = []
        self.linear = nn.Linear(64, 10)

    def forward(self, images):
        self.tried.append(len(images))
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.linear(images.flatten(1))


@pytest.mark.parametrize(("room", "found"), [(1, 1), (7, 4), (64, 64), (200, 128), (100_000, 359)])
def test_the_largest_that_fits_is_found_and_nothing_larger_is_tried_after_a_failure(dataset, room, found):
    network = Small(room)
    assert largest_that_fits(network, dataset.test) == found
    assert network.tried == sorted(network.tried)
    assert sum(size > room for size in network.tried) <= 1
    assert all(parameter.grad is None for parameter in network.parameters())


def test_not_even_one_image_is_one_clear_sentence(dataset):
    with pytest.raises(EvaluationError, match="not even one image fits into the memory of cpu"):
        largest_that_fits(Small(0), dataset.test)


def test_a_cpu_takes_a_measured_size_without_trying(dataset):
    network = Small(0)
    assert fitting_batch_size(network, dataset.test) == min(ON_CPU, len(dataset.test))
    assert fitting_batch_size(network, dataset.test.first(3)) == 3
    assert network.tried == []


def test_other_errors_are_not_taken_for_a_lack_of_memory(dataset):
    class Broken(nn.Module):
        def forward(self, images):
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        largest_that_fits(Broken(), dataset.test)
