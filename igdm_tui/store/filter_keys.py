"""What a filter may ask about: columns of a run, metrics, and every setting by its path or its last part."""

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from core.spec.catalogue import DATASETS, METHODS, METRICS
from igdm_tui.store.rows import RunRow

STATUSES = ("running", "queued", "finished", "stopped", "failed", "lost")
NUMBERS = ("seed", "igdm_alpha", "elapsed_s", "epoch", "epochs", "attempt", "progress", "age")
SECONDS = ("elapsed_s", "age")
FIELDS = (
    "id", "name", "status", "tag", "note", "archived", "seed", "dataset", "teacher", "student", "method", "igdm_alpha",
    "settings_hash", "created_at", "started_at", "elapsed_s", "age", "epoch", "epochs", "progress", "device", "stage",
    "attempt", "error",
)  # fmt: skip
ALIASES = {"tags": "tag", "hash": "settings_hash", "elapsed": "elapsed_s", "created": "created_at", "notes": "note"}


@dataclass(frozen=True, slots=True)
class Key:
    """One thing to ask about. read: its value in a run, None where there is none."""

    name: str
    read: Callable[[RunRow], Any]
    is_number: bool = False

    @property
    def is_seconds(self) -> bool:
        """Its values are seconds: 2d and 1.5h are understood."""
        return self.name in SECONDS


class UnknownKeyError(Exception):
    """A key that no run has, or that may mean several settings."""

    def __init__(self, reason: str, advice: str) -> None:
        self.reason, self.advice = reason, advice
        super().__init__(f"{reason} ({advice})")


class Vocabulary:
    """Every key that some runs have. Made in milliseconds for thousands of runs, because their shapes are few."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        self.rows = rows
        self.metrics = _metric_names(rows)
        self._short = {alias: name for name in self.metrics for alias in metric_aliases(name)}
        self.settings = _setting_paths(rows)

    def names(self) -> list[str]:
        """All full names, in the order in which a person is likely to want them."""
        return [*FIELDS, *self.metrics, *(path for path in self.settings if path not in FIELDS)]

    def resolve(self, word: str) -> Key:
        """The key that a word means: a column, a metric, a setting's path or the last part of just one path.

        Raises: UnknownKeyError with the nearest names.
        """
        name = ALIASES.get(word.lower(), word)
        for form in dict.fromkeys((name, name.lower())):
            if form in FIELDS:
                return Key(form, _FIELD_READERS.get(form) or attrgetter(form), form in NUMBERS)
            if form in self.metrics:
                return _metric_key(form)
            if form in self.settings:
                return self._setting_key(form)
        if name.lower() in self._short:
            return _metric_key(self._short[name.lower()])
        paths = [path for path in self.settings if path.endswith(f".{name}")]
        if not paths:
            known = _known_settings()
            paths = [name] if name in known else [path for path in known if path.endswith(f".{name}")]
        if len(paths) == 1:
            return self._setting_key(paths[0])
        if paths:
            shown = ", ".join(paths[:5]) + (", ..." if len(paths) > 5 else "")
            raise UnknownKeyError(f"{word!r} may mean several settings", f"write one of {shown}")
        near = self.nearest(word)
        hint = f"did you mean {near}?" if near else "columns, metrics and settings are known: igdm ls --json shows them"
        raise UnknownKeyError(f"no run has {word!r}", hint)

    def nearest(self, word: str) -> str:
        """The name most like a word: whole names first, then last parts of settings; "" when none is."""
        names = [*self.names(), *_known_settings()]
        last = {path.rsplit(".", 1)[-1]: path for path in reversed(names)}
        near = nearest(word, names) or last.get(word.rsplit(".", 1)[-1], "")
        return near or last.get(nearest(word.rsplit(".", 1)[-1], last), "")

    def choices(self, key: Key) -> tuple[str, ...]:
        """The values of a key of which all are known; () for any other."""
        known: dict[str, Iterable[str]] = {"status": STATUSES, "method": METHODS, "dataset": DATASETS}
        if key.name not in known:
            return ()
        return tuple(dict.fromkeys([*known[key.name], *(str(key.read(row)) for row in self.rows)]))

    def values(self, key: Key, *, most: int = 50) -> list[str]:
        """Values that runs have under a key, the most frequent first: for completion."""
        counts: dict[str, int] = {}
        for row in self.rows:
            value = key.read(row)
            for entry in value if isinstance(value, tuple) else (value,):
                if entry is not None and entry != "":
                    text = as_text(entry)
                    counts[text] = counts.get(text, 0) + 1
        found = sorted(counts, key=lambda text: (-counts[text], text))[:most]
        return found or list(self.choices(key))

    def _setting_key(self, path: str) -> Key:
        read = setting_reader(path)
        sample = next((value for row in self.rows if (value := read(row)) is not None), None)
        return Key(path, read, isinstance(sample, int | float) and not isinstance(sample, bool))


def setting_reader(path: str) -> Callable[[RunRow], Any]:
    """Reads a setting by its path. A run made before the setting was known went by its default."""
    parts = path.split(".")

    def read(row: RunRow) -> Any:
        value: Any = row.settings
        for part in parts:
            if not isinstance(value, dict) or part not in value:
                return _defaults().get(path) if row.settings else None
            value = value[part]
        return value

    return read


def metric_aliases(name: str) -> list[str]:
    """Shorter words for a metric: its name without "_accuracy", and its column's title."""
    title = METRICS[name].title.lower().replace(" ", "_") if name in METRICS else name
    return [alias for alias in (name.removesuffix("_accuracy"), title) if alias != name]


