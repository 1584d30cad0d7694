"""Opening files of weights and training states: as data, never as code, and only undamaged."""

import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import torch

WANTED = re.compile(r"\bGLOBAL ([\w.]{1,100})")  # what torch says that a pickle asked for beyond data


def load_data(path: Path, device: torch.device | str) -> Any:
    """What torch.save wrote; files of before torch 1.6 have no checksums and are read without.

    Raises: FileNotFoundError; ValueError when it holds more than data, saying what, or when a checksum is wrong, which
    torch.load itself does not look at: one bit turned over would go unseen as another weight; whatever torch raises for
    other damage.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise ValueError(f"it is damaged: the checksum of {damaged} is wrong")
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError as error:  # whose text advises to load it as code
        wanted = WANTED.search(str(error))
        if wanted is None:
            raise ValueError("it is damaged, or no file of torch.save") from error
        raise ValueError(f"it asks for {wanted[1]}, which is more than data and could run code: refused") from error
    except (EOFError, LookupError) as error:
        raise ValueError("it is damaged, or no file of torch.save") from error
