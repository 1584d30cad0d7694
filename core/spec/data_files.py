"""Where a data set lies and whether it is there, told before anything heavy is imported. No torch, no decoding."""

from pathlib import Path

from core.spec.catalogue import DATASETS
from core.spec.config import DataSection
from core.spec.errors import MissingDataError, Problem
from core.spec.home import DATA_VARIABLE, Home


def data_root(data: DataSection, home: Home) -> Path:
    """The folder that holds the data sets: `data.root` (relative to the home), else the home's usual place."""
    return home.path / Path(data.root).expanduser() if data.root else home.data


def image_size(data: DataSection) -> int:
    """Side of the images in pixels: the data set's own, for a folder the setting."""
    return DATASETS[data.name].image_size or data.image_size


def image_channels(data: DataSection) -> int:
    """Channels of the images: the data set's own, for a folder the setting."""
    return DATASETS[data.name].channels or data.channels


def image_folder(data: DataSection, home: Home) -> Path:
    """The folder of the data set "folder"."""
    return data_root(data, home) / Path(data.folder or "").expanduser()


def held_out_folder(folder: Path) -> Path:
    """Its test images: test/ where there is one, else val/."""
    return folder / "test" if (folder / "test").is_dir() else folder / "val"


def class_names(split: Path) -> list[str]:
    """The classes of a split, in the order of their labels: its subfolders by name, hidden ones left out."""
    return sorted(entry.name for entry in split.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def class_count(data: DataSection, home: Home) -> int:
    """Number of classes: the data set's own, for a folder that of its train/."""
    return DATASETS[data.name].classes or len(class_names(image_folder(data, home) / "train"))


def data_problems(data: DataSection) -> list[Problem]:
    """What is wrong between the settings of a data section that are each fine alone."""
    problems = []
    if data.name == "folder" and data.folder is None:
        problems.append(
            Problem(
                key="data.folder",
                message='is not set, and data.name is "folder"',
                advice="name the folder that has train/ and test/",
            )
        )
    if data.channels == 2:
        problems.append(Problem(key="data.channels", message="2 is neither grey nor colour", advice="use 1 or 3"))
    return problems


def data_warnings(data: DataSection) -> list[str]:
    """Data settings that will silently do nothing."""
    changed = data.model_dump(exclude_defaults=True)
    options = {option for entry in DATASETS.values() for option in entry.options}
    unread = sorted(options & changed.keys() - set(DATASETS[data.name].options))
    warnings = [f"data.{option} has no effect on {data.name}" for option in unread]
    if data.extra is None and "extra_fraction" in changed:
        warnings.append("data.extra_fraction has no effect without data.extra")
    if data.extra is not None and data.extra_fraction == 0:
        warnings.append("data.extra has no effect while data.extra_fraction is 0")
    return warnings


def require_data(data: DataSection, home: Home) -> None:
    """Look whether the files of a data section are where they should be; opens none of them.

    Raises: MissingDataError saying what is missing, where it belongs and how to get it.
    """
    if data.name == "folder":
        _require_folder(image_folder(data, home))
    elif not data.download:
        _require_files(data, data_root(data, home))
    if data.extra is not None:
        extra = extra_file(data, home)
        if not extra.is_file():
            raise MissingDataError(
                f"data.extra: {extra} is not there (put the .npz of generated images there,"
                f" or name the folder it lies in with data.root or {DATA_VARIABLE})"
            )


def extra_file(data: DataSection, home: Home) -> Path:
    """The file of generated images."""
    return data_root(data, home) / Path(data.extra or "").expanduser()


def _require_files(data: DataSection, root: Path) -> None:
    entry = DATASETS[data.name]
    missing = [name for name in entry.files if not (root / name).exists()]
    if not missing:
        return
    download = ", or set data.download = true" if "download" in entry.options else ""
    raise MissingDataError(
        f"data.name: {entry.name} is not in {root}: {' and '.join(missing)} missing"
        f" ({entry.how}{download}, or name the folder it lies in with data.root or {DATA_VARIABLE})"
    )


def _require_folder(folder: Path) -> None:
    layout = "it needs train/ and test/ or val/, each with one folder of images per class"
    if not folder.is_dir():
        raise MissingDataError(
            f"data.folder: {folder} is no folder ({layout}; relative paths start at data.root or {DATA_VARIABLE})"
        )
    test = held_out_folder(folder)
    for name, split in (("train/", folder / "train"), ("test/ or val/", test)):
        if not split.is_dir():
            raise MissingDataError(f"data.folder: {folder} has no {name} ({layout})")
    classes = class_names(folder / "train")
    if len(classes) < 2:
        found = f"one class, {classes[0]!r}" if classes else "no class"
        raise MissingDataError(f"data.folder: {folder / 'train'} has {found} (two or more are needed; {layout})")
    unknown = sorted(set(class_names(test)) - set(classes))
    if unknown:
        raise MissingDataError(
            f"data.folder: {test} has classes that train/ does not have: {', '.join(map(repr, unknown[:5]))}"
            f"{', ...' if len(unknown) > 5 else ''} (both need the same names)"
        )
