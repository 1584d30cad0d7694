"""Training states on disk: written aside, flushed, renamed; the previous one kept; loaded as data, never as code."""

import os
from pathlib import Path
from typing import Any

import torch

from core.spec.atomic import replace_file
from core.spec.errors import TrainingError
from core.spec.plain_files import make_private
from core.stored import load_data

FORMAT = 1
LAST, PREVIOUS, BEST = "last.pt", "previous.pt", "best.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> Path:
    """Save a state as last.pt, keeping what was there as previous.pt; at every moment one complete file exists."""
    make_private(folder)
    last, previous = folder / LAST, folder / PREVIOUS
    if last.exists():
        spare = folder / f".{PREVIOUS}.tmp"
        spare.unlink(missing_ok=True)
        os.link(last, spare)
        spare.replace(previous)
    write_state(last, state)
    return last


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Write one file by rename, making its folder.

    Raises: OSError when the disk does not take it; what was there stays.
    """
    make_private(path.parent)
    try:
        replace_file(path, lambda file: torch.save({"format": FORMAT, **state}, file))
    except (OSError, RuntimeError) as error:
        refused = _refusal(error)
        if refused is None:
            raise
        raise OSError(refused.errno, refused.strerror, str(path)) from error


def _refusal(error: BaseException | None) -> OSError | None:
    """The disk's refusal behind an error of torch, which puts one of its own in the place of it."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def load_checkpoint(folder: Path, *, device: torch.device) -> tuple[dict[str, Any], list[str]] | None:
    """The newest state that can be read, with a warning for each that could not; None when there is none at all.

    Raises: TrainingError when files are there but none can be read.
    """
    warnings: list[str] = []
    for name in (LAST, PREVIOUS):
        path = folder / name
        if not path.exists():
            continue
        try:
            return read_state(path, device=device), warnings
        except TrainingError as error:
            warnings.append(str(error))
    if warnings:
        raise TrainingError(
            "; ".join(warnings) + f" (nothing to resume from; start anew: igdm run {folder.parent / 'config.toml'})"
        )
    return None


def read_state(path: Path, *, device: torch.device) -> dict[str, Any]:
    """Load one file as data.

    Raises: TrainingError naming the file when it is truncated, damaged, of a newer form, or holds more than data.
    """
    try:
        state: dict[str, Any] = load_data(path, device)
        form = state["format"]
    except Exception as error:
        reason = str(error).splitlines()[0].split(". ")[0] if str(error) else type(error).__name__
        raise TrainingError(f"{path}: this checkpoint cannot be read: {reason}") from error
    if form > FORMAT:
        raise TrainingError(
            f"{path}: written by a newer igdm-tui (form {form}, this one reads {FORMAT}): upgrade igdm-tui"
        )
    return state
