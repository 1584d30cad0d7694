"""The files that torchvision reads, small, with their checksums put in the place of the published ones."""

import hashlib
import pickle

import numpy as np
import pytest
import scipy.io
import torchvision.datasets as published

from core.data import load_dataset
from core.spec.config import DataSection
from core.spec.errors import TrainingError


def checksum(path):
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_cifar(home, monkeypatch, kind, folder, parts, key):
    """CIFAR's pickled batches: rows of 3 x 32 x 32 levels whose first level is the image's number."""
    (home.data / folder).mkdir(parents=True)
    sums, number = {}, 0
    for name, labels in parts.items():
        rows = np.zeros((len(labels), 3072), dtype=np.uint8)
        rows[:, 0] = range(number, number + len(labels))
        rows[:, 1024] = 200
        number += len(labels)
        path = home.data / folder / name
        path.write_bytes(pickle.dumps({"data": rows, key: labels}))
        sums[name] = checksum(path)
    meta = home.data / folder / kind.meta["filename"]
    meta.write_bytes(pickle.dumps({kind.meta["key"]: ["a"]}))
    *train, test = parts
    monkeypatch.setattr(kind, "train_list", [[name, sums[name]] for name in train])
    monkeypatch.setattr(kind, "test_list", [[test, sums[test]]])
    monkeypatch.setattr(kind, "meta", kind.meta | {"md5": checksum(meta)})


@pytest.fixture
def cifar10(home, monkeypatch):
    parts = {"data_batch_1": [3, 9], "data_batch_2": [0, 1], "test_batch": [5]}
    write_cifar(home, monkeypatch, published.CIFAR10, "cifar-10-batches-py", parts, "labels")
    return home


def test_cifar_10_is_read_from_its_batches(cifar10):
    dataset = load_dataset(DataSection(name="cifar-10", validation_fraction=0), cifar10)
    assert dataset.train.levels.shape == (4, 3, 32, 32)
    assert dataset.train.levels[:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    assert dataset.train.levels[:, 1, 0, 0].tolist() == [200] * 4
    assert dataset.train.labels.tolist() == [3, 9, 0, 1]
    assert dataset.test.labels.tolist() == [5]
    assert (dataset.geometry.classes, dataset.geometry.image_size) == (10, 32)


def test_cifar_100_has_its_fine_labels(home, monkeypatch):
    parts = {"train": [99, 0, 50], "test": [7]}
    write_cifar(home, monkeypatch, published.CIFAR100, "cifar-100-python", parts, "fine_labels")
    dataset = load_dataset(DataSection(name="cifar-100", validation_fraction=0), home)
    assert dataset.train.labels.tolist() == [99, 0, 50]
    assert dataset.geometry.classes == 100


def test_a_label_out_of_range_is_counted_and_shown(home, monkeypatch):
    parts = {"data_batch_1": [3, 10], "test_batch": [5]}
    write_cifar(home, monkeypatch, published.CIFAR10, "cifar-10-batches-py", parts, "labels")
    with pytest.raises(TrainingError, match=r"'cifar-10': labels are 0 to 9, and 1 of 2 are not: image 1 has 10"):
        load_dataset(DataSection(name="cifar-10", validation_fraction=0), home)


def test_a_damaged_file_is_an_error_that_says_how_to_get_it_again(cifar10):
    (cifar10.data / "cifar-10-batches-py" / "data_batch_2").write_bytes(b"half")
    with pytest.raises(TrainingError, match=r"cifar-10 in .*damaged or not complete.*cifar-10-python\.tar\.gz"):
        load_dataset(DataSection(name="cifar-10"), cifar10)


def test_svhn_calls_the_digit_zero_zero(home, monkeypatch):
    home.data.mkdir(parents=True)
    sources = {}
    for split, labels in (("train", [10, 1, 9]), ("test", [2, 2])):
        levels = np.zeros((32, 32, 3, len(labels)), dtype=np.uint8)
        levels[4, 7, 2] = range(1, len(labels) + 1)
        path = home.data / f"{split}_32x32.mat"
        scipy.io.savemat(path, {"X": levels, "y": np.array(labels, dtype=np.uint8)[:, None]})
        sources[split] = ["", path.name, checksum(path)]
    monkeypatch.setattr(published.SVHN, "split_list", sources)
    dataset = load_dataset(DataSection(name="svhn", validation_fraction=0), home)
    assert dataset.train.labels.tolist() == [0, 1, 9]
    assert dataset.train.levels[:, 2, 4, 7].tolist() == [1, 2, 3]
    assert dataset.test.labels.tolist() == [2, 2]


def test_a_download_that_fails_says_so_and_names_the_manual_way(home, monkeypatch):
    def fail(_self):
        raise OSError("no route to host")

    monkeypatch.setattr(published.CIFAR10, "download", fail)
    with pytest.raises(TrainingError, match=r"download failed: no route to host \(by hand: unpack https"):
        load_dataset(DataSection(name="cifar-10", download=True), home)


def test_nothing_is_downloaded_unless_asked(home, monkeypatch):
    monkeypatch.setattr(published.CIFAR10, "download", lambda _: pytest.fail("downloaded"))
    with pytest.raises(TrainingError, match=r"data\.download = true"):
        load_dataset(DataSection(name="cifar-10"), home)
