"""`igdm ls`, `show` and `compare`: what runs there are and what came of them."""

from typing import Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, answer, answer_json, terminal_width, wants_bold

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def ls(
    context: typer.Context,
    filter_text: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="EXPR",
            help="Only runs that fit: 'method=adaad and igdm.alpha>0 and has:autoattack_accuracy', 'status=running',"
            " 'tag:paper', 'name~resnet', not, or, parentheses. Signs: = != < <= > >= and ~ (contains).",
        ),
    ] = "",
    sort_key: Annotated[
        str, typer.Option("--sort", metavar="KEY", help="A column, metric or setting; -KEY the other way round.")
    ] = "",
    archived: Annotated[bool, typer.Option("--archived", help="Archived runs too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from igdm_tui.cli.listing import list_runs

    list_runs(Session.of(context), filter_text=filter_text, sort_key=sort_key, with_archived=archived, as_json=as_json)


def show(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="An id, the start of one, a name, or latest.")],
    as_json: AsJson = False,
) -> None:
    """Show a run: state, results, settings.

    Accuracies come with 95 % intervals, settings only where they are not the default.
    """
    from igdm_tui.report.run_text import run_text

    with Session.of(context).open_store() as store:
        row = store.run(run)
        if as_json:
            answer_json(row.to_json())
        else:
            answer(run_text(row, store.evaluations(row.id), store.warnings(row.id), bold=wants_bold()))


def compare(
    context: typer.Context,
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, starts of ids, names, or latest.")],
    group: Annotated[bool, typer.Option("--group", help="One line per experiment: mean ± std (n) over seeds.")] = False,
    baseline: Annotated[
        str, typer.Option("--baseline", metavar="RUN", help="Differences to this run's line, with a paired test.")
    ] = "",
    as_json: AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="A booktabs table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Pipe tables.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every metric, one line per run.")] = False,
) -> None:
    """Compare runs side by side.

    Results with the best marked, then only the settings that differ. --baseline: McNemar's exact test over the same
    test images for single runs, a paired t test over common seeds for groups.
    """
    from igdm_tui.report import formats
    from igdm_tui.report.comparison import compare_runs

    if as_json + latex + markdown + as_csv > 1:
        raise IgdmError("compare: --json, --latex, --markdown and --csv exclude each other (choose one)")
    if baseline and (latex or markdown or as_csv):
        raise IgdmError("compare: --baseline is for the terminal and --json (leave the format out, or use --json)")
    with Session.of(context).open_store() as store:
        rows = {row.id: row for row in (store.run(reference) for reference in runs)}
        if baseline:
            base = store.run(baseline)
            rows = rows if base.id in rows else {base.id: base, **rows}
        evaluations = {run_id: store.evaluations(run_id) for run_id in rows}
    comparison = compare_runs(list(rows.values()), group=group, evaluations=evaluations)
    found = None
    if baseline:
        from igdm_tui.report.baseline import against, against_json, against_text, line_of
        from igdm_tui.report.verdicts import read_verdicts

        kept = {row.id: read_verdicts(row.folder, row.settings) for row in rows.values()}
        found = against(comparison, line_of(comparison, base.id), kept)
    if as_json:
        answer_json(formats.as_json(comparison) | (against_json(comparison, found) if found else {}))
    elif latex:
        answer(formats.as_latex(comparison))
    elif markdown:
        answer(formats.as_markdown(comparison))
    elif as_csv:
        answer(formats.as_csv(comparison))
    else:
        width, bold = terminal_width(), wants_bold()
        text = formats.as_text(comparison, width=width, bold=bold)
        answer(f"{text}\n\n{against_text(comparison, found, width=width, bold=bold)}" if found else text)
