"""`igdm teachers`: published checkpoints and teachers trained here."""

from pathlib import Path
from typing import Annotated, Any

import typer

from igdm_tui.cli.session import Session, answer, answer_json, answer_places, say, terminal_width, wants_bold

app = typer.Typer(help="List, fetch and train teachers.", no_args_is_help=True, rich_markup_mode=None)
Dataset = Annotated[str, typer.Option(help="Data set, e.g. cifar-10.")]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


@app.command()
def ls(context: typer.Context, dataset: Dataset = "", as_json: AsJson = False) -> None:
    """List published teachers beside what was measured here, and those of this home."""
    from igdm_tui.teachers.listing import known_teachers, teachers_text

    teachers = known_teachers(Session.of(context).home, dataset)
    if as_json:
        answer_json([teacher.to_json() for teacher in teachers])
    elif teachers:
        answer(teachers_text(teachers, width=terminal_width(), bold=wants_bold()))
    else:
        say(f"no teachers for {dataset!r} (igdm teachers ls lists all)")


@app.command()
def fetch(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="ltd, ltd2, bdm-at or ikl-at.")],
    dataset: Dataset = "",
    file: Annotated[Path | None, typer.Option(help="A checkpoint that you downloaded yourself.")] = None,
    as_json: AsJson = False,
) -> None:
    """Download a published checkpoint into the cache.

    It is checked by size, by a strict load, and by clean accuracy where the data set is there.
    """
    from igdm_tui.numbers import percent
    from igdm_tui.teachers.fetch import fetch as fetch_teacher
    from igdm_tui.teachers.fetch import find_teacher

    teacher = find_teacher(name, dataset)
    found = fetch_teacher(teacher, Session.of(context).home, file=file, say=say)
    if as_json:
        answer_json({"name": teacher.name, "dataset": teacher.dataset, "path": str(teacher.path), **found})
        return
    measured = found["clean_accuracy"]
    accuracy = f", clean {percent(measured)} on {found['examples']} images" if measured is not None else ""
    say(
        f"{teacher.title} for {teacher.dataset}: {found['tensors']} tensors fit{accuracy} (published"
        f" {percent(teacher.clean)}); use it with teacher.source = published, teacher.published = {teacher.name}"
    )
    answer_places(str(teacher.path))


@app.command()
def train(
    context: typer.Context,
    config: Annotated[Path, typer.Argument(help="A TOML file; its [teacher] and [data] count.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make the teacher of a configuration now, so that runs find it.

    Ctrl-C stops it after a checkpoint; the same command goes on.
    """
    from core.spec.errors import IgdmError
    from core.spec.loading import config_warnings, load_config
    from core.spec.teacher_source import require_teachers
    from igdm_tui.numbers import metric
    from igdm_tui.teachers.process import train_teacher

    wanted = load_config(config, overrides or ())
    if wanted.teacher.source == "none":
        raise IgdmError(f"{config}: teacher.source is none (there is no teacher to make)")
    home = Session.of(context).home.ensure()
    require_teachers(wanted, home)
    say(*(f"warning: {warning}" for warning in config_warnings(wanted)))
    last = train_teacher(wanted, home, _tell)
    if as_json:
        answer_json({"teacher_hash": last["recipe_hash"], "cached": last["cached"], "metrics": last["metrics"]})
        return
    accuracies = ", ".join(f"{name} {metric(name, value)}" for name, value in last["metrics"].items())
    say(f"teacher {'was there already' if last['cached'] else 'ready'}: {accuracies}")
    answer(last["recipe_hash"])


def _tell(word: dict[str, Any]) -> None:
    """One line of talk per finished epoch, or per change of state."""
    if word["state"] == "training" and word["metrics"]:
        say(f"teacher epoch {word['epoch']}/{word['epochs']}: loss {word['metrics'].get('loss', float('nan')):.4f}")
    elif word["state"] in ("waiting", "loading"):
        say(f"teacher {word['state']}")
