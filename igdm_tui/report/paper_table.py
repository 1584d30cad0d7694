"""The paper's table shapes: methods down, metrics across by data set and teacher, each method alone and with IGDM."""

from collections.abc import Mapping, Sequence

from core.spec.catalogue import DATASETS, METHODS, METRICS, MODELS
from core.spec.published import published_teachers
from igdm_tui.report.comparison import Comparison, Line, ranks
from igdm_tui.report.formats import cell_text, metric_title, setting_text
from igdm_tui.report.table import Entry, Table
from igdm_tui.store.rows import RunRow

# The columns of ICLR 2025 Tables 2 and 4, those of them that were measured.
PAPER_METRICS = (
    "clean_accuracy", "fgsm_accuracy", "pgd20_accuracy", "cw_accuracy", "autoattack_accuracy",
    "gradient_distance", "gradient_cosine",
)  # fmt: skip
PLUS_IGDM = "+ IGDM"
Row = tuple[int, str, bool, str]  # place of the method, its title, with IGDM, what tells it from others


def paper_tables(comparison: Comparison, metrics: Sequence[str] = ()) -> list[Table]:
    """One table per student. The best of each column is bold, the second underlined.

    Experiments that would share a row (two weights of one method) get rows of their own that say what differs.
    """
    found: dict[str, list[Line]] = {}
    for line in comparison.students:
        found.setdefault(line.runs[0].student, []).append(line)
    measured = {name for line in comparison.students for name in line.cells}
    wanted = list(metrics) or [name for name in PAPER_METRICS if name in measured]
    wanted = wanted or [name for name in comparison.metrics if name in measured]
    return [_table(student, lines, wanted) for student, lines in found.items()]


def _table(student: str, lines: Sequence[Line], metrics: Sequence[str]) -> Table:
    columns = list(dict.fromkeys(_column(line.runs[0]) for line in lines))
    details = _details(lines)
    cells: dict[Row, dict[str, Line]] = {}
    for member, detail in zip(lines, details, strict=True):
        cells.setdefault(_row(member.runs[0], detail), {})[_column(member.runs[0])] = member
    order = sorted(cells)
    notes: list[str] = []
    rows = [[Entry(text=_row_title(row, order))] for row in order]
    for column in columns:
        for name in metrics:
            found = [cells[row].get(column) for row in order]
            values = [line.cells[name].value if line and name in line.cells else None for line in found]
            for row, line, rank in zip(rows, found, ranks(values, METRICS[name].better), strict=True):
                row.append(_entry(line, name, rank, notes))
    return Table(
        title=_title(MODELS, student),
        spans=[("", 1), *((column, len(metrics)) for column in columns)],
        head=["Method", *(metric_title(name) for _ in columns for name in metrics)],
        rows=rows,
        rules=frozenset(place for place in range(1, len(order)) if order[place][0] != order[place - 1][0]),
        notes=notes,
    )


def _entry(line: Line | None, name: str, rank: int, notes: list[str]) -> Entry:
    cell = line.cells.get(name) if line else None
    marks = []
    for flag in cell.flags if cell else ():
        if flag not in notes:
            notes.append(flag)
        marks.append(notes.index(flag) + 1)
    return Entry(text=cell_text(name, cell), rank=rank, marks=tuple(marks))


def _column(run: RunRow) -> str:
    """ "CIFAR-100, BDM-AT": the data set and the teacher."""
    teacher = next((row.title for row in published_teachers() if row.name == run.teacher), run.teacher)
    return f"{_title(DATASETS, run.dataset)}, {teacher}"


def _row(run: RunRow, detail: str) -> Row:
    place = list(METHODS).index(run.method) if run.method in METHODS else len(METHODS)
    return place, _title(METHODS, run.method), bool(run.igdm_alpha), detail


def _row_title(row: Row, order: Sequence[Row]) -> str:
    place, title, has_igdm, detail = row
    below_its_method = any(other[0] == place and not other[2] for other in order)
    name = title if not has_igdm else (PLUS_IGDM if below_its_method else f"{title} {PLUS_IGDM}")
    return f"{name} ({detail})" if detail else name


def _details(lines: Sequence[Line]) -> list[str]:
    """For each line what tells it from others that would stand in the same cell; "" where nothing needs to."""
    rows: dict[Row, dict[str, list[int]]] = {}
    for position, line in enumerate(lines):
        columns = rows.setdefault(_row(line.runs[0], ""), {})
        columns.setdefault(_column(line.runs[0]), []).append(position)
    details = [""] * len(lines)
    for columns in rows.values():
        crowded = [[lines[position].settings for position in cell] for cell in columns.values() if len(cell) > 1]
        keys = dict.fromkeys(key for settings in crowded for key in _differing(settings))
        for position in (position for cell in columns.values() for position in cell if crowded):
            own = lines[position].settings
            texts = [f"{key.rsplit('.', 1)[-1]} {setting_text(key, own.get(key))}" for key in keys]
            details[position] = ", ".join(texts) or lines[position].runs[0].id
    return details


def _differing(settings: Sequence[Mapping[str, object]]) -> list[str]:
    return [key for key in settings[0] if any(other.get(key) != settings[0][key] for other in settings)]


def _title(names: Mapping[str, object], name: str) -> str:
    return str(getattr(names.get(name), "title", name))
