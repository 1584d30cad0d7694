import pytest
import torch

from core.data import load_dataset
from core.data.batches import augment, epoch_batches, random_crop, steps_per_epoch
from core.seeding import generator_for, seed_for
from core.spec.config import DataSection

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return load_dataset(DataSection())


def test_all_1797_digits_are_in_exactly_one_split(digits):
    sizes = [len(digits.train), len(digits.validation), len(digits.test)]
    assert sum(sizes) == 1797
    assert sizes[2] == round(1797 * 0.2)
    rows = [
        (*levels.flatten().tolist(), label)
        for part in (digits.train, digits.validation, digits.test)
        for levels, label in zip(part.levels, part.labels.tolist(), strict=True)
    ]
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    everything = [(*map(int, image), int(target)) for image, target in zip(images, targets, strict=True)]
    assert sorted(rows) == sorted(everything)


def test_images_are_in_zero_to_one(digits):
    images = digits.train.images()
    assert images.shape[1:] == (1, 8, 8)
    assert (float(images.min()), float(images.max())) == (0.0, 1.0)
    assert set(digits.train.labels.tolist()) == set(range(10))


def test_the_split_depends_on_its_own_seed_only(digits):
    assert torch.equal(load_dataset(DataSection()).test.levels, digits.test.levels)
    assert not torch.equal(load_dataset(DataSection(split_seed=1)).test.levels, digits.test.levels)


def test_no_validation_split_leaves_all_images_for_training():
    assert len(load_dataset(DataSection(validation_fraction=0)).validation) == 0


def test_an_epoch_shows_every_image_once_and_epochs_differ(digits):
    def order(epoch, first_step=0):
        batches = epoch_batches(digits.train, DataSection(), batch_size=100, seed=3, epoch=epoch, first_step=first_step)
        return torch.cat([images.flatten(1) for images, _ in batches])

    whole = order(1)
    assert len(whole) == len(digits.train)
    assert torch.equal(whole.sort(dim=0).values, digits.train.images().flatten(1).sort(dim=0).values)
    assert not torch.equal(whole, order(2))
    assert torch.equal(order(1, first_step=4), whole[400:])
    assert steps_per_epoch(digits.train, 100) == -(-len(digits.train) // 100)


def test_a_random_crop_moves_each_image_within_its_padding():
    images = torch.rand(50, 2, 6, 6)
    crops = random_crop(images, 2, generator_for(CPU, 0, "crop"))
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    places = set()
    for image, crop in zip(padded, crops, strict=True):
        found = [(y, x) for y in range(5) for x in range(5) if torch.equal(image[:, y : y + 6, x : x + 6], crop)]
        assert found
        places.add(found[0])
    assert len(places) > 5


def test_a_flip_mirrors_some_images_and_leaves_the_rest():
    images = torch.rand(64, 1, 4, 4)
    flipped = augment(images, DataSection(horizontal_flip=True), generator_for(CPU, 0, "flip"))
    same = [torch.equal(a, b) for a, b in zip(images, flipped, strict=True)]
    mirrored = [torch.equal(a.flip(-1), b) for a, b in zip(images, flipped, strict=True)]
    assert all(a or b for a, b in zip(same, mirrored, strict=True))
    assert 10 < sum(mirrored) < 54


def test_each_purpose_has_its_own_seed():
    assert seed_for(0, "attack", 1, 2) == seed_for(0, "attack", 1, 2)
    assert (
        len(
            {
                seed_for(0, "attack", 1, 2),
                seed_for(0, "attack", 2, 1),
                seed_for(0, "order", 1, 2),
                seed_for(1, "attack", 1, 2),
            }
        )
        == 4
    )
