"""Rules that belong to one place: read when that place is first shown, so that neither the start nor others pay."""

from functools import cache
from pathlib import Path
from typing import Any

from textual.screen import Screen

FOLDER = Path(__file__).parent


@cache
def style_text(name: str) -> str:
    """The rules of screens/<name>.tcss."""
    return (FOLDER / f"{name}.tcss").read_text(encoding="utf-8")


def add_styles(screen: Screen[Any], name: str) -> None:
    """Add the rules of a place to those of the app, once; they hold for what is mounted from now on.

    Textual's own CSS_PATH of a screen would parse the rules of all places again.
    """
    sheet = screen.app.stylesheet
    where = str(FOLDER / f"{name}.tcss")
    if not sheet.has_source(where):
        sheet.add_source(style_text(name), (where, ""))
