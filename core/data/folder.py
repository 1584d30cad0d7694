"""Any folder of images: train/ and test/ (or val/), each with one folder per class."""

from pathlib import Path

import torch

from core.data.dataset import Dataset, Geometry, ImageSet, split
from core.data.image_files import IMAGE_SUFFIXES, decoded_images, image_files
from core.spec.config import DataSection
from core.spec.data_files import class_names, held_out_folder, image_folder
from core.spec.errors import TrainingError
from core.spec.home import Home


def load_folder(data: DataSection, home: Home) -> Dataset:
    """Read `data.folder`. Classes are the folders of train/ by name; test/ (else val/) may lack some of them.

    Test images come in a fixed mixed order, so that the first N of them are a sample of all classes.

    Raises: TrainingError when a class of train/ has no images, or a file cannot be decoded.
    """
    folder = image_folder(data, home)
    names = class_names(folder / "train")
    geometry = Geometry.of(data, home)
    everything = read_split(folder / "train", names, geometry, home)
    test = mixed(read_split(held_out_folder(folder), names, geometry, home))
    train, validation = split(everything, data.validation_fraction, data.split_seed, "validation")
    return Dataset(train=train, validation=validation, test=test, geometry=geometry)


def read_split(folder: Path, names: list[str], geometry: Geometry, home: Home) -> ImageSet:
    """The images of one split, class after class, files by name."""
    paths: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(names):
        found = image_files(folder / name)
        if not found and folder.name == "train":
            kinds = ", ".join(sorted(IMAGE_SUFFIXES))
            raise TrainingError(f"data.folder: {folder / name} has no images (files that end with {kinds})")
        paths += found
        labels += [label] * len(found)
    levels = decoded_images(paths, geometry, home.decoded)
    return ImageSet(levels=levels, labels=torch.tensor(labels, dtype=torch.int64), max_level=255)


def mixed(images: ImageSet) -> ImageSet:
    """The same images in an order that depends on nothing but their number."""
    return images.at(torch.randperm(len(images), generator=torch.Generator().manual_seed(0)))
