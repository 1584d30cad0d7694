import numpy as np
import pytest
import torch

from core.data import load_dataset
from core.data.batches import epoch_batches, extra_count, steps_per_epoch
from core.data.dataset import ImageSet
from core.spec.config import DataSection
from core.spec.errors import TrainingError
from tests.core.data.conftest import write_extra


def section(**settings):
    return DataSection(**{"extra": "generated.npz", "extra_fraction": 0.7} | settings)


@pytest.fixture
def with_extra(home):
    write_extra(home.data / "generated.npz")
    return load_dataset(section(), home)


def test_extra_images_stay_out_of_every_split(with_extra, home):
    plain = load_dataset(DataSection(), home)
    assert len(with_extra.train) == len(plain.train)
    assert torch.equal(with_extra.train.levels, plain.train.levels)
    assert torch.equal(with_extra.test.levels, plain.test.levels)
    assert len(with_extra.train.extra) == 20
    assert with_extra.test.extra is None
    assert with_extra.train.first(5).extra is None
    assert load_dataset(section(extra_fraction=0), home).train.extra is None


def numbered(count, extra=None):
    """Images that are their own number: a level below 100 for the data set's, 100 and more for extra ones."""
    levels = torch.arange(count, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    return ImageSet(levels=levels, labels=torch.arange(count), max_level=255, extra=extra)


def generated(count):
    levels = (100 + torch.arange(count)).to(torch.uint8).reshape(-1, 1, 1, 1)
    return ImageSet(levels=levels, labels=100 + torch.arange(count), max_level=255)


def batches(images, fraction, **settings):
    data = DataSection(extra="x", extra_fraction=fraction)
    found = list(epoch_batches(images, data, batch_size=10, **{"seed": 1, "epoch": 1} | settings))
    for batch, labels in found:
        assert torch.equal((batch.flatten() * 255).round().long(), labels)
    return [labels.tolist() for _, labels in found]


def test_each_batch_has_its_exact_share_after_the_next_images_of_the_order():
    images = numbered(45, generated(8))
    found = batches(images, 0.7)
    real = [[label for label in batch if label < 100] for batch in found]
    assert [len(batch) for batch in found] == [10, 10, 10, 10, 5]
    assert [len(batch) for batch in real] == [3, 3, 3, 3, 2]
    assert all(batch[: len(own)] == own for batch, own in zip(found, real, strict=True))
    order = [label for batch in batches(numbered(45), 0.7) for label in batch]
    assert [label for batch in real for label in batch] == order[:14]


def test_extra_images_depend_on_seed_epoch_and_step_only():
    images = numbered(45, generated(8))
    first = batches(images, 0.7)
    assert batches(images, 0.7) == first
    assert batches(images, 0.7, first_step=2) == first[2:]
    assert batches(images, 0.7, epoch=2) != first
    assert batches(images, 0.7, seed=2) != first
    assert first[0][3:] != first[1][3:]


def test_a_fraction_of_one_trains_on_extra_images_alone():
    found = batches(numbered(45, generated(8)), 1.0)
    assert [len(batch) for batch in found] == [10, 10, 10, 10, 5]
    assert min(min(batch) for batch in found) >= 100


@pytest.mark.parametrize(("size", "fraction", "count"), [(512, 0.7, 358), (10, 0.7, 7), (100, 0.29, 29), (1, 0.7, 0)])
def test_the_share_is_rounded_down(size, fraction, count):
    images = numbered(5, generated(2))
    assert extra_count(images, DataSection(extra="x", extra_fraction=fraction), size) == count
    assert extra_count(numbered(5), DataSection(), size) == 0


def test_an_epoch_keeps_its_number_of_steps(with_extra):
    assert steps_per_epoch(with_extra.train, 100) == -(-len(with_extra.train) // 100)


def test_a_missing_file_says_where_it_should_be(home):
    with pytest.raises(TrainingError, match=r"data\.extra: .*data/generated\.npz is not there"):
        load_dataset(section(), home)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"image": np.full((20, 8, 8, 1), np.nan, dtype=np.float32)}, "20 images hold NaN, the first is image 0"),
        ({"image": np.zeros((20, 8, 8, 1))}, r"`image` should be \(N, H, W, C\) uint8, found \(20, 8, 8, 1\) float64"),
        ({"image": np.zeros((20, 8, 8), dtype=np.uint8)}, r"found \(20, 8, 8\) uint8"),
        ({"image": np.zeros((20, 9, 9, 1), dtype=np.uint8)}, r"should be \(N, 1, 8, 8\) uint8, found \(20, 1, 9, 9\)"),
        ({"image": np.zeros((0, 8, 8, 1), dtype=np.uint8), "label": np.zeros(0, dtype=int)}, "holds no images"),
        ({"label": np.arange(20)}, "labels are 0 to 9, and 10 of 20 are not: image 10 has 10"),
        ({"label": -np.ones(20, dtype=int)}, "image 0 has -1"),
        ({"label": np.zeros(20)}, r"`label` should be \(N,\) whole numbers, found \(20,\) float64"),
        ({"label": np.zeros(19, dtype=int)}, "20 images have 19 labels"),
        ({"label": None}, r"has no array `label` \(it holds image\)"),
        ({"label": np.array([None] * 20)}, r"cannot be read as an \.npz of plain arrays"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_the_setting(home, replaced, message):
    write_extra(home.data / "generated.npz", **replaced)
    with pytest.raises(TrainingError, match=message) as caught:
        load_dataset(section(), home)
    assert str(caught.value).startswith("data.extra: ")


def test_a_file_that_is_no_npz_is_named(home):
    home.data.mkdir(parents=True)
    (home.data / "generated.npz").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(TrainingError, match=r"data\.extra: .*cannot be read as an \.npz"):
        load_dataset(section(), home)
