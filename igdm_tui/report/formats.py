"""A comparison as Markdown, LaTeX, CSV, JSON, or text for a terminal."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.spec.catalogue import METRICS
from core.spec.published_results import PublishedMatch
from igdm_tui.numbers import NOTHING, metric
from igdm_tui.report import table
from igdm_tui.report.comparison import TABLE_METRICS, Cell, Comparison, Line, seeds_text
from igdm_tui.report.escape import csv_text
from igdm_tui.report.table import Entry, Table
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.sanitise import sanitise_line


def cell_text(name: str, cell: Cell | None, plus_minus: str = "±") -> str:
    """ "62.50", "62.50 ± 0.81 (3)" over three runs, "62.50 (1)" of one among several; "–" when not measured."""
    if cell is None:
        return NOTHING
    spread = f" {plus_minus} {metric(name, cell.std)}" if cell.std is not None else ""
    count = f" ({cell.n})" if cell.std is not None or cell.n != cell.of else ""
    return f"{metric(name, cell.value)}{spread}{count}"


def setting_text(key: str, value: Any) -> str:
    """A setting as a person writes it: 8/255 where that is exact."""
    from core.spec.toml_text import plain_value

    if value is None:
        return NOTHING
    shown = plain_value(key, value)
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def table_metrics(comparison: Comparison) -> list[str]:
    """Columns of a table for people: results on the test set, or everything when there are none yet."""
    return [name for name in comparison.metrics if name in TABLE_METRICS] or list(comparison.metrics)


def flag_marks(comparison: Comparison, cell: Cell | None) -> tuple[int, ...]:
    """Footnote marks of a cell: places of its flags among all, counted from 1."""
    return tuple(comparison.flags.index(flag) + 1 for flag in cell.flags) if cell else ()


def as_text(
    comparison: Comparison, metrics: Sequence[str] = (), *, width: int | None = None, bold: bool = False
) -> str:
    """The results, then the settings that differ, as aligned text."""
    lines = comparison.lines
    columns = [
        Column(title="run", cells=[_label(comparison, line) for line in lines], importance=1000, widest=44),
        *(
            Column(
                title=METRICS[name].title if name in METRICS else name,
                cells=[_marked_text(comparison, name, line.cells.get(name)) for line in lines],
                right=True,
                importance=900 - place,
            )
            for place, name in enumerate(metrics or table_metrics(comparison))
        ),
        Column(title="status", cells=[_status(line) for line in lines], importance=100),
        Column(title="id", cells=[_ids(line) for line in lines], importance=200, widest=30),
    ]
    best = {(position, METRICS[name].title) for name, winners in comparison.best.items() for position in winners}
    parts = [text_table(columns, width=width, best=best, bold=bold)]
    if comparison.flags:
        parts.append("\n".join(table.notes_text(comparison.flags)))
    if comparison.differences:
        values = comparison.differences
        students = comparison.students
        columns = [Column(title="only what differs", cells=list(values), importance=1000)]
        columns += [
            Column(
                title=sanitise_line(line.label)[:24],
                cells=[setting_text(key, found[place]) for key, found in values.items()],
                right=True,
                importance=900 - place,
                widest=24,
            )
            for place, line in enumerate(students)
        ]
        parts.append(text_table(columns, width=width, bold=bold))
    return "\n\n".join(parts)


def results_table(comparison: Comparison, metrics: Sequence[str] = ()) -> Table:
    """A line per run or experiment, a column per metric; the metrics given, else those of `table_metrics`."""
    names = list(metrics) or table_metrics(comparison)
    rows = []
    for position, line in enumerate(comparison.lines):
        cells = [_entry(comparison, position, name, line.cells.get(name)) for name in names]
        rows.append([Entry(text=_label(comparison, line)), *cells])
    teachers = [position for position, line in enumerate(comparison.lines) if line.is_teacher]
    return Table(
        head=["Run", *(metric_title(name) for name in names)],
        rows=rows,
        rules=frozenset(teachers[:1]),
        notes=comparison.flags,
    )


def differences_table(comparison: Comparison) -> Table:
    """A line per setting that is not the same everywhere; no rows when all are."""
    rows = [
        [Entry(text=key), *(Entry(text=setting_text(key, value)) for value in values)]
        for key, values in comparison.differences.items()
    ]
    return Table(head=["only what differs", *(line.label for line in comparison.students)], rows=rows)


def as_markdown(comparison: Comparison, metrics: Sequence[str] = ()) -> str:
    """Two pipe tables; the best in bold, the second underlined."""
    tables = [table.markdown(results_table(comparison, metrics))]
    if comparison.differences:
        tables.append(table.markdown(differences_table(comparison)))
    return "\n\n".join(tables)


def as_latex(comparison: Comparison, metrics: Sequence[str] = ()) -> str:
    """A booktabs table; the best in bold, the second underlined. Needs \\usepackage{booktabs}."""
    return table.latex(results_table(comparison, metrics))


def as_csv(comparison: Comparison, published: Mapping[int, PublishedMatch] | None = None) -> str:
    """One row per line with every metric (accuracies as fractions) and the settings that differ.

    published: printed results by position of a line; they and our differences to them become columns.
    """
    matches = published or {}
    printed = [name for name in METRICS if any(name in match.result.metrics for match in matches.values())]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    numbers = [(name, part) for name in comparison.metrics for part in _parts(comparison, name)]
    head = ["run", "ids", "status", "seeds", "settings_hash"]
    head += [name if part == "value" else f"{name}_{part}" for name, part in numbers]
    head += [f"{name}_{part}" for name in printed for part in ("published", "difference")]
    head += ["published_in"] if matches else []
    writer.writerow([csv_text(word) for word in [*head, *comparison.differences]])
    for position, line in enumerate(comparison.lines):
        seeds = " ".join(str(run.seed) for run in line.runs)
        row: list[object] = [
            csv_text(line.label),
            _ids(line),
            _status(line),
            seeds,
            csv_text(line.runs[0].settings_hash) if line.runs else "",
        ]
        row += [_plain(getattr(line.cells.get(name), part, None)) for name, part in numbers]
        row += _csv_published(line, matches.get(position), printed) if matches else []
        row += [
            "" if line.is_teacher else _csv_setting(key, values[position])
            for key, values in comparison.differences.items()
        ]
        writer.writerow(row)
    return file.getvalue().rstrip("\n")


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Lines with their metrics, the best and the differing settings; a number that is not finite becomes null."""
    return {
        "grouped": comparison.is_grouped,
        "rows": [_line_json(line) for line in comparison.students],
        "teachers": [_line_json(line) for line in comparison.lines if line.is_teacher],
        "best": {name: sorted(winners) for name, winners in comparison.best.items()},
        "second": {name: sorted(winners) for name, winners in comparison.second.items()},
        "differences": {key: list(values) for key, values in comparison.differences.items()},
    }


