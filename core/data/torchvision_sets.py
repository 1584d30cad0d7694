"""CIFAR-10, CIFAR-100 and SVHN, read (and on request fetched) by torchvision, which checks their checksums."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.dataset import Dataset, Geometry, ImageSet, split
from core.spec.catalogue import DATASETS
from core.spec.config import DataSection
from core.spec.data_files import data_root
from core.spec.errors import TrainingError
from core.spec.home import Home


def load_cifar(data: DataSection, home: Home) -> Dataset:
    """CIFAR-10 or CIFAR-100 (its 100 fine labels), by `data.name`.

    Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
    """
    from torchvision.datasets import CIFAR10, CIFAR100

    kind = CIFAR10 if data.name == "cifar-10" else CIFAR100

    def read(root: Path, is_train: bool) -> ImageSet:
        part = kind(root, train=is_train, download=data.download)
        return _image_set(part.data.transpose(0, 3, 1, 2), part.targets)

    return _load(data, home, read)


def load_svhn(data: DataSection, home: Home) -> Dataset:
    """SVHN's train and test parts (its `extra` part is not read), digit 0 labelled 0.

    Source: Netzer et al. 2011, Reading Digits in Natural Images with Unsupervised Feature Learning.
    """
    from torchvision.datasets import SVHN

    def read(root: Path, is_train: bool) -> ImageSet:
        part = SVHN(root, split="train" if is_train else "test", download=data.download)
        return _image_set(part.data, part.labels)

    return _load(data, home, read)


def _load(data: DataSection, home: Home, read: Callable[[Path, bool], ImageSet]) -> Dataset:
    entry, root = DATASETS[data.name], data_root(data, home)
    try:
        with _download_turn(root, data.download):
            everything, test = read(root, True), read(root, False)
    except Exception as error:
        reason = "the download failed" if data.download else "the files are damaged or not complete"
        raise TrainingError(
            f"data.name: {entry.name} in {root}: {reason}: {error} (by hand: {entry.how}, over what is there)"
        ) from error
    train, validation = split(everything, data.validation_fraction, data.split_seed, "validation")
    return Dataset(train=train, validation=validation, test=test, geometry=Geometry.of(data, home))


@contextmanager
def _download_turn(root: Path, download: bool) -> Iterator[None]:
    """One run downloads at a time; the others wait and then find the files."""
    if not download:
        yield
        return
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".download.lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _image_set(levels: NDArray[np.uint8], labels: Any) -> ImageSet:
    return ImageSet(
        levels=torch.from_numpy(np.ascontiguousarray(levels)),
        labels=torch.from_numpy(np.asarray(labels, dtype=np.int64)),
        max_level=255,
    )
