"""`igdm queue`: runs wait for a device; and `igdm retry`: a run that did not finish waits again."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.spec.errors import IgdmError
from igdm_tui.cli.session import Session, answer, answer_json, say, terminal_width, wants_bold
from igdm_tui.cli.start import On

if TYPE_CHECKING:
    from core.spec.run_folder import RunFolder
    from igdm_tui.queue.view import QueueView

app = typer.Typer(
    help="Let runs wait for a free device. A supervisor starts them, also after logout.", no_args_is_help=True
)

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]
Run = Annotated[str, typer.Argument(help="An id, the start of one, a name, or latest.")]
MaybeRun = Annotated[str, typer.Argument(metavar="[RUN]", help="One run; without it the whole queue.")]
Runs = Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids, starts of ids, names, or latest.")]
Priority = Annotated[int, typer.Option(help="Higher goes first.")]
MaxAttempts = Annotated[int, typer.Option(min=1, help="How often a run that vanishes is started.")]


@app.command()
def add(
    context: typer.Context,
    *,
    config: Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/digits.toml.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same as --set runtime.seed=N.")] = None,
    seeds: Annotated[str, typer.Option(metavar="0,1,2", help="One run for each seed.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "",
    name: Annotated[str, typer.Option(help="A name to call the run by.")] = "",
    priority: Priority = 0,
    max_attempts: MaxAttempts = 3,
    paused: Annotated[bool, typer.Option("--paused", help="Wait until resumed.")] = False,
    on: On = "here",
    as_json: AsJson = False,
) -> None:
    """Describe a run and let it wait for a device; its id goes to stdout."""
    from core.spec.data_files import require_data
    from core.spec.loading import config_warnings, load_config
    from igdm_tui.cli.start import is_on_slurm, submit_configs, wanted_seeds
    from igdm_tui.launch import enqueue
    from igdm_tui.store.connection import check_database

    session = Session.of(context)
    changes = list(overrides or ())
    changes += [f"runtime.device={json.dumps(device)}"] if device else []
    changes += [f"name={json.dumps(name, ensure_ascii=False)}"] if name.strip() else []
    seed_changes = [[] if each is None else [f"runtime.seed={each}"] for each in wanted_seeds(seed, seeds)]
    configs = [load_config(config, [*changes, *change]) for change in seed_changes]
    if is_on_slurm(on):
        submit_configs(session, configs, as_json=as_json)
        return
    check_database(session.home)
    require_data(configs[0].data, session.home)
    say(*(f"warning: {warning}" for warning in config_warnings(configs[0])))
    options = {"priority": priority, "max_attempts": max_attempts}
    added = [enqueue(each, session.home, session.words, paused=paused, **options) for each in configs]
    _report_added(session, added, as_json=as_json)


@app.command()
def ls(context: typer.Context, as_json: AsJson = False) -> None:
    """What runs, what waits and why."""
    from igdm_tui.queue.summon import ensure_supervisor

    session = Session.of(context)
    try:
        ensure_supervisor(session.home)
    except IgdmError as error:  # a home that is only read: the list is worth as much
        say(f"warning: {error}")
    view = _view(session)
    if as_json:
        answer_json(view.to_json())
        return
    answer(queue_text(view))
    say(_state_of(view))


@app.command()
def pause(context: typer.Context, run: MaybeRun = "") -> None:
    """Keep a run waiting until resumed; one that runs stops after a checkpoint first.

    Without RUN: start nothing new.
    """
    from igdm_tui.queue import control

    session = Session.of(context)
    if not run:
        control.hold(session.home)
        say("nothing new starts; runs go on (igdm queue resume)")
        return
    folder = _folder(session, run)
    say(f"{folder.run_id}: {control.pause(folder)} (igdm queue resume {folder.run_id})")


@app.command()
def resume(context: typer.Context, run: MaybeRun = "") -> None:
    """Let a paused run wait for its turn again. Without RUN: start runs again."""
    from igdm_tui.queue import control
    from igdm_tui.queue.summon import ensure_supervisor

    session = Session.of(context)
    if run:
        folder = _folder(session, run)
        control.unpause(folder)
        say(f"{folder.run_id}: waits for its turn")
    else:
        control.unhold(session.home)
        say("runs start again")
    ensure_supervisor(session.home)


@app.command()
def move(
    context: typer.Context,
    run: Run,
    to: Annotated[int, typer.Option("--to", min=1, help="Its new place, from 1.")],
) -> None:
    """Put a waiting run at another place."""
    from igdm_tui.queue import control

    folder = _folder(Session.of(context), run)
    say(f"{folder.run_id}: now at place {control.move(folder, to)}")


@app.command()
def priority(
    context: typer.Context, run: Run, value: Annotated[int, typer.Argument(help="Higher goes first.")]
) -> None:
    """Change the priority of a run."""
    from igdm_tui.queue import control

    folder = _folder(Session.of(context), run)
    control.set_priority(folder, value)
    say(f"{folder.run_id}: priority {value}")


@app.command()
def remove(context: typer.Context, runs: Runs) -> None:
    """Take runs out of the queue; one that runs is stopped after a checkpoint. Each can be retried."""
    from igdm_tui.queue import control

    session = Session.of(context)
    for folder in [_folder(session, reference) for reference in runs]:
        say(f"{folder.run_id}: {control.remove(folder)} (igdm retry {folder.run_id} puts it back)")


@app.command()
def start(context: typer.Context) -> None:
    """Start runs again and see to it that a supervisor is there: after a restart of the machine, or igdm queue stop."""
    from igdm_tui.queue import control
    from igdm_tui.queue.summon import ensure_supervisor

    session = Session.of(context)
    control.unhold(session.home)
    started = ensure_supervisor(session.home)
    say("a supervisor was started" if started else _state_of(_view(session)))


@app.command()
def stop(context: typer.Context) -> None:
    """Start nothing new and end the supervisor; runs go on."""
    from igdm_tui.queue import control
    from igdm_tui.queue.summon import end_supervisor

    session = Session.of(context)
    control.hold(session.home)
    ended = end_supervisor(session.home)
    say(f"{'the supervisor has ended' if ended else 'no supervisor was there'}; runs go on (igdm queue start)")


def retry(
    context: typer.Context,
    runs: Runs,
    priority: Annotated[int | None, typer.Option(help="Higher goes first. [default: as before, else 0]")] = None,
    max_attempts: MaxAttempts = 3,
    as_json: AsJson = False,
) -> None:
    """Let runs that failed, were stopped or are lost wait for a device again.

    Each goes on from its checkpoint where it has one.
    """
    from core.spec.run_folder import RunFolder
    from igdm_tui.queue.control import put
    from igdm_tui.queue.summon import ensure_supervisor

    session = Session.of(context)
    folders = [RunFolder(session.find(reference).folder) for reference in runs]
    for folder in folders:
        put(folder, priority=priority, max_attempts=max_attempts)
    ensure_supervisor(session.home)
    _report_added(session, folders, as_json=as_json)


def queue_text(view: "QueueView") -> str:
    """Two tables in one: what runs, then what waits."""
    from igdm_tui.report.text_table import Column, text_table

    rows = [*view.running, *(entry.row for entry in view.waiting)]
    waiting = {entry.row.id: entry for entry in view.waiting}

    def of_waiting(name: str) -> list[str]:
        return [str(getattr(waiting[row.id].ticket, name)) if row.id in waiting else "" for row in rows]

    places = [str(waiting[row.id].position) if row.id in waiting else "" for row in rows]
    devices = [waiting[row.id].ticket.device if row.id in waiting else row.device for row in rows]
    columns = [
        Column(title="place", cells=places, right=True, importance=900),
        Column(title="id", cells=[row.id for row in rows], importance=1000),
        Column(title="status", cells=[row.status for row in rows], importance=950),
        Column(title="name", cells=[row.name for row in rows], importance=800, widest=32),
        Column(title="seed", cells=[str(row.seed) for row in rows], right=True, importance=400),
        Column(title="device", cells=devices, importance=700),
        Column(title="priority", cells=of_waiting("priority"), right=True, importance=600),
        Column(title="now", cells=[row.stage for row in rows], importance=850, widest=60),
    ]
    return text_table(columns, width=terminal_width(), bold=wants_bold())


def _state_of(view: "QueueView") -> str:
    """One sentence about the queue as a whole."""
    counts = f"{len(view.running)} running, {len(view.waiting)} waiting"
    if view.is_held:
        return f"{counts}; stopped: nothing new starts (igdm queue start)"
    who = f"supervised by process {view.supervisor.pid}" if view.supervisor else "no supervisor is needed now"
    return f"{counts}; {who}"


def _view(session: Session) -> "QueueView":
    from igdm_tui.queue.view import view_queue

    with session.open_store() as store:
        return view_queue(session.home, store.runs())


def _folder(session: Session, reference: str) -> "RunFolder":
    from core.spec.run_folder import RunFolder

    return RunFolder(session.find(reference).folder)


def _report_added(session: Session, folders: "list[RunFolder]", *, as_json: bool) -> None:
    """Ids on stdout, or each with its place in JSON."""
    if as_json:
        ids = {folder.run_id for folder in folders}
        view = _view(session).to_json()
        answer_json([entry for entry in [*view["running"], *view["waiting"]] if entry["id"] in ids])
    else:
        answer("\n".join(folder.run_id for folder in folders))
    say(f"{len(folders)} in the queue; next: igdm queue ls, igdm ls, or igdm-tui")