def metric_title(name: str) -> str:
    """Column title with its unit."""
    if name not in METRICS:
        return name
    entry = METRICS[name]
    return f"{entry.title} %" if entry.unit == "fraction" else entry.title


def rank(comparison: Comparison, position: int, name: str) -> int:
    """1 where a line is the best in a metric, 2 where it is the second, 0 elsewhere."""
    if position in comparison.best.get(name, ()):
        return 1
    return 2 if position in comparison.second.get(name, ()) else 0


def interval_text(name: str, cell: Cell | None) -> str:
    """ "57.4 to 67.2", the 95 % interval of an accuracy in percent; "" where there is none."""
    if cell is None or cell.low is None or cell.high is None:
        return ""
    if name in METRICS and METRICS[name].unit == "fraction":
        return f"{cell.low * 100:.1f} to {cell.high * 100:.1f}"
    return f"{metric(name, cell.low)} to {metric(name, cell.high)}"


def _entry(comparison: Comparison, position: int, name: str, cell: Cell | None) -> Entry:
    return Entry(
        text=cell_text(name, cell),
        rank=rank(comparison, position, name),
        marks=flag_marks(comparison, cell),
        small=interval_text(name, cell),
    )


def _marked_text(comparison: Comparison, name: str, cell: Cell | None) -> str:
    return "".join([cell_text(name, cell), *(f" [{mark}]" for mark in flag_marks(comparison, cell))])


def _label(comparison: Comparison, line: Line) -> str:
    if comparison.is_grouped and len(line.runs) > 1:
        return f"{line.label} ({seeds_text([run.seed for run in line.runs])})"
    return line.label


def _ids(line: Line) -> str:
    return " ".join(run.id for run in line.runs)


def _status(line: Line) -> str:
    return " ".join(dict.fromkeys(run.status for run in line.runs))


def difference(line: Line, match: PublishedMatch, name: str) -> float | None:
    """Ours minus the printed number, in the metric's own unit; None where either is missing."""
    if name not in line.cells or name not in match.result.metrics:
        return None
    return line.cells[name].value - match.result.metrics[name]


def _csv_published(line: Line, match: PublishedMatch | None, names: Sequence[str]) -> list[object]:
    """Printed number and difference of each metric, then where it is printed."""
    if match is None:
        return [""] * (2 * len(names) + 1)
    pairs = [(match.result.metrics.get(name), difference(line, match, name)) for name in names]
    said = "; ".join((match.result.title, *match.otherwise))
    return [*(_plain(value) for pair in pairs for value in pair), csv_text(said)]


def _parts(comparison: Comparison, name: str) -> list[str]:
    """What is known of a metric besides its value: deviation and number of runs, an interval, flags."""
    spread = ("std", "n", "low", "high") if comparison.is_grouped else ("low", "high")
    cells = [line.cells[name] for line in comparison.lines if name in line.cells]
    known = ["value", *(part for part in spread if any(getattr(cell, part) is not None for cell in cells))]
    return [*known, "flags"] if any(cell.flags for cell in cells) else known


def _plain(value: float | tuple[str, ...] | None) -> object:
    """A number as it is, flags as text; nothing for what was not measured."""
    if isinstance(value, tuple):
        return csv_text("; ".join(value))
    return "" if value is None else value


def _csv_setting(key: str, value: Any) -> object:
    """A number stays one, also below zero; everything else is text."""
    text = setting_text(key, value)
    return text if isinstance(value, int | float) else csv_text(text)


def _line_json(line: Line) -> dict[str, Any]:
    def finite(value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None

    metrics: dict[str, dict[str, Any]] = {}
    for name, cell in line.cells.items():
        metrics[name] = {"value": finite(cell.value), "n": cell.n}
        for part in ("std", "low", "high"):
            number = getattr(cell, part)
            if number is not None:
                metrics[name][part] = finite(number)
        if cell.flags:
            metrics[name]["flags"] = list(cell.flags)
    return {
        "label": line.label,
        "ids": [run.id for run in line.runs],
        "seeds": [run.seed for run in line.runs],
        "settings_hash": line.runs[0].settings_hash if line.runs else None,
        "metrics": metrics,
    }
