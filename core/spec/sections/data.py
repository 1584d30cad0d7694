"""Settings of the images."""

from pydantic import Field

from core.spec.sections.base import DatasetName, Section


class DataSection(Section):
    """Which images, and how they are split and augmented."""

    name: DatasetName = "digits"
    """Data set by name. Default: the handwritten digits that come with scikit-learn."""
    root: str | None = Field(default=None, min_length=1)
    """Folder that holds the data sets, where it is not in the usual place. ~ is your own folder; a relative path starts
    at the home. None: the variable IGDM_DATA, else data/ in the home. Says where, not what: no part of any hash."""
    download: bool = False
    """Fetch a missing CIFAR or SVHN into the root first. Default: say what is missing and how to get it."""
    folder: str | None = Field(default=None, min_length=1)
    """Data set "folder": its folder with train/ and test/ (or val/), each with one folder of images per class;
    relative to the root. Teachers are cached by this name, so give changed images another one."""
    image_size: int = Field(default=32, ge=4, le=512)
    """Data set "folder": side in pixels to which images are brought, by cutting out the middle square. 4 to 512."""
    channels: int = Field(default=3, ge=1, le=3)
    """Data set "folder": 3 for colour, 1 for grey."""
    extra: str | None = Field(default=None, min_length=1)
    """Generated images with pseudo labels for training, never for tests: an .npz with `image` (N, H, W, C) uint8 and
    `label` (N,), as the public DM-Improves-AT sets; relative to the root. None: none."""
    extra_fraction: float = Field(default=0.7, ge=0, le=1)
    """Share of every batch drawn from `extra`; an epoch keeps its number of steps. In [0, 1]; 0.7 (DM-Improves-AT)."""
    test_fraction: float = Field(default=0.2, gt=0, lt=0.5)
    """Share of images kept for the test set, where the data set has no test set of its own. In (0, 0.5)."""
    validation_fraction: float = Field(default=0.1, ge=0, lt=0.5)
    """Share of the training images held out for validation. In [0, 0.5); 0 trains on all of them."""
    split_seed: int = Field(default=0, ge=0)
    """Seed of the split: runs that differ only in their own seed share the same images. 0 or more."""
    random_crop_padding: int = Field(default=0, ge=0, le=16)
    """Pixels of zero padding before a random crop back to size; 0 is off. CIFAR recipes use 4 (ICLR App. B.1)."""
    horizontal_flip: bool = False
    """Flip half of the training images left to right. CIFAR recipes do (ICLR App. B.1); digits must not."""
