"""All of CIFAR-10 packed as JPEG in one .npz, unpacked into a folder of images that any configuration can name.

    python benchmarks/cifar10_from_jpeg.py cifar10_jpeg.npz data/cifar10-jpeg [--train 10000] [--test 2000] [--load]
    igdm run configs/folder-resnet18.toml --set data.folder=cifar10-jpeg

The arrays: jpeg (all files one after another, uint8), offsets (where each begins, and the end), label, is_test and
classes. The files are written as they are, without decoding. A subset takes the first images of each class, equally
many. --load reads the result the way a run does, twice, and says how long that took and how much memory it held.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data import load_dataset
from core.spec.config import DataSection
from core.spec.home import Home


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="the .npz")
    parser.add_argument("target", type=Path, help="the folder to make")
    parser.add_argument("--train", type=int, help="training images, all without it")
    parser.add_argument("--test", type=int, help="test images, all without it")
    parser.add_argument("--load", action="store_true", help="read the result as a run does")
    options = parser.parse_args()
    if options.target.exists():
        parser.error(f"{options.target} exists already (name another folder, or remove it first)")
    began = time.perf_counter()
    written = unpack(options.source, options.target, {"train": options.train, "test": options.test})
    seconds = time.perf_counter() - began
    for split, count in written.items():
        print(f"{split:5s} {count:6,} images")
    print(f"written in {seconds:.1f} s")
    if options.load:
        measure_loading(options.target)


def unpack(source: Path, target: Path, wanted: dict[str, int | None]) -> dict[str, int]:
    """Write target/<split>/<class>/<number>.jpg; how many images each split got. The folder appears when complete."""
    with np.load(source, allow_pickle=False) as arrays:
        jpeg, offsets, labels = arrays["jpeg"].tobytes(), arrays["offsets"], arrays["label"]
        is_test, classes = arrays["is_test"].astype(bool), [str(name) for name in arrays["classes"]]
    partial = target.with_name(f".{target.name}.partial")
    written = {}
    for split, members in (("train", ~is_test), ("test", is_test)):
        for name in classes:
            (partial / split / name).mkdir(parents=True, exist_ok=True)
        chosen = first_of_each_class(np.flatnonzero(members), labels, len(classes), wanted[split])
        for number in chosen:
            path = partial / split / classes[labels[number]] / f"{number:05d}.jpg"
            path.write_bytes(jpeg[offsets[number] : offsets[number + 1]])
        written[split] = len(chosen)
    partial.rename(target)
    return written


def first_of_each_class(
    members: NDArray[np.intp], labels: NDArray[np.uint8], classes: int, count: int | None
) -> NDArray[np.intp]:
    """The first images of each class, as equally many as `count` allows; all of them for None."""
    if count is None:
        return members
    shares = [count // classes + (label < count % classes) for label in range(classes)]
    return np.concatenate([members[labels[members] == label][:share] for label, share in enumerate(shares)])


def measure_loading(target: Path) -> None:
    """Time and memory of reading the folder: decoded for the first time, then from the decoded copy."""
    home = Home.find()
    data = DataSection(name="folder", folder=str(target.resolve()), validation_fraction=0)
    for what in ("decoding", "decoded copy"):
        began = time.perf_counter()
        dataset = load_dataset(data, home)
        seconds = time.perf_counter() - began
        held = sum(part.levels.numel() for part in (dataset.train, dataset.validation, dataset.test))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        images = len(dataset.train) + len(dataset.test)
        print(f"{what:12s} {seconds:6.2f} s for {images:,} images, {held / 2**20:.0f} MiB held, peak {peak:.0f} MiB")


if __name__ == "__main__":
    main()
