"""Printed results beside ours: which one belongs to a line, and by how much we differ."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.spec.catalogue import METRICS
from core.spec.published_results import PublishedMatch, find_published_result
from igdm_tui.numbers import NOTHING, metric
from igdm_tui.report.baseline import signed
from igdm_tui.report.comparison import Comparison, Line
from igdm_tui.report.formats import cell_text, difference, flag_marks, metric_title, table_metrics
from igdm_tui.report.table import Entry, Table

DIFFERENCE = "ours minus published"


def published_matches(comparison: Comparison) -> dict[int, PublishedMatch]:
    """The printed result of each line that has one, by the line's position."""
    found = {}
    for position, line in enumerate(comparison.lines):
        match = find_published_result(line.runs[0].settings) if line.runs else None
        if match is not None:
            found[position] = match
    return found


def published_table(
    comparison: Comparison, matches: Mapping[int, PublishedMatch], metrics: Sequence[str] = ()
) -> Table:
    """Three rows for each line with a printed result: ours, the printed one, the difference.

    Footnotes are our own flags, then what was done differently and what is doubtful about the printed numbers.
    """
    measured = {name for position in matches for name in comparison.lines[position].cells}
    printed = {name for match in matches.values() for name in match.result.metrics}
    names = list(metrics) or [name for name in METRICS if name in measured & printed] or table_metrics(comparison)
    notes = list(comparison.flags)
    rows: list[list[Entry]] = []
    for position, match in matches.items():
        line = comparison.lines[position]
        ours = [
            Entry(text=cell_text(n, line.cells.get(n)), marks=flag_marks(comparison, line.cells.get(n))) for n in names
        ]
        rows.append([Entry(text=line.label), *ours])
        marks = []
        for note in (*match.otherwise, *match.result.doubts):
            if note not in notes:
                notes.append(note)
            marks.append(notes.index(note) + 1)
        theirs = [Entry(text=metric(name, match.result.metrics.get(name))) for name in names]
        rows.append([Entry(text=match.result.title, marks=tuple(marks)), *theirs])
        apart = [(name, difference(line, match, name)) for name in names]
        texts = [NOTHING if value is None else signed(name, value) for name, value in apart]
        rows.append([Entry(text=DIFFERENCE), *(Entry(text=text) for text in texts)])
    return Table(
        head=["Beside the published", *(metric_title(name) for name in names)],
        rows=rows,
        rules=frozenset(range(0, len(rows), 3)),
        notes=notes,
    )


def published_json(comparison: Comparison, matches: Mapping[int, PublishedMatch]) -> list[dict[str, Any] | None]:
    """The printed result of each line that is no teacher, with the differences; null where none was printed."""
    return [
        _match_json(line, matches[position]) if position in matches else None
        for position, line in enumerate(comparison.lines)
        if not line.is_teacher
    ]


def _match_json(line: Line, match: PublishedMatch) -> dict[str, Any]:
    result = match.result
    apart = {name: difference(line, match, name) for name in result.metrics}
    return {
        "source": result.source,
        "tables": list(result.tables),
        "variant": result.variant,
        "metrics": dict(result.metrics),
        "difference": {name: value for name, value in apart.items() if value is not None},
        "otherwise": list(match.otherwise),
        "doubts": list(result.doubts),
    }
