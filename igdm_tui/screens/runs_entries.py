"""The lines of the Runs screen: a run, or several runs of one experiment as one line that unfolds."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from igdm_tui.store.filter_keys import as_text, setting_reader
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

EXPERIMENT = "experiment"  # grouped by settings hash: everything that changes numbers but the seed
GOING = ("running", "queued")
STATUS_ORDER = ("running", "queued", "failed", "lost", "stopped", "finished")


class Mean(NamedTuple):
    """A metric over runs. std: sample standard deviation, None for one run."""

    value: float
    std: float | None
    n: int


@dataclass(slots=True, eq=False)
class Entry:
    """One line. row: the run, or the newest run of a group. members: the runs of a group, () for a run.

    label: what a group is called; of a run in an open experiment its seed. depth: 1 for a run inside an open group.
    """

    row: "RunRow"
    key: str
    members: "tuple[RunRow, ...]" = ()
    label: str = ""
    depth: int = 0
    is_open: bool = False
    _means: dict[str, Mean | None] = field(default_factory=dict)
    _finished: int = -1
    _status: str = ""

    @property
    def id(self) -> str:
        """The id of the run; for a group its key."""
        return self.key

    @property
    def is_group(self) -> bool:
        """True for several runs."""
        return bool(self.members)

    @property
    def runs(self) -> "tuple[RunRow, ...]":
        """All runs that this line stands for."""
        return self.members or (self.row,)

    def unfolded(self) -> "list[Entry]":
        """The runs of a group as lines of their own: by their seed where nothing else tells them apart."""
        return [
            Entry(run, run.id, depth=1, label=f"seed {run.seed}" if name_without_seed(run) == self.label else "")
            for run in self.members
        ]

    @property
    def finished(self) -> int:
        """How many of them are finished; counted once, as a group may have a thousand runs."""
        if self._finished < 0:
            self._finished = sum(run.status == "finished" for run in self.runs)
        return self._finished

    @property
    def status(self) -> str:
        """The run's status; of a group the one that most wants to be seen."""
        if not self.members:
            return self.row.status
        if not self._status:
            self._status = min({run.status for run in self.members}, key=_urgency)
        return self._status

    def mean(self, name: str) -> Mean | None:
        """A metric: of a run as it stands, of a group over its finished runs; None where it was not measured."""
        if name not in self._means:
            self._means[name] = self._mean(name)
        return self._means[name]

    def _mean(self, name: str) -> Mean | None:
        if not self.members:
            value = self.row.metrics.get(name)
            return None if value is None else Mean(value, None, 1)
        values = [run.metrics[name] for run in self.members if run.status == "finished" and name in run.metrics]
        if not values:
            return None
        mean = math.fsum(values) / len(values)
        if len(values) == 1:
            return Mean(mean, None, 1)
        return Mean(mean, math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)), len(values))

    def common(self, read: "Callable[[RunRow], Any]") -> Any:
        """What all runs have alike under a key; None where they differ."""
        first = read(self.row)
        return first if all(read(run) == first for run in self.members) else None


def _urgency(status: str) -> int:
    return STATUS_ORDER.index(status) if status in STATUS_ORDER else len(STATUS_ORDER)


def group_runs(rows: "Sequence[RunRow]", by: Sequence[str], opened: "set[str]") -> list[Entry]:
    """One entry per group, in the order of their first run; a run that is alone is a run.

    by: keys of settings, or EXPERIMENT; nothing: no groups. opened: keys of groups that are unfolded.
    """
    if not by:
        return [Entry(row, row.id) for row in rows]
    read = group_reader(by)
    groups: dict[Any, list[RunRow]] = {}
    for row in rows:
        groups.setdefault(read(row), []).append(row)
    if list(by) == [EXPERIMENT]:
        return [
            _group(f"={value}", tuple(members), experiment_label(members), opened) for value, members in groups.items()
        ]
    return [
        _group(f"={value}", tuple(members), _settings_label(by, value), opened, alone=True)
        for value, members in groups.items()
    ]


