import pytest

from core.data import load_dataset
from core.spec.config import DataSection
from core.spec.errors import TrainingError
from tests.core.data.conftest import write_image

WNIDS = [f"n{number:08d}" for number in range(200)]
SECTION = DataSection(name="tiny-imagenet", validation_fraction=0)


@pytest.fixture
def folder(home):
    """Tiny-ImageNet with one training image per class and three validation images, flat, level = label."""
    folder = home.data / "tiny-imagenet-200"
    for label, wnid in enumerate(WNIDS):
        write_image(folder / "train" / wnid / "images" / f"{wnid}_0.JPEG", label, size=(64, 64))
    for number, label in enumerate((5, 199, 0)):
        write_image(folder / "val" / "images" / f"val_{number}.JPEG", label, size=(64, 64), mode="L")
    lines = [f"val_{number}.JPEG\t{WNIDS[label]}\t0\t0\t63\t63\n" for number, label in enumerate((5, 199, 0))]
    (folder / "val" / "val_annotations.txt").write_text("".join(lines))
    return folder


@pytest.mark.usefixtures("folder")
def test_its_own_layout_is_read_and_validation_images_are_the_test_set(home):
    dataset = load_dataset(SECTION, home)
    assert dataset.train.levels.shape == (200, 3, 64, 64)
    assert dataset.train.labels.tolist() == list(range(200))
    assert dataset.train.levels[:, 0, 0, 0].tolist() == list(range(200))
    assert dataset.test.labels.tolist() == [5, 199, 0]
    assert dataset.test.levels[:, 0, 0, 0].tolist() == [5, 199, 0]
    assert dataset.geometry.classes == 200


def test_a_missing_class_says_how_many_are_there(home, folder):
    (folder / "train" / WNIDS[0]).rename(folder / "spare")
    with pytest.raises(TrainingError, match="has 199 of 200 classes"):
        load_dataset(SECTION, home)


def test_an_annotation_of_an_unknown_class_names_its_line(home, folder):
    with (folder / "val" / "val_annotations.txt").open("a") as file:
        file.write("val_0.JPEG\tn99999999\t0\t0\t1\t1\n")
    with pytest.raises(TrainingError, match="line 4: 'n99999999' is no class"):
        load_dataset(SECTION, home)


def test_an_annotated_image_that_is_missing_is_named(home, folder):
    (folder / "val" / "images" / "val_1.JPEG").unlink()
    with pytest.raises(TrainingError, match=r"line 2: .*val_1\.JPEG is missing"):
        load_dataset(SECTION, home)
