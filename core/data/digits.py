"""The embedded data set: 1,797 real handwritten digits, 8x8 grey levels 0 to 16, inside scikit-learn."""

import importlib.metadata

import numpy as np
import torch

from core.data.dataset import Dataset, Geometry, ImageSet, split
from core.spec.config import DataSection
from core.spec.home import Home

MAX_LEVEL = 16
INSIDE = "sklearn/datasets/data/digits.csv.gz"  # read as it is: to import scikit-learn costs more than a second


def load_digits(data: DataSection, home: Home) -> Dataset:
    """Split into test, validation and training images by `split_seed`; the set has no test set of its own.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, test part, through scikit-learn.
    """
    file = importlib.metadata.distribution("scikit-learn").locate_file(INSIDE)
    rows = torch.from_numpy(np.loadtxt(str(file), delimiter=",", dtype=np.uint8))  # 64 levels and the digit
    levels = rows[:, :-1].reshape(-1, 1, 8, 8).contiguous()
    everything = ImageSet(levels=levels, labels=rows[:, -1].long(), max_level=MAX_LEVEL)
    rest, test = split(everything, data.test_fraction, data.split_seed, "test")
    train, validation = split(rest, data.validation_fraction, data.split_seed, "validation")
    return Dataset(train=train, validation=validation, test=test, geometry=Geometry.of(data, home))