def _group(key: str, members: "tuple[RunRow, ...]", label: str, opened: set[str], *, alone: bool = False) -> Entry:
    if len(members) == 1 and not alone:
        return Entry(members[0], members[0].id)
    newest = max(members, key=lambda row: row.created_at or "")
    return Entry(newest, key, members, label, is_open=key in opened)


def group_reader(by: Sequence[str]) -> "Callable[[RunRow], Any]":
    """What runs of one group have in common."""
    if list(by) == [EXPERIMENT]:
        return lambda row: row.settings_hash or row.id
    readers = [_field_reader(name) for name in by]
    return lambda row: tuple(as_text(value) if (value := read(row)) is not None else "–" for read in readers)


def _field_reader(name: str) -> "Callable[[RunRow], Any]":
    if name == EXPERIMENT:
        return lambda row: row.settings_hash
    return (lambda row: getattr(row, name)) if name in GROUP_FIELDS else setting_reader(name)


GROUP_FIELDS = ("status", "dataset", "teacher", "student", "method", "igdm_alpha", "seed", "device")


def experiment_label(members: "Sequence[RunRow]") -> str:
    """What the runs of one experiment are called together: their name without the seed."""
    names = [name_without_seed(row) for row in members]
    return names[0] if len(set(names)) == 1 else f"{names[0]} …"


def name_without_seed(row: "RunRow") -> str:
    """A run's name without " s0" at its end."""
    return plain(row.name).removesuffix(f" s{row.seed}")


def _settings_label(by: Sequence[str], values: Sequence[str]) -> str:
    """ "alpha=10 · student=resnet16"."""
    return " · ".join(f"{short_key(name)}={plain(value)}" for name, value in zip(by, values, strict=True))


def short_key(path: str) -> str:
    """The last part of a setting's path, with its section where the part alone says little."""
    *sections, last = path.split(".")
    return f"{sections[-1]}.{last}" if last in ("name", "model", "width", "source", "epsilon") and sections else last


class Difference:
    """How runs differ from one of them, said in settings; remembered, because rows are drawn again and again."""

    def __init__(self, anchor: "RunRow") -> None:
        self.anchor = anchor
        self._known: dict[str, list[tuple[str, Any, Any]]] = {}

    def of(self, entry: Entry) -> list[tuple[str, Any, Any]]:
        """(setting, the anchor's value, its own value), for a group without seed and device."""
        found = self._known.get(entry.key)
        if found is None:
            leave_out = {"name"} if not entry.is_group else {"name", "runtime.seed", "runtime.device"}
            found = [each for each in _differing(self.anchor.settings, entry.row.settings) if each[0] not in leave_out]
            self._known[entry.key] = found
        return found

    def text(self, entry: Entry) -> str:
        """ "alpha 10 → 20 · num_epochs 30 → 60", or that nothing differs."""
        if entry.key == self.anchor.id:
            return "◂ this run; below is what others do differently"
        found = self.of(entry)
        if not found:
            return "the same settings"
        return " · ".join(
            f"{short_key(key)} {_shown(key, before)} → {_shown(key, after)}" for key, before, after in found
        )


def _differing(before: Mapping[str, Any], after: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any, Any]]:
    """Settings with two values; sections that are equal are passed over at once."""
    found: list[tuple[str, Any, Any]] = []
    for key in dict.fromkeys([*before, *after]):
        here, there = before.get(key), after.get(key)
        if here == there:
            continue
        if isinstance(here, dict) or isinstance(there, dict):
            one, other = (value if isinstance(value, dict) else {} for value in (here, there))
            found += _differing(one, other, f"{prefix}{key}.")
        else:
            found.append((f"{prefix}{key}", here, there))
    return found


def _shown(key: str, value: Any) -> str:
    from core.spec.toml_text import plain_value

    return "unset" if value is None else plain(as_text(plain_value(key, value)), 24)
