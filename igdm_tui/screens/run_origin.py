"""What the folder of a run says besides its events: run.json and the files of weights. For the reader's thread."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.errors import IgdmError
from core.spec.run_folder import RunFolder

if TYPE_CHECKING:
    from igdm_tui.store import Series

TAIL_BYTES = 256 * 1024
CHECKPOINTS = {"last.pt": "last", "best.pt": "best", "previous.pt": "previous"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A file of weights. epoch: when known; written_at: UTC ISO text; size in bytes."""

    name: str
    epoch: int | None
    size: int
    written_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What run.json and the folder of a run say. card: {} when it cannot be read."""

    card: dict[str, Any]
    checkpoints: tuple[Checkpoint, ...]


def read_origin(folder: Path, best: "Series | None") -> Origin:
    """Read run.json, the sizes of checkpoints, and the newest events about them. best: validation accuracy by epoch."""
    run = RunFolder(folder)
    try:
        card = run.read_run_json()
    except IgdmError:
        card = {}
    epochs = _saved_epochs(run.events)
    known = {"last.pt": epochs[-1] if epochs else None, "previous.pt": epochs[-2] if len(epochs) > 1 else None}
    if best is not None and len(best):
        known["best.pt"] = int(best.epochs[max(range(len(best)), key=lambda place: (best.values[place], -place))])
    found = []
    for file, name in CHECKPOINTS.items():
        try:
            status = (run.checkpoints / file).stat()
        except OSError:
            continue
        when = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="seconds")
        found.append(Checkpoint(name=name, epoch=known.get(file), size=status.st_size, written_at=when))
    return Origin(card=card if isinstance(card, dict) else {}, checkpoints=tuple(found))


def _saved_epochs(events: Path) -> list[int]:
    """Epochs of the newest checkpoint events, from the end of the file; a line that is torn or none is passed over."""
    try:
        with events.open("rb") as file:
            file.seek(max(file.seek(0, 2) - TAIL_BYTES, 0))
            lines = [line for line in file.read(TAIL_BYTES).split(b"\n") if b'"type":"checkpoint"' in line]
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(int(json.loads(line)["epoch"]))
        except (ValueError, KeyError, TypeError):
            continue
    return found
