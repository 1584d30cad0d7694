"""Data sets by name: images as uint8 levels, split by seed, augmented as a batch."""

from dataclasses import replace

from core.data.dataset import Dataset, Geometry, ImageSet
from core.data.digits import load_digits
from core.data.extra import load_extra
from core.data.folder import load_folder
from core.data.tiny_imagenet import load_tiny_imagenet
from core.data.torchvision_sets import load_cifar, load_svhn
from core.data.validity import check_images
from core.spec.config import DataSection
from core.spec.data_files import require_data
from core.spec.errors import TrainingError
from core.spec.home import Home

DATASETS = {
    "digits": load_digits,
    "cifar-10": load_cifar,
    "cifar-100": load_cifar,
    "svhn": load_svhn,
    "tiny-imagenet": load_tiny_imagenet,
    "folder": load_folder,
}


def load_dataset(data: DataSection, home: Home | None = None) -> Dataset:
    """The train, validation and test images of a data section, checked; extra images beside the training images.

    home: where relative places start; None: the home that the environment names.
    Raises: TrainingError naming the setting when files are missing or damaged, a label is out of range or a split
    would be empty.
    """
    home = home or Home.find()
    require_data(data, home)
    dataset = DATASETS[data.name](data, home)
    for name, images in (("training", dataset.train), ("test", dataset.test)):
        if len(images) == 0:
            raise TrainingError(
                f"data.{data.name}: the {name} split is empty (change data.test_fraction or validation_fraction)"
            )
    for images in (dataset.train, dataset.validation, dataset.test):
        check_images(images, dataset.geometry, f"data.name = {data.name!r}")
    if data.extra is not None and data.extra_fraction > 0:
        extra = load_extra(data, home, dataset.geometry)
        dataset = replace(dataset, train=replace(dataset.train, extra=extra))
    return dataset


__all__ = ["DATASETS", "Dataset", "Geometry", "ImageSet", "load_dataset"]
