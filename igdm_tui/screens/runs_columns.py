"""The columns of the Runs screen: which there are, what each says of a run or a group, and which are shown."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.spec.catalogue import METRICS
from igdm_tui.numbers import age, duration, percent, since
from igdm_tui.palette import STATUS_GLYPHS
from igdm_tui.screens.runs_entries import STATUS_ORDER, Difference, Entry, short_key
from igdm_tui.store.filter_keys import as_number, as_text, setting_reader
from igdm_tui.widgets.run_table import (
    LISTED_METRICS,
    PROGRESS_WIDTH,
    STATUS_TONES,
    metric_text,
    progress_text,
    seconds_left,
    status_text,
)
from igdm_tui.widgets.table import Column
from igdm_tui.widgets.text import bar, plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

EntryColumn = Column[Entry]
PINNED = ("mark", "status", "name")
USUAL = (
    "method", "alpha", "student", "seed", "progress", "left", "curve", *LISTED_METRICS, "tags", "age",
)  # fmt: skip
# Columns with more weight stay when the screen is narrow.
WEIGHTS = dict(zip(LISTED_METRICS, (85, 75, 95, 70, 80), strict=True))
VARIES = "·"
SETTING_WIDTHS = (6, 14)
CURVE_WIDTH = 8
GROUP_WIDTH = 11  # 72.22 ±0.31
MOST_MEASURED = 200
CURVE_METRICS = ("validation_pgd_accuracy", "validation_clean_accuracy")


class Shown:
    """What columns look at beside the entry itself; the table changes it, the columns stay.

    marked: ids of runs with a mark. curves: small curves by run id. difference: set while only differences are shown.
    """

    def __init__(self) -> None:
        self.marked: set[str] = set()
        self.curves: Mapping[str, str] = {}
        self.difference: Difference | None = None
        self.metric_widths: dict[str, int] = {}


def run_columns(shown: Shown, chosen: Sequence[str] = USUAL) -> list[EntryColumn]:
    """The pinned columns and the chosen ones, in the order of choice; names that mean nothing are passed over."""
    known = _known_columns(shown)
    columns = [known[key] for key in PINNED]
    if shown.difference is not None:
        columns[2] = _name_column(18, widest=0)
        columns.append(_difference_column(shown.difference))
        metrics = sorted((key for key in chosen if key in METRICS), key=lambda key: -WEIGHTS.get(key, 0))
        chosen = metrics[:1]
    for key in chosen:
        if key in known:
            columns.append(known[key])
        elif key in METRICS:
            columns.append(_metric_column(key, shown))
        elif key.count("."):
            columns.append(_setting_column(key))
    return columns


def column_choices(settings: Sequence[str], metrics: Sequence[str]) -> list[tuple[str, str]]:
    """(key, what it shows) of every column that can be chosen."""
    usual = [(key, HELP.get(key) or METRICS[key].summary) for key in USUAL]
    others = [(key, HELP[key]) for key in HELP if key not in USUAL]
    measured = [(name, METRICS[name].summary) for name in metrics if name in METRICS and name not in USUAL]
    return [*usual, *others, *measured, *((path, "setting") for path in settings if "." in path)]


HELP = {
    "method": "method of the outer minimisation",
    "alpha": "weight of the IGDM term",
    "student": "student network",
    "seed": "seed of the run",
    "progress": "what it does now and how far it is",
    "left": "time left, if it goes on as it has",
    "curve": "robust accuracy on the validation split over the epochs, each run by its own range",
    "tags": "tags",
    "age": "time since it was described",
    "teacher": "teacher network or source",
    "dataset": "data set",
    "note": "first line of the note",
    "took": "time over all attempts",
    "device": "where it runs or ran",
    "id": "identifier",
}


def _known_columns(shown: Shown) -> dict[str, EntryColumn]:
    columns = [
        Column(key="mark", title="", width=1, pinned=True, text=lambda e: _mark(e, shown.marked)),
        Column(
            key="status", title="status", width=10, pinned=True, text=_status, tone=_status_tone,
            order=lambda e: STATUS_ORDER.index(e.status) if e.status in STATUS_ORDER else 9,
        ),
        _name_column(22, widest=44),
        _text_column("method", 8, 60, lambda row: row.method),
        Column(
            key="alpha", title="alpha", width=5, weight=65, right=True, text=_alpha,
            order=lambda e: e.row.igdm_alpha, tone=lambda e: "" if e.row.igdm_alpha else "dim",
        ),
        _text_column("student", 10, 40, lambda row: row.student),
        _text_column("teacher", 12, 39, lambda row: row.teacher),
        _text_column("dataset", 10, 38, lambda row: row.dataset),
        _text_column("device", 8, 20, lambda row: row.device),
        _text_column("id", 8, 20, lambda row: row.id),
        Column(key="seed", title="seed", width=5, weight=50, right=True, text=_seeds, order=lambda e: e.row.seed),
        Column(
            key="progress", title="progress", width=PROGRESS_WIDTH, weight=90, text=_progress, order=_progress_share,
            tone=lambda e: "" if e.status == "running" else "dim",
        ),
        Column(key="left", title="left", width=5, weight=55, right=True, text=_left_text, order=_left),
        Column(
            key="curve", title="robust", width=CURVE_WIDTH, weight=58, tone=lambda e: "busy",
            text=lambda e: shown.curves.get(e.row.id, ""),
        ),
        Column(
            key="tags", title="tags", width=10, weight=35, text=lambda e: plain(" ".join(_tags(e))),
            order=lambda e: " ".join(_tags(e)).casefold() or None, tone=lambda e: "accent",
        ),
        Column(
            key="note", title="note", width=20, weight=33, text=lambda e: plain(e.row.note.strip().split("\n")[0]),
            order=lambda e: e.row.note.casefold() or None, tone=lambda e: "dim",
        ),
        Column(
            key="took", title="took", width=5, weight=25, right=True, tone=lambda e: "dim",
            text=lambda e: duration(_took(e)), order=_took,
        ),
        Column(
            key="age", title="age", width=4, weight=30, right=True, tone=lambda e: "dim",
            text=lambda e: age(e.row.created_at, time.time()), order=lambda e: since(e.row.created_at, 0.0),
        ),
    ]  # fmt: skip
    return {column.key: column for column in columns}


def _name_column(width: int, *, widest: int) -> EntryColumn:
    return Column(
        key="name", title="name", width=width, widest=widest, pinned=True, text=_name,
        order=lambda e: (e.label if e.is_group else plain(e.row.name)).casefold(),
    )  # fmt: skip


def _difference_column(difference: Difference) -> EntryColumn:
    return Column(
        key="differs", title="only what differs", width=30, widest=200, pinned=True, text=difference.text,
        order=lambda e: (e.key != difference.anchor.id, len(difference.of(e))),
        tone=lambda e: "dim" if e.key == difference.anchor.id or not difference.of(e) else "",
    )  # fmt: skip


def _text_column(key: str, width: int, weight: int, read: "Callable[[RunRow], str]") -> EntryColumn:
    def text(entry: Entry) -> str:
        value = entry.common(read)
        return VARIES if value is None else plain(value)

    return Column(key=key, title=key, width=width, weight=weight, text=text, order=lambda e: read(e.row))


def _setting_column(path: str) -> EntryColumn:
    read = setting_reader(path)
    title = short_key(path)

    def text(entry: Entry) -> str:
        value = entry.common(read)
        if value is None:
            return VARIES if entry.is_group and read(entry.row) is not None else "–"
        from core.spec.toml_text import plain_value

        return plain(as_text(plain_value(path, value)))

    def order(entry: Entry) -> Any:
        """Numbers before texts, so that any two can be compared."""
        value = read(entry.row)
        as_float = as_number(value)
        return None if value is None else (as_float is None, as_float or 0.0, as_text(value))

    narrow, wide = SETTING_WIDTHS
    return Column(
        key=path, title=title, width=min(max(len(title) + 1, narrow), wide), weight=45, right=True, text=text,
        order=order,
    )  # fmt: skip


def _metric_column(name: str, shown: Shown) -> EntryColumn:
    entry = METRICS[name]
    return Column(
        key=name,
        title=entry.title,
        width=max(shown.metric_widths.get(name, 0), 6),
        right=True,
        weight=WEIGHTS.get(name, 48),
        text=lambda e: mean_text(e, name),
        order=lambda e: None if (mean := e.mean(name)) is None or mean.value != mean.value else mean.value,
        tone=lambda e: "" if e.mean(name) is not None else "dim",
    )


def mean_text(entry: Entry, name: str) -> str:
    """A metric: 72.22 of a run, 72.22 ±0.31 of a group; (n) where not all of its finished runs were measured."""
    mean = entry.mean(name)
    if mean is None:
        return metric_text(name, None)
    text = metric_text(name, mean.value)
    if mean.std is not None:
        text += f" ±{_spread(mean.std, text, name)}"
    return text if not entry.is_group or mean.n == entry.finished else f"{text} ({mean.n})"


def _spread(std: float, mean_text: str, name: str) -> str:
    """A deviation with as many decimals as its mean."""
    decimals = len(mean_text.partition(".")[2]) if mean_text.replace(".", "").replace("-", "").isdigit() else 3
    return percent(std) if METRICS[name].unit == "fraction" else f"{std:.{decimals}f}"


def measure_metrics(shown: Shown, entries: Sequence[Entry], chosen: Sequence[str]) -> bool:
    """Make metric columns as wide as groups need them, judged by some hundred; whether that changed anything."""
    groups = [entry for entry in entries if entry.is_group][:MOST_MEASURED]
    least = GROUP_WIDTH if groups else 0
    widths = {
        name: max((len(mean_text(entry, name)) for entry in groups), default=0) for name in chosen if name in METRICS
    }
    widths = {name: max(width, least) for name, width in widths.items()}
    changed = widths != shown.metric_widths
    shown.metric_widths = widths
    return changed


def _mark(entry: Entry, marked: set[str]) -> str:
    if not marked:
        return ""
    count = sum(run.id in marked for run in entry.runs)
    return "" if not count else ("+" if count == len(entry.runs) else "±")


def _status(entry: Entry) -> str:
    if not entry.is_group:
        return status_text(entry.row)
    statuses = [run.status for run in entry.members]
    seen = [status for status in STATUS_ORDER if status in statuses]
    if len(seen) == 1:
        return f"{STATUS_GLYPHS[seen[0]]} {seen[0]}"
    return " ".join(f"{STATUS_GLYPHS[status]}{statuses.count(status)}" for status in seen)


def _status_tone(entry: Entry) -> str:
    """What went wrong in a group shows through."""
    wrong = any(run.status in ("failed", "lost") for run in entry.runs)
    return "bad" if wrong else STATUS_TONES.get(entry.status, "")


def _name(entry: Entry) -> str:
    if entry.is_group:
        return f"{'▾' if entry.is_open else '▸'} ({len(entry.members)}) {entry.label}"
    return f"  {entry.label or plain(entry.row.name)}" if entry.depth else plain(entry.row.name)


def _alpha(entry: Entry) -> str:
    alpha = entry.common(lambda row: row.igdm_alpha)
    return VARIES if alpha is None else (f"{alpha:g}" if alpha else "off")


def _seeds(entry: Entry) -> str:
    if not entry.is_group:
        return str(entry.row.seed)
    seeds = sorted({run.seed for run in entry.members})
    if len(seeds) > 1 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]}-{seeds[-1]}"
    return ",".join(map(str, seeds))


def _progress(entry: Entry) -> str:
    if not entry.is_group:
        return progress_text(entry.row)
    share = _progress_share(entry)
    done = f"{entry.finished} of {len(entry.members)} done"
    return f"{bar(share, 4)} {done}" if entry.status == "running" and share is not None else done


def _progress_share(entry: Entry) -> float | None:
    shares = [run.progress for run in entry.runs if run.progress is not None]
    return sum(shares) / len(entry.runs) if shares else None


def _left(entry: Entry) -> float | None:
    return max((left for run in entry.runs if (left := seconds_left(run)) is not None), default=None)


def _left_text(entry: Entry) -> str:
    left = _left(entry)
    return "" if left is None else duration(left)


def _took(entry: Entry) -> float:
    return sum(run.elapsed_s for run in entry.runs)


def _tags(entry: Entry) -> list[str]:
    return list(dict.fromkeys(tag for run in entry.runs for tag in run.tags))
