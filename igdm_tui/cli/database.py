"""`igdm db`: the database as a view that can be made again and proved."""

from typing import Annotated

import typer

from igdm_tui.cli.session import Session, answer_json, say

app = typer.Typer(help="Rebuild or check experiments.db.", no_args_is_help=True, rich_markup_mode=None)
MOST_SHOWN = 20


@app.command()
def rebuild(context: typer.Context) -> None:
    """Make experiments.db anew from the run folders."""
    from igdm_tui.store.rebuild import rebuild as rebuild_database

    home = Session.of(context).home
    count = rebuild_database(home)
    say(f"{home.database}: made anew from {count} run{'' if count == 1 else 's'}")


@app.command()
def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Compare experiments.db with the run folders, table by table. Exit code 2 when they differ."""
    from igdm_tui.store.rebuild import check as check_database

    home = Session.of(context).home
    problems = check_database(home)
    if as_json:
        answer_json({"database": str(home.database), "problems": problems})
    say(*problems[:MOST_SHOWN])
    if problems:
        say(f"{home.database}: differs from the run folders (`igdm db rebuild` makes it anew)")
        raise typer.Exit(2)
    say(f"{home.database}: agrees with the run folders")
