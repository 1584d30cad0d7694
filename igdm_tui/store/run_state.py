"""The row of a run while its events are read: loaded, changed event by event, saved with the new position."""

import json
import sqlite3
from dataclasses import astuple, dataclass, fields
from typing import Any, Self

from core.spec.errors import IgdmError
from core.spec.run_folder import RunFolder
from igdm_tui.store.labels import read_labels

# Where warnings about run.json and labels.json stand: before every line of events.jsonl.
CARD_POSITION, LABELS_POSITION = -1, -2
RUN_TABLES = ("summary", "evaluations", "stage_progress", "measurements", "run_teachers", "warnings", "series")


@dataclass(slots=True)
class RunState:
    """Columns of `runs` that events change; the meanings stand with the table's migration."""

    key: int
    position: int
    started_t: float | None
    attempt: int
    device: str
    epochs: int
    steps_per_epoch: int
    epoch: int
    step: int
    phase: str
    attack: str
    attack_stage: str
    attack_progress: float
    ended: str
    error: str
    before_s: float
    attempt_m: float | None
    last_m: float | None
    last_t: float | None
    evaluating: str

    @classmethod
    def load(cls, connection: sqlite3.Connection, run_id: str) -> Self:
        """The run's row, made when there is none."""
        row = connection.execute(_SELECT, (run_id,)).fetchone()
        if row is None:
            connection.execute("INSERT INTO runs (id) VALUES (?)", (run_id,))
            row = connection.execute(_SELECT, (run_id,)).fetchone()
        return cls(*row)

    def save(self, connection: sqlite3.Connection) -> None:
        """Write every column back."""
        connection.execute(_UPDATE, (*astuple(self), self.key))

    def elapsed_s(self, m: float) -> float:
        """Seconds of the run at a moment of the writer's monotonic clock, over all attempts."""
        return self.before_s if self.attempt_m is None else self.before_s + max(m - self.attempt_m, 0.0)

    def begin_attempt(self, m: float) -> None:
        """A worker starts; one that was killed before lasted until its newest event."""
        if self.last_m is not None:
            self.end_attempt(self.last_m)
        self.attempt_m = m

    def end_attempt(self, m: float) -> None:
        """The worker is done."""
        self.before_s = self.elapsed_s(m)
        self.attempt_m = None


_COLUMNS = ", ".join(entry.name for entry in fields(RunState))
_SELECT = f"SELECT {_COLUMNS} FROM runs WHERE id = ?"
_UPDATE = f"UPDATE runs SET {', '.join(f'{entry.name} = ?' for entry in fields(RunState))} WHERE key = ?"


def forget_events(connection: sqlite3.Connection, run_id: str) -> None:
    """Drop all that was read of a run: its event file was replaced by a shorter one, or there is no such run."""
    (key,) = connection.execute("SELECT key FROM runs WHERE id = ?", (run_id,)).fetchone()
    connection.execute("DELETE FROM points WHERE series IN (SELECT key FROM series WHERE run = ?)", (key,))
    for table in RUN_TABLES:
        connection.execute(f"DELETE FROM {table} WHERE run = ?", (key,))
    connection.execute("DELETE FROM runs WHERE key = ?", (key,))


def read_card(connection: sqlite3.Connection, folder: RunFolder, key: int, stamp: str) -> None:
    """Read run.json and labels.json into the run's row; damage becomes a warning that goes when a file is mended."""
    connection.execute("DELETE FROM warnings WHERE run = ? AND position < 0", (key,))
    columns: dict[str, Any] = {"name": folder.run_id, "card": stamp, "tags": "[]", "note": "", "archived": 0}
    for place, read in ((CARD_POSITION, card_columns), (LABELS_POSITION, label_columns)):
        try:
            columns |= read(folder)
        except IgdmError as error:
            connection.execute("INSERT INTO warnings VALUES (?, ?, ?)", (key, place, storable(str(error))))
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(f"UPDATE runs SET {assignments} WHERE key = ?", (*columns.values(), key))


def label_columns(folder: RunFolder) -> dict[str, Any]:
    """What labels.json says, as columns; without the file, that nothing was said.

    Raises: IgdmError when it is damaged.
    """
    labels = read_labels(folder)
    tags = json.dumps([storable(tag) for tag in labels.tags])
    return {"tags": tags, "note": storable(labels.note), "archived": int(labels.archived)}


def card_columns(folder: RunFolder) -> dict[str, Any]:
    """What run.json says, as columns.

    Raises: IgdmError when it is no card of a run.
    """
    card: Any = folder.read_run_json()
    run_id = folder.run_id
    settings = card.get("settings") if isinstance(card, dict) else None
    if not isinstance(settings, dict):
        raise IgdmError(f"runs/{run_id}/run.json: holds no settings (the run is shown without them)")

    def setting(kind: type, *path: str) -> Any:
        value: Any = settings
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, kind) and not isinstance(value, bool) else kind()

    def network(section: str) -> str:
        model = setting(str, section, "model")
        return f"{model}{setting(int, section, 'width') or ''}" if model == "resnet" else model

    seed = setting(int, "runtime", "seed")
    source = setting(str, "teacher", "source")
    teacher = setting(str, "teacher", "published") if source == "published" else source
    alpha = setting(float, "igdm", "alpha") or setting(int, "igdm", "alpha")
    return {
        "name": storable(str(card.get("name") or run_id)),
        "settings_hash": storable(str(card.get("settings_hash") or "")),
        "seed": seed if abs(seed) < 2**63 else 0,
        "dataset": storable(setting(str, "data", "name")),
        "teacher": storable(network("teacher") if source in ("train", "") else teacher),
        "student": storable(network("student")),
        "method": "none" if setting(str, "evaluation", "checkpoint_file") else storable(setting(str, "method", "name")),
        "igdm_alpha": float(min(alpha, 1e300)),
        "created_at": storable(str(card.get("created_at") or "")),
        "settings": json.dumps(settings),
    }


def storable(text: str) -> str:
    """Text that SQLite takes: lone surrogates become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
