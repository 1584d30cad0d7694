"""Image files to one array of levels, decoded once: later runs read the decoded copy."""

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from core.data.dataset import Geometry
from core.spec.atomic import replace_file
from core.spec.errors import TrainingError
from core.spec.plain_files import make_private

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
CHUNK = 500  # files per piece of work


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder by name, hidden ones and other files left out; empty when there is no folder."""
    if not folder.is_dir():
        return []
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_file() and not entry.name.startswith("."))
    return [folder / name for name in names if Path(name).suffix.lower() in IMAGE_SUFFIXES]


def decoded_images(paths: Sequence[Path], geometry: Geometry, cache: Path) -> Tensor:
    """The files as levels (N, C, H, W) uint8, 0 to 255, from `cache` when these very files were decoded before.

    Raises: TrainingError naming a file that cannot be decoded.
    """
    copy = cache / f"{_fingerprint(paths, geometry)}.npy"
    if copy.is_file():
        return torch.from_numpy(np.load(copy, allow_pickle=False))
    levels = decode(paths, geometry)
    make_private(cache)
    replace_file(copy, lambda file: np.save(file, levels))
    return torch.from_numpy(levels)


def decode(paths: Sequence[Path], geometry: Geometry) -> NDArray[np.uint8]:
    """The files as levels (N, C, H, W): made grey or RGB, the middle square brought to the image size.

    Raises: TrainingError naming a file that cannot be decoded.
    """
    side, mode = geometry.image_size, "L" if geometry.channels == 1 else "RGB"
    levels = np.empty((len(paths), geometry.channels, side, side), dtype=np.uint8)

    def fill(first: int) -> None:
        for number, path in enumerate(paths[first : first + CHUNK], first):
            pixels = _pixels(path, mode, side)
            levels[number] = pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for _ in pool.map(fill, range(0, len(paths), CHUNK)):
            pass  # what a thread raised is raised here
    return levels


def _pixels(path: Path, mode: str, side: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            converted = image.convert(mode)
        if converted.size != (side, side):
            converted = ImageOps.fit(converted, (side, side), Image.Resampling.BILINEAR)
        return np.asarray(converted)
    except Exception as error:
        raise TrainingError(
            f"data.name: {path} cannot be decoded as an image: {error} (repair or remove the file)"
        ) from error


def _fingerprint(paths: Sequence[Path], geometry: Geometry) -> str:
    """Changes with any file's name, size or time of change, with their order and with the wanted geometry."""
    digest = hashlib.sha256(f"1 {geometry.image_size} {geometry.channels}\n".encode())
    for path in paths:
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:24]