def as_number(value: Any) -> float | None:
    """A number, also from "8/255"; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    from fractions import Fraction

    try:
        return float(Fraction(value)) if isinstance(value, str) and len(value) < 40 else None
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def as_text(value: Any) -> str:
    """A value as it is written in a filter: true, 0.5, [20,26], text as it is."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{','.join(as_text(entry) for entry in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word most like this one, "" when none is."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1)
    return near[0] if near else ""


def _metric_key(name: str) -> Key:
    return Key(name, lambda row: row.metrics.get(name), is_number=True)


def _metric_names(rows: Sequence[RunRow]) -> list[str]:
    shapes = {tuple(row.metrics) for row in rows}
    return list(dict.fromkeys([*METRICS, *(name for shape in shapes for name in shape)]))


def _setting_paths(rows: Sequence[RunRow]) -> dict[str, None]:
    """Dotted paths of all settings that some run has, two or three levels deep, in the order of the form."""
    seen: set[tuple[tuple[str, ...], ...]] = set()
    paths: dict[str, None] = {}

    def visit(settings: dict[str, Any], prefix: str) -> None:
        for name, value in settings.items():
            if isinstance(value, dict):
                visit(value, f"{prefix}{name}.")
            else:
                paths[f"{prefix}{name}"] = None

    for row in rows:
        shape = (tuple(row.settings), *(tuple(value) for value in row.settings.values() if isinstance(value, dict)))
        if shape not in seen:
            seen.add(shape)
            visit(row.settings, "")
    return paths


@lru_cache(maxsize=1)
def _defaults() -> dict[str, Any]:
    """Every setting at its default. Imports pydantic: only asked for what runs do not say themselves."""
    from core.spec.config import RunConfig
    from core.spec.identity import flatten

    return flatten(RunConfig().model_dump(mode="json"))


def _known_settings() -> list[str]:
    return list(_defaults())


def _age_s(row: RunRow) -> float | None:
    try:
        then = datetime.fromisoformat(row.created_at or "")
    except ValueError:
        return None
    return time.time() - (then if then.tzinfo else then.replace(tzinfo=UTC)).timestamp()


_FIELD_READERS: dict[str, Callable[[RunRow], Any]] = {"tag": attrgetter("tags"), "age": _age_s}
