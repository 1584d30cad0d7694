import pytest
import torch

from core.data import dataset
from core.data.dataset import Geometry, ImageSet, split
from core.data.validity import check_images
from core.spec.errors import TrainingError


def images(count=10):
    levels = torch.arange(count * 4, dtype=torch.uint8).reshape(count, 1, 2, 2)
    return ImageSet(levels=levels, labels=torch.arange(count), max_level=255)


def test_a_split_without_a_share_hands_the_same_images_on():
    whole = images()
    left, aside = split(whole, 0.0, 0, "validation")
    assert left is whole
    assert len(aside) == 0


def test_a_split_of_a_share_keeps_order_and_loses_nothing():
    left, aside = split(images(), 0.3, 0, "validation")
    assert (len(left), len(aside)) == (7, 3)
    assert left.labels.tolist() == sorted(left.labels.tolist())
    assert sorted(left.labels.tolist() + aside.labels.tolist()) == list(range(10))


@pytest.mark.parametrize(("free", "fits"), [(80, True), (79, False)])
def test_levels_move_only_where_half_of_the_free_memory_holds_them(monkeypatch, free, fits):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 1000))
    assert dataset._fits(images().levels, torch.device("cuda", 0)) == fits


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_levels_that_stay_behind_follow_batch_by_batch(monkeypatch):
    device = torch.device("cuda", 0)
    here = images().to(device)
    monkeypatch.setattr(dataset, "FREE_MEMORY_SHARE", 0)
    behind = images().to(device)
    assert (here.levels.device, behind.levels.device) == (device, torch.device("cpu"))
    index = torch.tensor([3, 1], device=device)
    assert torch.equal(behind.images(index), here.images(index))
    assert behind.images(slice(2, 4)).device == device
    assert torch.equal(behind.at(index).images(), here.at(index).images())


@pytest.mark.parametrize(
    ("geometry", "message"),
    [
        (
            Geometry(channels=3, image_size=2, classes=10),
            r"images should be \(N, 3, 2, 2\) uint8, found \(10, 1, 2, 2\)",
        ),
        (Geometry(channels=1, image_size=2, classes=9), "labels are 0 to 8, and 1 of 10 are not: image 9 has 9"),
    ],
)
def test_what_does_not_fit_the_geometry_is_refused_with_its_setting(geometry, message):
    with pytest.raises(TrainingError, match=f"data.name = 'x': {message}"):
        check_images(images(), geometry, "data.name = 'x'")
