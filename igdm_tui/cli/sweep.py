"""`igdm sweep`: a matrix of settings and seeds, previewed, then queued; again, to fill in what failed or is missing."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from igdm_tui.cli.session import Session, answer, answer_json, say, terminal_width, wants_bold
from igdm_tui.cli.start import On

if TYPE_CHECKING:
    from igdm_tui.queue.sweep import SweepCell
    from igdm_tui.store import RunRow


def sweep(
    context: typer.Context,
    *,
    matrix: Annotated[Path, typer.Argument(help="A TOML file with [matrix] or [[row]]; or one run, for --seeds.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting for all; may be repeated.")
    ] = None,
    seeds: Annotated[str, typer.Option(metavar="0,1,2", help="Each run once with each of these.")] = "",
    priority: Annotated[int, typer.Option(help="Higher goes first.")] = 0,
    max_attempts: Annotated[int, typer.Option(min=1, help="How often a run that vanishes is started.")] = 3,
    on: On = "here",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be queued.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Queue every run of a matrix that is not there yet.

    Finished, running and waiting ones are skipped; failed, stopped and lost ones go on. The same command again fills in
    what is missing.
    """
    from core.spec.data_files import require_data
    from igdm_tui.cli.start import is_on_slurm, wanted_seeds
    from igdm_tui.queue.sweep import NEW, REFILL, expand_sweep, plan_sweep
    from igdm_tui.store.connection import check_database

    session = Session.of(context)
    on_slurm = is_on_slurm(on)
    wanted = [seed for seed in wanted_seeds(None, seeds) if seed is not None]
    runs = expand_sweep(matrix, list(overrides or ()), wanted)
    check_database(session.home)
    cells = plan_sweep(runs, _rows(session))
    due = [cell for cell in cells if cell.action in (NEW, REFILL)]
    if not as_json:
        answer(sweep_text(cells))
    say(_summary(cells, dry_run=dry_run))
    added: dict[int, str] = {}
    if not dry_run and due:
        for data in {cell.config.data.model_dump_json(): cell.config.data for cell in due}.values():
            require_data(data, session.home)
        if on_slurm:
            added = _submit(session, due)
        for cell in [] if on_slurm else due:
            added[id(cell)] = _queue(session, cell, priority=priority, max_attempts=max_attempts)
    if as_json:
        answer_json([cell.to_json() | ({"id": added[id(cell)]} if id(cell) in added else {}) for cell in cells])
    if added:
        ls = "igdm ls" if on_slurm else "igdm queue ls, igdm ls"
        say(f"next: {ls}, or igdm-tui; the same command again fills in what has failed")


def sweep_text(cells: "list[SweepCell]") -> str:
    """One line per run of the matrix: what is done with it, and what it is."""
    from igdm_tui.report.text_table import Column, text_table

    entries = [cell.to_json() for cell in cells]

    def column(title: str, key: str, importance: int, *, right: bool = False, widest: int = 0) -> Column:
        cells = ["" if entry[key] is None else str(entry[key]) for entry in entries]
        extra = {"widest": widest} if widest else {}
        return Column(title=title, cells=cells, importance=importance, right=right, **extra)

    alphas = [f"{entry['igdm_alpha']:g}" for entry in entries]
    columns = [
        column("do", "action", 1000),
        column("label", "label", 700, widest=36),
        column("method", "method", 900),
        Column(title="alpha", cells=alphas, right=True, importance=880),
        column("student", "student", 800),
        column("teacher", "teacher", 790),
        column("seed", "seed", 890, right=True),
        column("settings", "settings_hash", 600),
        column("there", "status", 850),
        column("id", "id", 500),
    ]
    return text_table(columns, width=terminal_width(), bold=wants_bold())


def _summary(cells: "list[SweepCell]", *, dry_run: bool) -> str:
    """How many of what: "12 runs: 5 new, 2 again (1 failed, 1 lost), 5 skipped (4 finished, 1 running)"."""
    parts = []
    for action, word in (("new", "new"), ("again", "again"), ("skip", "skipped")):
        chosen = [cell for cell in cells if cell.action == action]
        why = Counter(cell.run.status for cell in chosen if cell.run is not None)
        detail = ", ".join(f"{count} {status}" for status, count in sorted(why.items()))
        if chosen:
            parts.append(f"{len(chosen)} {word}" + (f" ({detail})" if detail else ""))
    return f"{len(cells)} runs: {', '.join(parts)}" + (" (nothing was queued)" if dry_run else "")


def _rows(session: Session) -> "list[RunRow]":
    if not session.home.path.is_dir():
        return []
    with session.open_store() as store:
        return store.runs()


def _submit(session: Session, due: "list[SweepCell]") -> dict[int, str]:
    """Hand cells to Slurm, those that ask for the same as one array; the ids of their runs by cell."""
    from core.spec.run_folder import RunFolder
    from igdm_tui.launch import create_run
    from igdm_tui.slurm.submit import require_slurm, submit_runs, user_defaults

    require_slurm()
    user_defaults()
    runs = []
    for cell in due:
        there = cell.run and RunFolder(cell.run.folder)
        runs.append((there or create_run(session.home, cell.config, session.words), cell.config))
    jobs = submit_runs(session.home, runs)
    for (folder, _), job in zip(runs, jobs, strict=True):
        say(f"{folder.run_id}: Slurm job {job}")
    return {id(cell): folder.run_id for cell, (folder, _) in zip(due, runs, strict=True)}


def _queue(session: Session, cell: "SweepCell", *, priority: int, max_attempts: int) -> str:
    """Queue a cell; the id of its run."""
    from core.spec.run_folder import RunFolder
    from igdm_tui.launch import enqueue
    from igdm_tui.queue.control import put
    from igdm_tui.queue.summon import ensure_supervisor

    if cell.run is None:
        folder = enqueue(cell.config, session.home, session.words, priority=priority, max_attempts=max_attempts)
        return folder.run_id
    folder = RunFolder(cell.run.folder)
    put(folder, priority=priority, max_attempts=max_attempts)
    ensure_supervisor(session.home)
    return folder.run_id
