"""Opening files of weights and training states: as data, never as code, and only undamaged."""

import zipfile
from pathlib import Path
from typing import Any

import torch


def load_data(path: Path, device: torch.device | str) -> Any:
    """What torch.save wrote; files of before torch 1.6 have no checksums and are read without.

    Raises: FileNotFoundError; ValueError when a checksum is wrong, which torch.load itself does not look at: one bit
    turned over would go unseen as another weight; whatever torch raises for other damage and for more than data.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"it is damaged: the checksum of {damaged} is wrong")
    return torch.load(path, map_location=device, weights_only=True)
