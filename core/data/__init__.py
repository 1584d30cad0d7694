"""Data sets by name: images as uint8 levels, split by seed, augmented as a batch."""

from core.data.dataset import Dataset, Geometry, ImageSet
from core.data.digits import load_digits
from core.spec.config import DataSection
from core.spec.errors import TrainingError

DATASETS = {"digits": load_digits}


def load_dataset(data: DataSection) -> Dataset:
    """The train, validation and test images of a data section.

    Raises: TrainingError when a split would be empty.
    """
    dataset = DATASETS[data.name](data)
    for name, images in (("training", dataset.train), ("test", dataset.test)):
        if len(images) == 0:
            raise TrainingError(
                f"data.{data.name}: the {name} split is empty (change data.test_fraction or validation_fraction)"
            )
    return dataset


__all__ = ["DATASETS", "Dataset", "Geometry", "ImageSet", "load_dataset"]
