"""`igdm export`: tables, numbers, figures and reports of runs, as files for other programs and other people."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, say

STDOUT = "-"


def export(
    context: typer.Context,
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, starts of ids, names, or latest.")],
    to: Annotated[
        str,
        typer.Option("--to", metavar="FORMAT", help="csv, json, latex, markdown, svg, png, html or tensorboard."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output", "-o", metavar="PATH", help="File (replaced if there), or folder; - is stdout. [default: stdout]"
        ),
    ] = "",
    table: Annotated[
        str, typer.Option("--table", metavar="NAME", help="results, paper, series, evaluations, or runs (JSON).")
    ] = "",
    figure: Annotated[
        str,
        typer.Option(
            "--figure",
            metavar="NAME",
            help="accuracy, loss, gradients, curves, linearity, alignment, epsilon or pointwise.",
        ),
    ] = "",
    group: Annotated[bool, typer.Option("--group", help="One line per experiment: mean ± std (n) over seeds.")] = False,
    paper: Annotated[bool, typer.Option("--paper", help="Published results beside ours, with the difference.")] = False,
    metrics: Annotated[
        str, typer.Option("--metrics", metavar="NAME,...", help="Columns of a table, or curves of a figure.")
    ] = "",
    by: Annotated[str, typer.Option("--by", metavar="AXIS", help="Curves by epoch or by step.")] = "epoch",
) -> None:
    """Write runs to a file: tables, all numbers, figures, a report.

    Tables: csv, latex and markdown; latex and markdown also in the papers' shape (--table paper). Every number: csv
    with --table series or evaluations. Whole runs: json. Figures: svg and png, their numbers as csv and json. html is a
    report that opens without a network; tensorboard writes event files into a folder.
    """
    from igdm_tui.report.export import pieces, write_file
    from igdm_tui.report.request import Request

    request = Request(
        to=to, table=table, figure=figure, group=group, published=paper, metrics=metrics, by=by
    ).checked()  # fmt: skip
    path = _output(output, to)
    with Session.of(context).open_store() as store:
        rows = list({row.id: row for row in (store.run(reference) for reference in runs)}.values())
        if to == "tensorboard" and path:
            from igdm_tui.report.tensorboard import write_tensorboard

            written = write_tensorboard(store, rows, path)
            say(f"{len(written)} runs in {path} (look: tensorboard --logdir {path})")
            return
        content = pieces(store, rows, request)
        if path is None:
            sys.stdout.flush()
            for piece in content:
                sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        if path.is_dir():
            from igdm_tui.report.request import default_name

            path /= default_name(rows, request)
        write_file(path, content)
        say(str(path))


def _output(text: str, to: str) -> Path | None:
    """Where it goes; None is stdout.

    Raises: IgdmError where stdout will not do.
    """
    if text and text != STDOUT:
        path = Path(text).expanduser()
        if not path.parent.is_dir():
            raise IgdmError(f"--output: there is no folder {path.parent} (make it first)")
        return path
    if to == "tensorboard":
        raise IgdmError("tensorboard needs a folder for its event files (say which: --output FOLDER)")
    if to == "png" and sys.stdout.isatty():
        raise IgdmError("a png does not go to a terminal (say where: --output FILE.png)")
    return None
