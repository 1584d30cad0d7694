import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data import load_dataset
from core.spec.config import DataSection
from core.spec.home import Home

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "cifar10_from_jpeg.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("cifar10_from_jpeg", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def packed(tmp_path):
    """Twelve flat images of two classes, eight for training; the level is 10 x number."""
    files = []
    for number in range(12):
        buffer = io.BytesIO()
        Image.new("RGB", (32, 32), (10 * number,) * 3).save(buffer, "JPEG")
        files.append(buffer.getvalue())
    np.savez(
        tmp_path / "packed.npz",
        jpeg=np.frombuffer(b"".join(files), dtype=np.uint8),
        offsets=np.cumsum([0, *map(len, files)]),
        label=np.array([0, 1] * 6, dtype=np.uint8),
        is_test=np.array([0] * 8 + [1] * 4, dtype=np.uint8),
        classes=np.array(["bird", "cat"]),
    )
    return tmp_path / "packed.npz"


def test_every_packed_image_lands_in_its_split_and_class(script, packed, tmp_path):
    home = Home(tmp_path / "home")
    assert script.unpack(packed, tmp_path / "out", {"train": None, "test": None}) == {"train": 8, "test": 4}
    data = DataSection(name="folder", folder=str(tmp_path / "out"), validation_fraction=0)
    dataset = load_dataset(data, home)
    assert dataset.train.labels.tolist() == [0] * 4 + [1] * 4
    assert dataset.train.levels[:, 0, 5, 5].tolist() == [0, 20, 40, 60, 10, 30, 50, 70]
    assert sorted(dataset.test.levels[:, 0, 5, 5].tolist()) == [80, 90, 100, 110]


def test_a_subset_has_the_first_images_of_each_class(script, packed, tmp_path):
    assert script.unpack(packed, tmp_path / "out", {"train": 5, "test": 2}) == {"train": 5, "test": 2}
    names = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg"))
    assert names == [
        "test/bird/00008.jpg",
        "test/cat/00009.jpg",
        "train/bird/00000.jpg",
        "train/bird/00002.jpg",
        "train/bird/00004.jpg",
        "train/cat/00001.jpg",
        "train/cat/00003.jpg",
    ]
