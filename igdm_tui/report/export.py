"""What `igdm export` and the export dialog write: the pieces of the file that answers a request."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from core.spec.atomic import replace_file
from core.spec.errors import IgdmError
from igdm_tui.report import formats, table
from igdm_tui.report.comparison import chosen_metrics, comparison_of
from igdm_tui.report.request import Request
from igdm_tui.store.rows import RunRow
from igdm_tui.store.store import Store

READABLE = 0o644


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
