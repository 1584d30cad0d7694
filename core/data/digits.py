"""The embedded data set: 1,797 real handwritten digits, 8x8 grey levels 0 to 16, inside scikit-learn."""

import numpy as np
import torch

from core.data.dataset import Dataset, Geometry, ImageSet, split
from core.spec.config import DataSection
from core.spec.home import Home

MAX_LEVEL = 16


def load_digits(data: DataSection, home: Home) -> Dataset:
    """Split into test, validation and training images by `split_seed`; the set has no test set of its own.

    Source: Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, test part, through scikit-learn.
    """
    from sklearn.datasets import load_digits as load

    raw = load()
    levels = torch.from_numpy(raw.images.astype(np.uint8)).unsqueeze(1)
    everything = ImageSet(levels=levels, labels=torch.from_numpy(raw.target.astype(np.int64)), max_level=MAX_LEVEL)
    rest, test = split(everything, data.test_fraction, data.split_seed, "test")
    train, validation = split(rest, data.validation_fraction, data.split_seed, "validation")
    return Dataset(train=train, validation=validation, test=test, geometry=Geometry.of(data, home))
