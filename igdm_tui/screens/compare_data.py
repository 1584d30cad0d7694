"""What the Compare screen shows: results with the best marked, one metric against another, what differs."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from core.spec.catalogue import METRICS
from igdm_tui.numbers import duration
from igdm_tui.report.baseline import p_text, signed
from igdm_tui.report.comparison import Cell
from igdm_tui.report.significance import regression
from igdm_tui.screens.compare_read import Entry, Reading
from igdm_tui.screens.run_data import setting_text
from igdm_tui.widgets.lines import TonedLine
from igdm_tui.widgets.run_table import LISTED_METRICS, metric_text
from igdm_tui.widgets.scatter_chart import Point
from igdm_tui.widgets.table import Column
from igdm_tui.widgets.text import fit, plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

WIDEST_KEY = 40
VALUE_WIDTHS = (6, 24)


# The table of results


def result_columns(reading: Reading, colours: Sequence[str], metric: str) -> "list[Column[Entry]]":
    """Letter, name, the metrics (best bold with a star, second underlined), and the chosen metric's difference."""
    names = [name for name in LISTED_METRICS if name in reading.comparison.metrics] or list(LISTED_METRICS)
    columns: list[Column[Entry]] = [
        Column(
            key="letter", title="", width=1, pinned=True, text=lambda entry: entry.letter,
            tone=lambda entry: colours[entry.number % len(colours)] if entry.number >= 0 else "dim",
        ),
        Column(
            key="name", width=14, widest=44, pinned=True,
            title="experiment" if reading.comparison.is_grouped else "run",
            text=lambda entry: plain(entry.line.label), order=lambda entry: plain(entry.line.label).casefold(),
            tone=lambda entry: "dim" if entry.line.is_teacher else "",
        ),
        *(_metric_column(name, reading, 100 - place) for place, name in enumerate(names)),
    ]  # fmt: skip
    if reading.comparison.is_grouped:
        seeds: Column[Entry] = Column(key="seeds", title="n", width=2, right=True, pinned=True, text=_seeds)
        columns.insert(2, seeds)
    if reading.against is not None and metric in METRICS:
        columns.append(_difference_column(metric, reading))
    return [
        *columns,
        Column(key="status", title="status", width=8, weight=40, text=_status, tone=lambda entry: "dim"),
        Column(key="epochs", title="epoch", width=7, weight=30, right=True, tone=lambda entry: "dim", text=_epochs),
        Column(key="took", title="took", width=5, weight=20, right=True, tone=lambda entry: "dim", text=_took),
    ]


def _metric_column(name: str, reading: Reading, weight: int) -> "Column[Entry]":
    cells = {entry.key: entry.line.cells[name] for entry in reading.entries if name in entry.line.cells}
    students = [entry for entry in reading.entries if entry.number >= 0 and name in entry.line.cells]
    best = {reading.entries[place].key for place in reading.comparison.best.get(name, ())}
    best = best if len(best) < len(students) else set()  # equal values have no best
    second = {reading.entries[place].key for place in reading.comparison.second.get(name, ())}
    spread_width = max((len(_spread(name, cell)) for cell in cells.values()), default=0)

    def text(entry: Entry) -> str:
        cell = cells.get(entry.key)
        flag = "!" if cell is not None and cell.flags else ""
        star = "*" if entry.key in best else " "
        spread = _spread(name, cell) if cell is not None else ""
        return f"{flag}{metric_text(name, cell.value if cell else None)}{star}{spread:<{spread_width}}"

    def tone(entry: Entry) -> str:
        if entry.key not in cells or entry.line.is_teacher:
            return "dim"
        return "best" if entry.key in best else ("second" if entry.key in second else "")

    return Column(
        key=name, title=METRICS[name].title + " " * (1 + spread_width), width=7 + spread_width, right=True,
        weight=weight, text=text, tone=tone, order=lambda entry: _sortable(cells.get(entry.key)),
    )  # fmt: skip


def _spread(name: str, cell: Cell) -> str:
    """ "±0.81" over runs; with their number where it is not that of the line, which stands in its own column."""
    spread = f"±{metric_text(name, cell.std)}" if cell.std is not None else ""
    return spread if cell.n == cell.of else f"{spread} ({cell.n})"


