import numpy as np
import pytest
import torch
from PIL import Image

from core.data import image_files, load_dataset
from core.spec.config import DataSection
from core.spec.errors import TrainingError
from tests.core.data.conftest import write_folder, write_image


def section(**settings):
    return DataSection(**{"name": "folder", "folder": "insects", "image_size": 8, "validation_fraction": 0} | settings)


def test_classes_are_the_folders_of_train_by_name(home):
    write_folder(home.data / "insects")
    dataset = load_dataset(section(), home)
    assert (dataset.geometry.classes, dataset.geometry.image_size, dataset.geometry.channels) == (3, 8, 3)
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert dataset.train.levels[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 50, 51, 52, 53, 100, 101, 102, 103]
    assert dataset.train.levels.dtype == torch.uint8
    assert dataset.train.levels.is_contiguous()
    assert float(dataset.test.images().max()) == pytest.approx(103 / 255)


def test_channels_and_rows_keep_their_places(home):
    write_folder(home.data / "insects")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(home.data / "insects" / "train" / "ant" / "0.png")
    first = load_dataset(section(), home).train.levels[0]
    assert torch.equal(first, torch.from_numpy(pixels.transpose(2, 0, 1).copy()))


def test_val_is_the_test_set_where_there_is_no_test(home):
    write_folder(home.data / "insects", splits=("train", "val"))
    assert len(load_dataset(section(), home).test) == 12


def test_the_validation_split_comes_from_the_training_images_by_its_seed(home):
    write_folder(home.data / "insects")
    first = load_dataset(section(validation_fraction=0.25), home)
    again = load_dataset(section(validation_fraction=0.25), home)
    other = load_dataset(section(validation_fraction=0.25, split_seed=1), home)
    assert (len(first.train), len(first.validation), len(first.test)) == (9, 3, 12)
    assert torch.equal(first.validation.levels, again.validation.levels)
    assert not torch.equal(first.validation.levels, other.validation.levels)
    levels = torch.cat([first.train.levels, first.validation.levels])[:, 0, 0, 0]
    assert len(set(levels.tolist())) == 12


def test_images_of_any_size_and_mode_are_brought_to_the_geometry(home):
    folder = write_folder(home.data / "insects")
    write_image(folder / "train" / "ant" / "0.png", 7, size=(30, 20), mode="L")
    write_image(folder / "train" / "ant" / "big.jpeg", 9, size=(13, 40))
    grey = load_dataset(section(channels=1, image_size=16), home)
    assert grey.train.levels.shape == (13, 1, 16, 16)
    assert grey.train.levels[0].unique().tolist() == [7]


def test_hidden_files_and_other_files_are_no_images(home):
    folder = write_folder(home.data / "insects")
    (folder / "train" / "ant" / "notes.txt").write_text("x")
    (folder / "train" / "ant" / "._0.png").write_text("x")
    (folder / "train" / ".cache").mkdir()
    dataset = load_dataset(section(), home)
    assert len(dataset.train) == 12
    assert dataset.geometry.classes == 3


def test_images_are_decoded_once_and_again_when_a_file_changes(home, monkeypatch):
    folder = write_folder(home.data / "insects")
    before = load_dataset(section(), home)
    with monkeypatch.context() as patch:
        patch.setattr(image_files, "decode", lambda *_: pytest.fail("decoded again"))
        after = load_dataset(section(), home)
    assert torch.equal(before.train.levels, after.train.levels)
    write_image(folder / "train" / "ant" / "0.png", 77, size=(9, 9))
    assert load_dataset(section(), home).train.levels[0].unique().tolist() == [77]


def test_a_file_that_is_no_image_is_named(home):
    folder = write_folder(home.data / "insects")
    (folder / "train" / "bee" / "0.png").write_bytes(b"not a picture")
    with pytest.raises(TrainingError, match=r"bee/0\.png cannot be decoded"):
        load_dataset(section(), home)


def test_one_class_is_refused(home):
    write_folder(home.data / "insects", classes=("ant",))
    with pytest.raises(TrainingError, match=r"data\.folder: .*train has one class, 'ant'"):
        load_dataset(section(), home)


def test_a_class_without_images_is_named(home):
    (write_folder(home.data / "insects") / "train" / "dog").mkdir()
    with pytest.raises(TrainingError, match=r"data\.folder: .*train/dog has no images"):
        load_dataset(section(), home)


def test_a_class_that_only_the_test_has_is_named(home):
    folder = write_folder(home.data / "insects")
    write_image(folder / "test" / "dog" / "0.png", 1)
    with pytest.raises(TrainingError, match=r"data\.folder: .*test has classes that train/ does not have: 'dog'"):
        load_dataset(section(), home)


def test_an_empty_test_set_is_named(home):
    folder = write_folder(home.data / "insects", splits=("train",))
    (folder / "test").mkdir()
    with pytest.raises(TrainingError, match="the test split is empty"):
        load_dataset(section(), home)


def test_the_first_test_images_are_a_sample_of_all_classes(home):
    write_folder(home.data / "insects", per_class=40)
    test = load_dataset(section(), home).test
    counts = torch.bincount(test.labels[: len(test) // 2])
    assert counts.min() > 10
    assert torch.equal(test.labels, load_dataset(section(), home).test.labels)
