"""`igdm ls`, `show` and `compare`: what runs there are and what came of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, answer, answer_json, say, terminal_width, wants_bold

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
LISTED = ("clean_accuracy", "pgd20_accuracy", "autoattack_accuracy", "gradient_distance", "gradient_cosine")


def ls(
    context: typer.Context,
    filter_text: Annotated[
        str,
        typer.Option(
            "--filter",
            metavar="EXPR",
            help="Only runs that fit: 'method=adaad and igdm.alpha>0'. Signs: = != < <= > >= and ~ (contains).",
        ),
    ] = "",
    sort_key: Annotated[
        str, typer.Option("--sort", metavar="KEY", help="A column, metric or setting; -KEY the other way round.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    from igdm_tui.cli.selecting import filtered, sorted_by

    session = Session.of(context)
    with session.open_store() as store:
        runs = sorted_by(filtered(store.runs(), filter_text), sort_key)
    if as_json:
        answer_json([run.to_json() for run in runs])
    elif runs:
        answer(_listing(runs))
    elif filter_text:
        say(f"no run in {session.home.path} fits {filter_text!r}")
    else:
        say(f"{session.home.path}: no runs yet (start one: igdm run configs/digits.toml)")


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
    as_json: AsJson = False,
    latex: Annotated[bool, typer.Option("--latex", help="A booktabs table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Pipe tables.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Every metric, one line per run.")] = False,
) -> None:
    """Compare runs side by side.

    Results with the best marked, then only the settings that differ.
    """
    from igdm_tui.report import formats
    from igdm_tui.report.comparison import compare_runs

    if as_json + latex + markdown + as_csv > 1:
        raise IgdmError("compare: --json, --latex, --markdown and --csv exclude each other (choose one)")
    with Session.of(context).open_store() as store:
        rows = {row.id: row for row in (store.run(reference) for reference in runs)}
        evaluations = {run_id: store.evaluations(run_id) for run_id in rows}
    comparison = compare_runs(list(rows.values()), group=group, evaluations=evaluations)
    if as_json:
        answer_json(formats.as_json(comparison))
    elif latex:
        answer(formats.as_latex(comparison))
    elif markdown:
        answer(formats.as_markdown(comparison))
    elif as_csv:
        answer(formats.as_csv(comparison))
    else:
        answer(formats.as_text(comparison, width=terminal_width(), bold=wants_bold()))


def _listing(runs: "list[RunRow]") -> str:
    """One line per run."""
    import time

    from core.spec.catalogue import METRICS
    from igdm_tui.numbers import age, metric
    from igdm_tui.report.text_table import Column, text_table

    now = time.time()
    columns = [
        Column(title="id", cells=[run.id for run in runs], importance=1000),
        Column(title="status", cells=[run.status for run in runs], importance=900),
        Column(title="name", cells=[run.name for run in runs], importance=950, widest=32),
        Column(title="seed", cells=[str(run.seed) for run in runs], right=True, importance=400),
        Column(title="now", cells=[run.stage for run in runs], importance=300, widest=20),
        Column(
            title="epoch",
            cells=[f"{run.epoch}/{run.epochs}" if run.epochs else "" for run in runs],
            right=True,
            importance=350,
        ),
        *(
            Column(
                title=METRICS[name].title,
                cells=[metric(name, run.metrics.get(name)) for run in runs],
                right=True,
                importance=800 - 10 * place,
            )
            for place, name in enumerate(LISTED)
        ),
        Column(title="age", cells=[age(run.created_at, now) for run in runs], right=True, importance=200),
    ]
    return text_table(columns, width=terminal_width(), bold=wants_bold())
