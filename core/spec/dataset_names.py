"""Names that `data.name` takes: what each data set is, and where one gets it. No torch."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetEntry:
    """One data set: its geometry is known before it is loaded.

    image_size: side in pixels; channels and classes are counts. 0 for the folder, whose settings and subfolders say it.
    files: what must lie in the data root; how: where one gets it. options: keys of the `data` section that only some
    data sets read, and this one does.
    """

    name: str
    title: str
    summary: str
    image_size: int = 0
    channels: int = 0
    classes: int = 0
    files: tuple[str, ...] = ()
    how: str = ""
    options: tuple[str, ...] = ()


DATASETS = {
    entry.name: entry
    for entry in (
        DatasetEntry(
            name="digits",
            title="Digits",
            summary="1,797 real handwritten digits, 8x8 grey; ships with scikit-learn",
            image_size=8,
            channels=1,
            classes=10,
            options=("test_fraction",),
        ),
        DatasetEntry(
            name="cifar-10",
            title="CIFAR-10",
            summary="50,000 + 10,000 photographs, 32x32 colour, 10 classes",
            image_size=32,
            channels=3,
            classes=10,
            files=("cifar-10-batches-py",),
            how="unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz there",
            options=("download",),
        ),
        DatasetEntry(
            name="cifar-100",
            title="CIFAR-100",
            summary="50,000 + 10,000 photographs, 32x32 colour, 100 classes",
            image_size=32,
            channels=3,
            classes=100,
            files=("cifar-100-python",),
            how="unpack https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz there",
            options=("download",),
        ),
        DatasetEntry(
            name="svhn",
            title="SVHN",
            summary="73,257 + 26,032 house numbers, 32x32 colour, 10 classes",
            image_size=32,
            channels=3,
            classes=10,
            files=("train_32x32.mat", "test_32x32.mat"),
            how="get both files from http://ufldl.stanford.edu/housenumbers/",
            options=("download",),
        ),
        DatasetEntry(
            name="tiny-imagenet",
            title="Tiny-ImageNet",
            summary="100,000 + 10,000 photographs, 64x64 colour, 200 classes; its validation images are the test set",
            image_size=64,
            channels=3,
            classes=200,
            files=(
                "tiny-imagenet-200/train",
                "tiny-imagenet-200/val/images",
                "tiny-imagenet-200/val/val_annotations.txt",
            ),
            how="unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there",
        ),
        DatasetEntry(
            name="folder",
            title="Folder of images",
            summary="your own: train/ and test/ (or val/) in data.folder, each with one folder of images per class",
            options=("folder", "image_size", "channels"),
        ),
    )
}
