"""Generated images with pseudo labels, mixed into the training batches of self-distillation with diffusion data."""

import zipfile
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.data.dataset import Geometry, ImageSet
from core.data.validity import check_images
from core.spec.config import DataSection
from core.spec.data_files import extra_file
from core.spec.errors import TrainingError
from core.spec.home import Home


def load_extra(data: DataSection, home: Home, geometry: Geometry) -> ImageSet:
    """Read `data.extra`: `image` (N, H, W, C) uint8 levels 0 to 255 and `label` (N,) whole numbers.

    Source of the layout and the mixing: Wang et al. 2023, Better Diffusion Models Further Improve Adversarial Training.
    Raises: TrainingError when arrays are missing, have another form, or hold NaN or labels that are no class.
    """
    path = extra_file(data, home)
    images, labels = _read(path)
    where = f"data.extra: {path}"
    if images.dtype.kind == "f" and np.isnan(images).any():
        bad = np.isnan(images.reshape(len(images), -1)).any(axis=1)
        raise TrainingError(f"{where}: {int(bad.sum())} images hold NaN, the first is image {int(bad.argmax())}")
    if images.dtype != np.uint8 or images.ndim != 4:
        raise TrainingError(f"{where}: `image` should be (N, H, W, C) uint8, found {images.shape} {images.dtype}")
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise TrainingError(f"{where}: `label` should be (N,) whole numbers, found {labels.shape} {labels.dtype}")
    if len(images) == 0:
        raise TrainingError(f"{where}: holds no images")
    levels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    extra = ImageSet(levels=levels, labels=torch.from_numpy(labels.astype(np.int64)), max_level=255)
    check_images(extra, geometry, where)
    return extra


def _read(path: Path) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            missing = [name for name in ("image", "label") if name not in arrays]
            if missing:
                found = ", ".join(arrays.files) or "nothing"
                raise TrainingError(f"data.extra: {path} has no array `{missing[0]}` (it holds {found})")
            return arrays["image"], arrays["label"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise TrainingError(f"data.extra: {path} cannot be read as an .npz of plain arrays: {error}") from error
