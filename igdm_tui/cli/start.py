"""`igdm run`, `stop` and `resume`: start a detached worker, follow what it says, ask it to stop."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, answer, answer_json, say

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from core.spec.run_folder import RunFolder

Detach = Annotated[bool, typer.Option("--detach", help="Leave it in the background; its id goes to stdout.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer with the run in JSON when it has ended.")]
On = Annotated[
    str, typer.Option("--on", metavar="WHERE", help="here, or slurm: hand it to the cluster; its id goes to stdout.")
]


def run(
    context: typer.Context,
    *,
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/digits.toml.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same as --set runtime.seed=N.")] = None,
    seeds: Annotated[str, typer.Option(metavar="0,1,2", help="One run after another, one for each seed.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "",
    name: Annotated[str, typer.Option(help="A name to call the run by.")] = "",
    detach: Detach = False,
    on: On = "here",
    as_json: AsJson = False,
) -> None:
    """Train, attack and measure one configuration.

    Ctrl-C stops it after a checkpoint.
    """
    from core.spec.loading import load_config

    wanted = wanted_seeds(seed, seeds)
    changes = list(overrides or ())
    changes += [f"runtime.device={json.dumps(device)}"] if device else []
    changes += [f"name={json.dumps(name, ensure_ascii=False)}"] if name.strip() else []
    configs: list[RunConfig] = []
    for each in wanted:
        configs.append(load_config(config, [*changes, *([] if each is None else [f"runtime.seed={each}"])]))
    if is_on_slurm(on):
        submit_configs(Session.of(context), configs, as_json=as_json)
    else:
        run_configs(Session.of(context), configs, detach=detach, as_json=as_json)


def run_configs(session: Session, configs: "list[RunConfig]", *, detach: bool, as_json: bool) -> None:
    """Start one run after another and follow each, or leave them in the background; their results come last.

    Raises: typer.Exit with the worst exit code of a run; IgdmError when something is missing.
    """
    from core.spec.data_files import require_data
    from core.spec.loading import config_warnings
    from igdm_tui.launch import create_run, start_worker
    from igdm_tui.store.connection import check_database

    check_database(session.home)
    require_data(configs[0].data, session.home)
    say(*(f"warning: {warning}" for warning in config_warnings(configs[0])))
    if detach and len(configs) > 1:
        say(f"warning: --detach starts all {len(configs)} runs at once")
    started: list[RunFolder] = []
    worst = 0
    for each_config in configs:
        folder = create_run(session.home, each_config, session.words)
        start_worker(folder)
        started.append(folder)
        if not detach:
            worst = max(worst, _follow(folder, each_config.title, offset=0))
    _report(session, started, detach=detach, as_json=as_json, is_list=len(configs) > 1)
    if worst:
        raise typer.Exit(worst)


def is_on_slurm(on: str) -> bool:
    """What --on asks for.

    Raises: IgdmError for a place that does not exist.
    """
    if on not in ("here", "slurm"):
        raise IgdmError(f"--on: {on!r} is no place to run (write --on here or --on slurm)")
    return on == "slurm"


def submit_configs(session: Session, configs: "list[RunConfig]", *, as_json: bool) -> None:
    """Make runs and hand them to Slurm together; their ids are the answer.

    Raises: IgdmError when something is missing; RunFailedError when Slurm does not take them.
    """
    from core.spec.data_files import require_data
    from core.spec.loading import config_warnings
    from igdm_tui.launch import create_run
    from igdm_tui.slurm.submit import require_slurm, submit_runs, user_defaults
    from igdm_tui.store.connection import check_database

    require_slurm()
    user_defaults()
    check_database(session.home)
    require_data(configs[0].data, session.home)
    say(*(f"warning: {warning}" for warning in config_warnings(configs[0])))
    runs = [(create_run(session.home, config, session.words), config) for config in configs]
    jobs = submit_runs(session.home, runs)
    for (folder, _), job in zip(runs, jobs, strict=True):
        say(f"{folder.run_id}: Slurm job {job}")
    _report(session, [folder for folder, _ in runs], detach=True, as_json=as_json, is_list=len(configs) > 1)


def stop(
    context: typer.Context,
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, starts of ids, names, or latest.")],
    grace: Annotated[float, typer.Option(min=0, help="Seconds until a worker that goes on is killed.")] = 60.0,
) -> None:
    """Stop runs after a checkpoint, or take them out of the queue.

    Each can be resumed.
    """
    from core.spec.run_folder import RunFolder
    from igdm_tui.launch import stop_run

    session = Session.of(context)
    for row in [session.find(reference) for reference in runs]:
        evaluating = RunFolder(row.folder).read_evaluating()
        said = stop_run(RunFolder(row.folder), wait_s=grace)
        goes_on = "the same igdm eval command goes on" if evaluating else f"igdm resume {row.id} goes on"
        say(f"{row.id}: {said} ({goes_on})")


def resume(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="An id, the start of one, a name, or latest.")],
    detach: Detach = False,
    on: On = "here",
    as_json: AsJson = False,
) -> None:
    """Go on with a run from its last checkpoint.

    It was stopped, has failed, or was lost.
    """
    from core.spec.event_file import read_lines
    from core.spec.run_folder import RunFolder
    from igdm_tui.launch import resume_run

    session = Session.of(context)
    row = session.find(run)
    folder = RunFolder(row.folder)
    if row.folder_missing:
        raise IgdmError(f"{row.id}: its folder {folder.path} is gone (nothing is left to resume)")
    if is_on_slurm(on):
        from core.spec.loading import load_config
        from igdm_tui.launch import require_resumable
        from igdm_tui.slurm.submit import submit_runs

        require_resumable(folder)
        say(f"{row.id}: Slurm job {submit_runs(session.home, [(folder, load_config(folder.config))])[0]}")
        _report(session, [folder], detach=True, as_json=as_json, is_list=False)
        return
    _, offset = read_lines(folder.events)
    resume_run(folder)
    worst = 0 if detach else _follow(folder, row.name, offset=offset)
    _report(session, [folder], detach=detach, as_json=as_json, is_list=False)
    if worst:
        raise typer.Exit(worst)


def wanted_seeds(seed: int | None, seeds: str) -> list[int | None]:
    """The seeds that are wanted; [None] for the configuration's own.

    Raises: IgdmError for text that lists none.
    """
    if not seeds:
        return [seed]
    if seed is not None:
        raise IgdmError("run: --seed and --seeds exclude each other (choose one)")
    try:
        found: list[int | None] = [int(word) for word in seeds.split(",")]
    except ValueError as error:
        raise IgdmError(f"--seeds: {seeds!r} lists no whole numbers (write --seeds 0,1,2)") from error
    if len(set(found)) != len(found):
        raise IgdmError(f"--seeds: {seeds!r} names a seed twice (name each once)")
    return found


def _follow(folder: "RunFolder", name: str, *, offset: int) -> int:
    """Show a run until it ends; the exit code. Ctrl-C stops it."""
    from igdm_tui.cli.follow import Ending, display_for_terminal, follow

    ending = follow(folder, name, display_for_terminal(), offset=offset)
    run_id = folder.run_id
    if ending is Ending.STOPPED:
        say(f"{run_id}: stopped after a checkpoint; next: igdm resume {run_id}")
    elif ending is Ending.FAILED:
        say(f"{run_id}: failed; its output is in {folder.log}; next: igdm resume {run_id}")
    elif ending is Ending.LOST:
        say(f"{run_id}: its worker is gone without a word; see {folder.log}; next: igdm resume {run_id}")
    return ending.exit_code


def _report(session: Session, folders: "list[RunFolder]", *, detach: bool, as_json: bool, is_list: bool) -> None:
    """The results of what was started: JSON or ids on stdout, a table on stderr."""
    from igdm_tui.report.comparison import TABLE_METRICS
    from igdm_tui.report.run_text import results_table

    with session.open_store() as store:
        rows = [store.run(folder.run_id) for folder in folders]
        evaluations = {row.id: store.evaluations(row.id) for row in rows}
    if as_json:
        found = [row.to_json() for row in rows]
        answer_json(found if is_list else found[0])
    elif detach:
        answer("\n".join(row.id for row in rows))
    if detach:
        say(f"in the background; next: igdm show {rows[-1].id}, igdm stop {rows[-1].id}, or igdm-tui")
        return
    for row in rows:
        if row.status == "finished":
            say("", f"{row.id}  {row.name}", results_table(row, evaluations[row.id], only=TABLE_METRICS))
    finished = [row.id for row in rows if row.status == "finished"]
    if finished:
        group = " --group" if len(finished) > 1 else ""
        more = " OTHER" if len(finished) == 1 else ""
        say("", f"next: igdm show {finished[-1]}, igdm compare {' '.join(finished)}{more}{group}, or igdm-tui")
