"""The command line as a whole: the options before every command, and who answers which."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from igdm_tui.cli import (
    cloning,
    config,
    database,
    evaluate,
    export,
    labels,
    queue,
    runs,
    start,
    sweep,
    system,
    teachers,
)
from igdm_tui.cli.session import Session
from igdm_tui.user_settings import find_home

HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="igdm",
    help="Adversarial distillation with IGDM: start runs, follow them, compare them.",
    context_settings=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def options(
    context: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            help="Folder of runs/ and experiments.db. [default: $IGDM_HOME, else home of config.toml, else .]"
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    version: Annotated[bool, typer.Option("--version", "-V", help="Show the version and leave.")] = False,
) -> None:
    """Adversarial distillation with IGDM: start runs, follow them, compare them."""
    if version:
        from igdm_tui import __version__

        print(f"igdm-tui {__version__}")
        raise typer.Exit
    context.obj = Session(find_home(home), ["igdm", *sys.argv[1:]])


for command in (
    start.run, sweep.sweep, runs.ls, runs.show, runs.compare, export.export, start.stop, start.resume, queue.retry,
    cloning.clone, labels.note, labels.archive, labels.unarchive, system.tui, system.doctor, system.where,
):  # fmt: skip
    app.command(context_settings=HELP)(command)
app.command(context_settings=labels.WORDS_WITH_MINUS)(labels.tag)
app.command("eval", context_settings=HELP)(evaluate.evaluate)
app.add_typer(config.app, name="config", context_settings=HELP)
app.add_typer(database.app, name="db", context_settings=HELP)
app.add_typer(queue.app, name="queue", context_settings=HELP)
app.add_typer(teachers.app, name="teachers", context_settings=HELP)
