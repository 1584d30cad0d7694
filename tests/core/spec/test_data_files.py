import pytest

from core.spec.catalogue import DATASETS
from core.spec.config import DataSection
from core.spec.data_files import (
    class_count,
    data_problems,
    data_root,
    data_warnings,
    image_channels,
    image_size,
    require_data,
)
from core.spec.errors import TrainingError
from core.spec.home import DATA_VARIABLE, Home
from core.spec.identity import settings_hash, teacher_hash
from core.spec.loading import build_config, config_problems, config_warnings


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    return Home(tmp_path)


def make_folder(root, splits=("train", "test"), classes=("a", "b")):
    for split in splits:
        for name in classes:
            (root / split / name).mkdir(parents=True)
    return root


def test_data_lie_in_the_root_setting_or_the_variable_or_the_home(home, tmp_path, monkeypatch):
    assert data_root(DataSection(), home) == tmp_path / "data"
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "elsewhere"))
    assert data_root(DataSection(), home) == tmp_path / "elsewhere"
    assert data_root(DataSection(root="sets"), home) == tmp_path / "sets"
    assert data_root(DataSection(root="/sets"), home).as_posix() == "/sets"


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if entry.files])
def test_a_missing_data_set_says_where_it_belongs_and_how_to_get_it(home, name):
    with pytest.raises(TrainingError) as caught:
        require_data(DataSection(name=name), home)
    message = str(caught.value)
    assert message.startswith(f"data.name: {name} is not in {home.data}: ")
    assert DATASETS[name].files[-1] in message
    assert DATASETS[name].how in message
    assert ("data.download = true" in message) == ("download" in DATASETS[name].options)


def test_a_data_set_that_is_there_or_will_be_downloaded_passes(home):
    require_data(DataSection(), home)
    require_data(DataSection(name="svhn", download=True), home)
    (home.data / "cifar-10-batches-py").mkdir(parents=True)
    require_data(DataSection(name="cifar-10"), home)


def test_a_folder_says_its_geometry_before_anything_is_decoded(home):
    make_folder(home.data / "x", classes=("a", "b", "c"))
    data = DataSection(name="folder", folder="x", image_size=20, channels=1)
    require_data(data, home)
    assert (image_size(data), image_channels(data), class_count(data, home)) == (20, 1, 3)
    cifar = DataSection(name="cifar-100")
    assert (image_size(cifar), image_channels(cifar), class_count(cifar, home)) == (32, 3, 100)


@pytest.mark.parametrize(
    ("splits", "classes", "message"),
    [
        ((), (), "is no folder"),
        (("test",), ("a", "b"), "has no train/"),
        (("train",), ("a", "b"), "has no test/ or val/"),
        (("train", "test"), ("a",), "has one class, 'a'"),
    ],
)
def test_what_a_folder_lacks_is_said_with_the_layout(home, splits, classes, message):
    make_folder(home.data / "x", splits, classes)
    with pytest.raises(TrainingError, match=message) as caught:
        require_data(DataSection(name="folder", folder="x"), home)
    assert str(caught.value).startswith("data.folder: ")
    assert "train/ and test/ or val/" in str(caught.value)


def test_a_folder_without_its_name_and_two_channels_are_problems():
    keys = [problem.key for problem in data_problems(DataSection(name="folder", channels=2))]
    assert keys == ["data.folder", "data.channels"]
    assert [problem.key for problem in config_problems({"data": {"name": "folder"}})] == ["data.folder"]


def test_stages_are_counted_against_the_side_of_a_folder_too():
    folder = {"name": "folder", "folder": "x", "image_size": 4}
    keys = {problem.key for problem in config_problems({"data": folder, "student": {"blocks": [1, 1, 1, 1]}})}
    assert "student.blocks" in keys


def test_settings_that_do_nothing_are_named():
    warnings = data_warnings(DataSection(name="cifar-10", image_size=20, test_fraction=0.1, extra_fraction=0.5))
    assert warnings == [
        "data.image_size has no effect on cifar-10",
        "data.test_fraction has no effect on cifar-10",
        "data.extra_fraction has no effect without data.extra",
    ]
    assert data_warnings(DataSection(extra="x", extra_fraction=0)) == [
        "data.extra has no effect while data.extra_fraction is 0"
    ]
    assert config_warnings(build_config({"data": {"folder": "x"}})) == ["data.folder has no effect on digits"]
    assert data_warnings(DataSection(name="folder", folder="x", image_size=20, channels=1)) == []


def test_where_data_lie_is_no_part_of_the_hashes_and_what_they_are_is():
    plain = build_config({"data": {"name": "svhn"}})
    moved = build_config({"data": {"name": "svhn", "root": "/elsewhere", "download": True}})
    mixed = build_config({"data": {"name": "svhn", "extra": "1m.npz"}})
    assert settings_hash(moved) == settings_hash(plain) != settings_hash(mixed)
    assert teacher_hash(moved) == teacher_hash(plain) != teacher_hash(mixed)
