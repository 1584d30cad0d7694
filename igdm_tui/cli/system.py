"""`igdm tui`, `doctor` and `where`: the screens, the state of the machine, the places of files."""

import os
import sys
from typing import Annotated

import typer

from igdm_tui.cli.screens import open_screens
from igdm_tui.cli.session import Session, answer, answer_json, answer_places, say

AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON.")]


def tui(context: typer.Context) -> None:
    """Open the screens. Leaving them stops no run. The same as igdm-tui."""
    code = open_screens(Session.of(context).home)
    if code:
        raise typer.Exit(code)


def doctor(
    context: typer.Context,
    systemd: Annotated[
        bool, typer.Option("--systemd", help="Print a systemd unit that looks after the queue of this home.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Look for what could go wrong.

    Versions, GPU, disk, database, queue, lost runs. Exit code 2 when something is wrong.
    """
    from igdm_tui.cli.checks import run_checks

    home = Session.of(context).home
    if systemd:
        from igdm_tui.queue.summon import systemd_unit

        answer_places(systemd_unit(home))
        return
    checks = run_checks(home)
    if as_json:
        answer_json([{"check": check.name, "state": check.state, "text": check.text} for check in checks])
    else:
        for check in checks:
            answer(f"{check.state:<5} {check.name:<12} {check.text}")
    wrong = [check.name for check in checks if check.state == "wrong"]
    if wrong:
        say(f"wrong: {', '.join(wrong)}")
        raise typer.Exit(2)


def where(context: typer.Context, as_json: AsJson = False) -> None:
    """Say where everything is."""
    import igdm_tui
    from igdm_tui.clipboard import copy_path
    from igdm_tui.user_settings import settings_path

    home = Session.of(context).home
    places = {
        "home": str(home.path),
        "runs": str(home.runs),
        "teachers": str(home.teachers),
        "database": str(home.database),
        "settings": str(settings_path()),
        "copied": str(copy_path()),
        "program": os.path.dirname(os.path.abspath(igdm_tui.__file__)),
        "python": sys.executable,
    }
    if as_json:
        answer_json(places)
    else:
        for name, place in places.items():
            answer_places(f"{name:<9} {place}")