def _difference_column(metric: str, reading: Reading) -> "Column[Entry]":
    found = {entry.key: reading.difference(entry, metric) for entry in reading.entries}
    base = reading.baseline

    def text(entry: Entry) -> str:
        difference = found[entry.key]
        if difference is None:
            return "baseline" if entry.key == base.key else ""
        p = f" p={p_text(difference.p)}" if difference.p is not None else ""
        return f"{signed(metric, difference.value)}{p}"

    return Column(
        key="difference", title=f"{METRICS[metric].title} vs {base.letter}", width=16, right=True, weight=97, text=text,
        tone=lambda entry: "dim" if found[entry.key] is None else "",
    )  # fmt: skip


def _sortable(cell: Cell | None) -> float | None:
    return None if cell is None or math.isnan(cell.value) else cell.value


def _seeds(entry: Entry) -> str:
    return str(len(entry.line.runs) or "")


def _status(entry: Entry) -> str:
    states = dict.fromkeys(run.status for run in entry.line.runs)
    return "/".join(states) if len(states) < 2 else f"{len(states)} states"


def _epochs(entry: Entry) -> str:
    run = entry.line.runs[0] if len(entry.line.runs) == 1 else None
    return f"{run.epoch}/{run.epochs}" if run and run.epochs else ""


def _took(entry: Entry) -> str:
    seconds = sum(run.elapsed_s for run in entry.line.runs)
    return duration(seconds) if seconds else ""


# Scatter


def scatter_points(reading: Reading, x: str, y: str) -> list[Point]:
    """A point for each run that has both metrics, under the letter of its entry."""
    return [
        Point(run.metrics[x], run.metrics[y], entry.letter, entry.number)
        for entry in reading.entries
        for run in entry.line.runs
        if _has(run, x) and _has(run, y)
    ]


def _has(run: "RunRow", metric: str) -> bool:
    return math.isfinite(run.metrics.get(metric, math.nan))


def scatter_fit(points: Sequence[Point]) -> tuple[tuple[float, float] | None, str]:
    """The least-squares line, and what to say about it."""
    found = regression([point.x for point in points], [point.y for point in points])
    if found is None or found.n < 3:
        return None, f"n = {len(points)}" + (": no line through so few" if points else "")
    return (found.slope, found.intercept), f"r = {found.correlation:.3f}, n = {found.n}"


# What differs


def difference_lines(entries: Sequence[Entry]) -> list[TonedLine]:
    """A line per setting in which the runs differ, a column per entry."""
    entries = [entry for entry in entries if entry.number >= 0]
    table = differing_settings([entry.line.runs[0].settings for entry in entries])
    if any(len(entry.line.runs) > 1 for entry in entries):  # seeds and names are not what sets groups apart
        table = {key: values for key, values in table.items() if key not in ("runtime.seed", "name")}
    if not table:
        return [[("All settings are equal.", "dim")]]
    texts = {plain(key, WIDEST_KEY): [setting_text(value) for value in values] for key, values in table.items()}
    key_width = max(cell_len(key) for key in [*texts, "only what differs"])
    narrow, wide = VALUE_WIDTHS
    widths = [min(max(narrow, *(len(values[i]) for values in texts.values())), wide) for i in range(len(entries))]
    head = "".join(fit(entry.letter, width, right=True) + "  " for entry, width in zip(entries, widths, strict=True))
    lines: list[TonedLine] = [[(fit("only what differs", key_width) + "  ", "title"), (head, "best")]]
    for key, values in texts.items():
        cells = "".join(fit(value, width, right=True) + "  " for value, width in zip(values, widths, strict=True))
        lines.append([(fit(key, key_width) + "  ", "dim"), (cells, "")])
    return lines


def differing_settings(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[object]]:
    """Dotted keys whose values are not the same in all runs, each with a value per run, None where unset.

    A run made before a setting was known went by its default.
    """
    from core.spec.config import RunConfig
    from core.spec.identity import flatten
    from core.spec.toml_text import plain_value

    defaults = flatten(RunConfig().model_dump(mode="json"))
    flat = [defaults | flatten(dict(entry)) for entry in settings]
    keys = dict.fromkeys(key for entry in flat for key in entry)
    values = {key: [entry.get(key) for entry in flat] for key in keys}
    return {
        key: [None if value is None else plain_value(key, value) for value in found]
        for key, found in values.items()
        if any(value != found[0] for value in found)
    }
