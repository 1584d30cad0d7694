"""Tiny-ImageNet in its own layout: train/<wnid>/images/*.JPEG, val/images/*.JPEG and val/val_annotations.txt."""

from pathlib import Path

import torch

from core.data.dataset import Dataset, Geometry, ImageSet, split
from core.data.image_files import decoded_images, image_files
from core.spec.catalogue import DATASETS
from core.spec.config import DataSection
from core.spec.data_files import class_names, data_root
from core.spec.errors import TrainingError
from core.spec.home import Home


def load_tiny_imagenet(data: DataSection, home: Home) -> Dataset:
    """Read the 200 classes, labelled by the order of their wnids. The validation images are the test set, because the
    real test set has no labels.

    Raises: TrainingError when classes, images or annotations are missing.
    """
    folder = data_root(data, home) / "tiny-imagenet-200"
    geometry = Geometry.of(data, home)
    names = class_names(folder / "train")
    if len(names) != geometry.classes:
        how = DATASETS["tiny-imagenet"].how
        raise TrainingError(
            f"data.name: {folder / 'train'} has {len(names)} of {geometry.classes} classes (again: {how})"
        )
    everything = _image_set(_train_files(folder / "train", names), geometry, home)
    test = _image_set(_validation_files(folder / "val", names), geometry, home)
    train, validation = split(everything, data.validation_fraction, data.split_seed, "validation")
    return Dataset(train=train, validation=validation, test=test, geometry=geometry)


def _train_files(folder: Path, names: list[str]) -> list[tuple[Path, int]]:
    files = []
    for label, name in enumerate(names):
        found = image_files(folder / name / "images")
        if not found:
            raise TrainingError(f"data.name: {folder / name / 'images'} has no images (unpack Tiny-ImageNet again)")
        files += [(path, label) for path in found]
    return files


def _validation_files(folder: Path, names: list[str]) -> list[tuple[Path, int]]:
    """Lines of val_annotations.txt: file name, wnid, and a bounding box that is not read; separated by tabs."""
    labels = {name: label for label, name in enumerate(names)}
    annotations = folder / "val_annotations.txt"
    files = []
    for number, line in enumerate(annotations.read_text(encoding="utf-8").splitlines(), 1):
        file, _, rest = line.partition("\t")
        wnid = rest.partition("\t")[0]
        path = folder / "images" / file
        if wnid not in labels or not path.is_file():
            what = f"{wnid!r} is no class of train/" if wnid not in labels else f"{path} is missing"
            raise TrainingError(f"data.name: {annotations}, line {number}: {what} (unpack Tiny-ImageNet again)")
        files.append((path, labels[wnid]))
    return files


def _image_set(files: list[tuple[Path, int]], geometry: Geometry, home: Home) -> ImageSet:
    levels = decoded_images([path for path, _ in files], geometry, home.decoded)
    return ImageSet(levels=levels, labels=torch.tensor([label for _, label in files]), max_level=255)
