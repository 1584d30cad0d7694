"""A comparison as Markdown, LaTeX, CSV, JSON, or text for a terminal."""

import csv
import io
import json
import math
import re
from collections.abc import Callable
from typing import Any

from core.spec.catalogue import METRICS
from igdm_tui.numbers import NOTHING, metric
from igdm_tui.report.comparison import TABLE_METRICS, Cell, Comparison, Line
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.sanitise import sanitise_line

LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "_%&#${}"},
}  # fmt: skip
MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def cell_text(name: str, cell: Cell | None, plus_minus: str = "±") -> str:
    """ "62.50", or "62.50 ± 0.81 (3)" over three runs; "–" when not measured."""
    if cell is None:
        return NOTHING
    if cell.std is None:
        return metric(name, cell.value)
    return f"{metric(name, cell.value)} {plus_minus} {metric(name, cell.std)} ({cell.n})"


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


def as_text(comparison: Comparison, *, width: int | None = None, bold: bool = False) -> str:
    """The results, then the settings that differ, as aligned text."""
    lines = comparison.lines
    columns = [
        Column(title="run", cells=[_label(comparison, line) for line in lines], importance=1000, widest=44),
        *(
            Column(
                title=METRICS[name].title,
                cells=[cell_text(name, line.cells.get(name)) for line in lines],
                right=True,
                importance=900 - place,
            )
            for place, name in enumerate(table_metrics(comparison))
        ),
        Column(title="status", cells=[_status(line) for line in lines], importance=100),
        Column(title="id", cells=[_ids(line) for line in lines], importance=200, widest=30),
    ]
    best = {(position, METRICS[name].title) for name, winners in comparison.best.items() for position in winners}
    parts = [text_table(columns, width=width, best=best, bold=bold)]
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


def as_markdown(comparison: Comparison) -> str:
    """Two pipe tables; the best in bold."""

    def text(value: str) -> str:
        return MARKDOWN_SPECIAL.sub(r"\\\1", sanitise_line(value))

    names = table_metrics(comparison)
    rows = [["run", *(_title(name) for name in names)]]
    for position, line in enumerate(comparison.lines):
        rows.append([text(_label(comparison, line)), *_marked(comparison, position, line, names, text, "**{}**")])
    tables = [_pipes(rows)]
    if comparison.differences:
        labels = [text(line.label) for line in comparison.students]
        rows = [["only what differs", *labels]]
        for key, values in comparison.differences.items():
            rows.append([text(key), *(text(setting_text(key, value)) for value in values)])
        tables.append(_pipes(rows))
    return "\n\n".join(tables)


def as_latex(comparison: Comparison) -> str:
    """A booktabs table; the best in bold. Needs \\usepackage{booktabs}."""
    names = table_metrics(comparison)
    head = " & ".join(["Run", *(latex_text(_title(name)) for name in names)])
    lines = [rf"\begin{{tabular}}{{l{'r' * len(names)}}}", r"\toprule", rf"{head} \\", r"\midrule"]
    for position, line in enumerate(comparison.lines):
        cells = _marked(comparison, position, line, names, latex_text, r"\textbf{{{}}}")
        label = latex_text(_label(comparison, line))
        lines.append(" & ".join([label, *cells]).replace("±", r"$\pm$").replace(NOTHING, "--") + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def as_csv(comparison: Comparison) -> str:
    """One row per line with every metric (accuracies as fractions) and the settings that differ."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    numbers = [(name, part) for name in comparison.metrics for part in _parts(comparison, name)]
    head = ["run", "ids", "status", "seeds", "settings_hash"]
    head += [name if part == "value" else f"{name}_{part}" for name, part in numbers]
    writer.writerow([csv_text(word) for word in [*head, *comparison.differences]])
    for position, line in enumerate(comparison.lines):
        seeds = " ".join(str(run.seed) for run in line.runs)
        row: list[object] = [
            line.label,
            _ids(line),
            _status(line),
            seeds,
            line.runs[0].settings_hash if line.runs else "",
        ]
        row += [_or_empty(getattr(line.cells.get(name), part, None)) for name, part in numbers]
        row += [
            "" if line.is_teacher else setting_text(key, values[position])
            for key, values in comparison.differences.items()
        ]
        writer.writerow([csv_text(entry) if isinstance(entry, str) else entry for entry in row])
    return file.getvalue().rstrip("\n")


def as_json(comparison: Comparison) -> dict[str, Any]:
    """Lines with their metrics, the best and the differing settings; a number that is not finite becomes null."""
    return {
        "grouped": comparison.is_grouped,
        "rows": [_line_json(line) for line in comparison.students],
        "teachers": [_line_json(line) for line in comparison.lines if line.is_teacher],
        "best": {name: sorted(winners) for name, winners in comparison.best.items()},
        "differences": {key: list(values) for key, values in comparison.differences.items()},
    }


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(LATEX_SPECIAL.get(character, character) for character in sanitise_line(text))


def csv_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _marked(  # noqa: PLR0917 - one row of a table
    comparison: Comparison, position: int, line: Line, names: list[str], escape: Callable[[str], str], mark: str
) -> list[str]:
    """The cells of a line, the best ones marked."""
    cells = []
    for name in names:
        text = escape(cell_text(name, line.cells.get(name)))
        cells.append(mark.format(text) if position in comparison.best.get(name, ()) else text)
    return cells


def _pipes(rows: list[list[str]]) -> str:
    rule = ["---", *("---:" for _ in rows[0][1:])]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def _label(comparison: Comparison, line: Line) -> str:
    if comparison.is_grouped and len(line.runs) > 1:
        return f"{line.label} ({len(line.runs)} seeds)"
    return line.label


def _ids(line: Line) -> str:
    return " ".join(run.id for run in line.runs)


def _status(line: Line) -> str:
    return " ".join(dict.fromkeys(run.status for run in line.runs))


def _title(name: str) -> str:
    """Column title with its unit."""
    entry = METRICS[name]
    return f"{entry.title} %" if entry.unit == "fraction" else entry.title


def _parts(comparison: Comparison, name: str) -> list[str]:
    """What is known of a metric besides its value: deviation and number of runs, or an interval."""
    spread = ("std", "n") if comparison.is_grouped else ("low", "high")
    cells = [line.cells[name] for line in comparison.lines if name in line.cells]
    return ["value", *(part for part in spread if any(getattr(cell, part) is not None for cell in cells))]


def _or_empty(value: float | None) -> object:
    return "" if value is None else value


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
    return {
        "label": line.label,
        "ids": [run.id for run in line.runs],
        "seeds": [run.seed for run in line.runs],
        "settings_hash": line.runs[0].settings_hash if line.runs else None,
        "metrics": metrics,
    }
