"""What `igdm export` and the export dialog can write: one request, and the pieces of the file that answers it."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.spec.atomic import replace_file
from core.spec.errors import IgdmError
from igdm_tui.report import formats, table
from igdm_tui.report.comparison import Comparison, chosen_metrics, compare_runs
from igdm_tui.store.rows import RunRow
from igdm_tui.store.store import Store

READABLE = 0o644


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of file. tables: what it can hold besides figures, the default first. figures: it can hold one."""

    name: str
    title: str
    suffix: str
    tables: tuple[str, ...] = ()
    figures: bool = False


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            name="csv", title="CSV", suffix=".csv", tables=("results", "series", "evaluations"), figures=True,
        ),
        Format(name="json", title="JSON", suffix=".json", tables=("runs", "results"), figures=True),
        Format(name="latex", title="LaTeX (booktabs)", suffix=".tex", tables=("results", "paper")),
        Format(name="markdown", title="Markdown", suffix=".md", tables=("results", "paper")),
        Format(name="svg", title="SVG figure", suffix=".svg", figures=True),
        Format(name="png", title="PNG figure", suffix=".png", figures=True),
        Format(name="html", title="HTML report", suffix=".html", tables=("results",)),
        Format(name="tensorboard", title="TensorBoard event files", suffix="", tables=("runs",)),
    )
}  # fmt: skip
TABLES = {
    "results": "one line per run or experiment",
    "paper": "the papers' shape: methods down, metrics across by data set and teacher",
    "series": "every logged number",
    "evaluations": "every measurement with its flags",
    "runs": "whole runs: settings, results, evaluations, every logged number, provenance",
}
DEFAULT_FIGURE = "accuracy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What shall be written. Empty texts stand for the format's own choice.

    group: seeds of an experiment are one line. published: printed results beside ours. metrics: names with commas.
    by: "epoch" or "step", for figures of curves.
    """

    to: str
    table: str = ""
    figure: str = ""
    group: bool = False
    published: bool = False
    metrics: str = ""
    by: str = "epoch"

    def checked(self) -> "Request":
        """The same with the format's own choices filled in.

        Raises: IgdmError for what does not go together, with what would.
        """
        from igdm_tui.report.figures import NAMES

        form = FORMATS.get(self.to)
        if form is None:
            raise IgdmError(f"--to: no format {self.to!r} (there are: {', '.join(FORMATS)})")
        if self.table and self.figure:
            raise IgdmError("--table and --figure exclude each other (choose one)")
        if self.figure:
            if not form.figures:
                able = ", ".join(entry.name for entry in FORMATS.values() if entry.figures)
                raise IgdmError(f"--figure: {self.to} holds no figure (formats that do: {able})")
            if self.figure not in NAMES:
                raise IgdmError(f"--figure: no figure {self.figure!r} (there are: {', '.join(NAMES)})")
        if self.table and self.table not in form.tables:
            able = ", ".join(form.tables) or "none: it takes --figure"
            raise IgdmError(f"--table: {self.to} has no table {self.table!r} (there are: {able})")
        if self.by not in ("epoch", "step"):
            raise IgdmError(f"--by: {self.by!r} is neither epoch nor step")
        chosen = self.table or (form.tables[0] if form.tables and not self.figure else "")
        figure = self.figure or ("" if chosen else DEFAULT_FIGURE)
        return replace(self, table=chosen, figure=figure, group=self.group or chosen == "paper")


def pieces(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[bytes]:
    """The file that answers a checked request, in pieces; not for TensorBoard, which wants a folder.

    Raises: IgdmError when the runs have not what is asked for.
    """
    if request.figure:
        return _figure(store, runs, request)
    if request.to == "html":
        from igdm_tui.report.html import report_page

        return iter([report_page(store, runs, request).encode()])
    writer = _TABLES[request.table]
    return (piece.encode() for piece in writer(store, runs, request))


def write_file(path: Path, content: Iterator[bytes]) -> None:
    """Write a file by rename, readable by everyone; into a device or a pipe directly.

    Raises: IgdmError when it cannot be written.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                file.writelines(content)
            return
        replace_file(path, lambda file: file.writelines(content))
        path.chmod(READABLE)
    except OSError as error:
        raise IgdmError(f"{path}: {error.strerror or error} (choose another place with --output)") from error


def default_name(runs: Sequence[RunRow], request: Request) -> str:
    """A file name that says what is in it."""
    what = request.figure or request.table
    return f"igdm-{what}-{len(runs)}-runs{FORMATS[request.to].suffix}"


def comparison_of(store: Store, runs: Sequence[RunRow], *, group: bool) -> Comparison:
    """The comparison of some runs with all that the store knows of their evaluations."""
    evaluations = {run.id: store.evaluations(run.id) for run in runs}
    return compare_runs(runs, group=group, evaluations=evaluations)


def _figure(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[bytes]:
    from igdm_tui.report import archive
    from igdm_tui.report.drawing.layout import figure_png, figure_svg
    from igdm_tui.report.figures import figure_data, figure_of, labels_of

    metrics = [name.strip() for name in request.metrics.split(",") if name.strip()]
    data = figure_data(store, request.figure, runs, metrics=metrics, by=request.by)
    if request.to == "csv":
        return (piece.encode() for piece in archive.figure_csv(data))
    if request.to == "json":
        return iter([_json_text(archive.figure_json(data)).encode()])
    figure = figure_of(data, labels_of(runs, group=request.group))
    return iter([figure_png(figure) if request.to == "png" else figure_svg(figure).encode() + b"\n"])


def _results(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[str]:
    from igdm_tui.report.published import published_json, published_matches, published_table

    comparison = comparison_of(store, runs, group=request.group)
    names = chosen_metrics(comparison, request.metrics)
    matches = published_matches(comparison) if request.published else {}
    if request.to == "csv":
        yield formats.as_csv(comparison, matches) + "\n"
    elif request.to == "json":
        content = formats.as_json(comparison)
        yield _json_text(content | ({"published": published_json(comparison, matches)} if request.published else {}))
    else:
        is_latex = request.to == "latex"
        yield (formats.as_latex if is_latex else formats.as_markdown)(comparison, names) + "\n"
        if matches:
            beside = published_table(comparison, matches, names)
            yield f"\n{(table.latex if is_latex else table.markdown)(beside)}\n"


def _paper(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[str]:
    from igdm_tui.report.paper_table import paper_tables

    comparison = comparison_of(store, runs, group=True)
    draw = table.latex if request.to == "latex" else table.markdown
    tables = paper_tables(comparison, chosen_metrics(comparison, request.metrics))
    yield "\n\n".join(draw(found) for found in tables) + "\n"


def _series(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[str]:
    from igdm_tui.report.archive import series_csv

    return series_csv(store, runs)


def _evaluations(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[str]:
    from igdm_tui.report.archive import evaluations_csv

    return evaluations_csv(store, runs)


def _runs(store: Store, runs: Sequence[RunRow], request: Request) -> Iterator[str]:
    from igdm_tui.report.archive import archive

    yield _json_text(archive(store, runs))


def _json_text(content: object) -> str:
    """JSON in ASCII, so that nothing in a name can steer a terminal."""
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


_TABLES: dict[str, Callable[[Store, Sequence[RunRow], Request], Iterator[str]]] = {
    "results": _results,
    "paper": _paper,
    "series": _series,
    "evaluations": _evaluations,
    "runs": _runs,
}
