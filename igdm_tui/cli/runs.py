"""`igdm ls`, `show` and `compare`: what runs there are and what came of them."""

from typing import Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, answer, answer_json, say, terminal_width, wants_bold

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
    from igdm_tui.report.evaluation_text import judgement_json
    from igdm_tui.report.run_text import run_text

    with Session.of(context).open_store() as store:
        row = store.run(run)
        judgements = store.judgements(row.id)
        if as_json:
            answer_json(row.to_json() | {"evaluations": [judgement_json(row.id, entry) for entry in judgements]})
        else:
            said, evaluations = store.warnings(row.id), store.evaluations(row.id)
            answer(run_text(row, evaluations, said, judgements=judgements, bold=wants_bold()))


def compare(
    context: typer.Context,
    *,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, starts of ids, names, or latest.")],
    group: Annotated[bool, typer.Option("--group", help="One line per experiment: mean ± std (n) over seeds.")] = False,
    baseline: Annotated[
        str, typer.Option("--baseline", metavar="RUN", help="Differences to this run's line, with a paired test.")
    ] = "",
    paper: Annotated[bool, typer.Option("--paper", help="Published results beside ours, with the difference.")] = False,
    metrics: Annotated[
        str, typer.Option("--metrics", metavar="NAME,...", help="Columns of the tables. [default: the usual ones]")
    ] = "",
    as_json: AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="A booktabs table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Pipe tables.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every metric, one line per run.")] = False,
) -> None:
    """Compare runs side by side.

    Results with the best marked, then only the settings that differ. --baseline: McNemar's exact test over the same
    test images for single runs, a paired t test over common seeds for groups. --paper: what the papers print for the
    same data set, teacher, student and method, with or without IGDM.
    """
    from igdm_tui.report import formats, table
    from igdm_tui.report.comparison import chosen_metrics, compare_runs
    from igdm_tui.report.published import published_json, published_matches, published_table

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
    names = chosen_metrics(comparison, metrics)
    matches = published_matches(comparison) if paper else {}
    if paper and not matches:
        say("compare: no result was published for these data sets, teachers, students and methods")
    beside = published_table(comparison, matches, names) if matches else None
    found = None
    if baseline:
        from igdm_tui.report.baseline import against, against_json, against_text, line_of
        from igdm_tui.report.verdicts import verdicts_of_run

        kept = {row.id: verdicts_of_run(row.folder, row.settings, evaluations[row.id]) for row in rows.values()}
        found = against(comparison, line_of(comparison, base.id), kept)
    if as_json:
        content = formats.as_json(comparison) | (against_json(comparison, found) if found else {})
        answer_json(content | ({"published": published_json(comparison, matches)} if paper else {}))
    elif latex:
        answer("\n\n".join([formats.as_latex(comparison, names), *([table.latex(beside)] if beside else [])]))
    elif markdown:
        answer("\n\n".join([formats.as_markdown(comparison, names), *([table.markdown(beside)] if beside else [])]))
    elif as_csv:
        answer(formats.as_csv(comparison, matches))
    else:
        width, bold = terminal_width(), wants_bold()
        parts = [formats.as_text(comparison, names, width=width, bold=bold)]
        parts += [table.text(beside, width=width, bold=bold)] if beside else []
        parts += [against_text(comparison, found, width=width, bold=bold)] if found else []
        answer("\n\n".join(parts))
