"""Tiny image files on disk, in the layouts that data sets have."""

import numpy as np
import pytest
from PIL import Image

from core.spec.home import DATA_VARIABLE, Home


@pytest.fixture(autouse=True)
def _no_data_of_this_machine(monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def write_image(path, level, size=(8, 8), mode="RGB"):
    """One flat image."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, level if mode == "L" else (level,) * 3).save(path)


def write_folder(folder, splits=("train", "test"), classes=("ant", "bee", "cat"), per_class=4):
    """A folder of images in which the level says which image it is: 50 * class + number."""
    for split in splits:
        for label, name in enumerate(classes):
            for number in range(per_class):
                write_image(folder / split / name / f"{number}.png", 50 * label + number)
    return folder


def write_extra(path, count=20, shape=(8, 8, 1), classes=10, **replaced):
    """Generated images whose level, 100 and more, says which one it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.empty((count, *shape), dtype=np.uint8)
    image[:] = (100 + np.arange(count)).reshape(-1, 1, 1, 1)
    arrays = {"image": image, "label": np.arange(count) % classes} | replaced
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path
