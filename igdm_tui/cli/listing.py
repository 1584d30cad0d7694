"""The answer of `igdm ls`. Imports no Typer: the plain listing is asked for so often that it goes without."""

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from core.spec.catalogue import METRICS
from igdm_tui.cli.session import Session, answer, answer_json, say, terminal_width, wants_bold
from igdm_tui.numbers import age, metric
from igdm_tui.report.text_table import Column, text_table

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

LISTED = ("clean_accuracy", "pgd20_accuracy", "autoattack_accuracy", "gradient_distance", "gradient_cosine")


def list_runs(
    session: Session, *, filter_text: str = "", sort_key: str = "", with_archived: bool = False, as_json: bool = False
) -> None:
    """List the runs that fit, newest first or in another order; archived ones when asked for or filtered by.

    Raises: IgdmError for a condition or key that means nothing.
    """
    with session.open_store() as store:
        runs = store.runs()
    if filter_text or sort_key:
        from igdm_tui.cli.selecting import picked, sorted_by

        found, with_archived = picked(runs, filter_text, with_archived=with_archived)
        runs = sorted_by(found, sort_key)
    archived = 0 if with_archived else sum(run.archived for run in runs)
    if archived:
        runs = [run for run in runs if not run.archived]
    if as_json:
        answer_runs(runs)
    elif runs:
        answer(listing(runs))
    elif filter_text:
        say(f"no run in {session.home.path} fits {filter_text!r}")
    elif archived:
        say(f"{session.home.path}: all {archived} runs are archived (igdm ls --archived lists them)")
    else:
        say(f"{session.home.path}: no runs yet (start one: igdm run configs/digits.toml)")


def answer_runs(runs: "list[RunRow]") -> None:
    """Runs as JSON, as `answer_json` writes it."""
    if not sys.stdout.isatty():
        with suppress(ValueError):  # a number that is not finite: the long way makes it null
            answer(f"[{', '.join(run.json_text() for run in runs)}]")
            return
    answer_json([run.to_json() for run in runs])


def listing(runs: "list[RunRow]") -> str:
    """One line per run."""
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
    if any(run.tags for run in runs):
        columns.insert(-1, Column(title="tags", cells=[" ".join(run.tags) for run in runs], importance=250, widest=24))
    return text_table(columns, width=terminal_width(), bold=wants_bold())
