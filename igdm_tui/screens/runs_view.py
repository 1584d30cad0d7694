"""How the Runs screen is set up, kept over restarts: columns, order and groups everywhere, filters per home."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from core.spec.home import Home
from igdm_tui import preferences
from igdm_tui.screens.runs_columns import USUAL
from igdm_tui.screens.runs_entries import EXPERIMENT
from igdm_tui.screens.runs_table import NEWEST_FIRST

NAME = "runs"
MOST_HOMES = 50


@dataclass(frozen=True, slots=True)
class View:
    """columns, group: keys. filter, search: as typed. archived: archived runs are shown too."""

    columns: tuple[str, ...] = USUAL
    group: tuple[str, ...] = (EXPERIMENT,)
    sort: str = NEWEST_FIRST
    reverse: bool = False
    filter: str = ""
    search: str = ""
    archived: bool = False


def load_view(home: Home, tell: Callable[[str], object]) -> View:
    """The view as it was left; defaults for what is missing or makes no sense."""
    kept = preferences.load(NAME, tell=tell)
    here = _mapping(_mapping(kept.get("homes")).get(str(home.path)))
    default = View()
    return View(
        columns=_words(kept.get("columns"), default.columns),
        group=_words(kept.get("group"), default.group),
        sort=_text(kept.get("sort"), default.sort),
        reverse=kept.get("reverse") is True,
        filter=_text(here.get("filter"), ""),
        search=_text(here.get("search"), ""),
        archived=here.get("archived") is True,
    )


def save_view(home: Home, view: View, tell: Callable[[str], object]) -> None:
    """Keep the view. Other homes keep theirs, the oldest of many are forgotten."""
    homes = dict(_mapping(preferences.load(NAME, tell=lambda problem: None).get("homes")))
    homes.pop(str(home.path), None)
    if view.filter or view.search or view.archived:
        homes[str(home.path)] = {"filter": view.filter, "search": view.search, "archived": view.archived}
    values = {
        "columns": list(view.columns),
        "group": list(view.group),
        "sort": view.sort,
        "reverse": view.reverse,
        "homes": dict(list(homes.items())[-MOST_HOMES:]),
    }
    preferences.save(NAME, values, tell=tell)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _words(value: Any, default: tuple[str, ...]) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        return default
    return tuple(dict.fromkeys(value))


def _text(value: Any, default: str) -> str:
    return value if isinstance(value, str) else default
