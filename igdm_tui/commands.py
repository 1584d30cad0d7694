"""What the command palette lists: the places, then every key of the screen and of what has the focus on it."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from textual.app import SystemCommand
from textual.dom import DOMNode
from textual.screen import Screen

from igdm_tui.keys import KEYS, PARTS
from igdm_tui.screens.base import PlaceScreen

if TYPE_CHECKING:
    from igdm_tui.app import IgdmApp


def commands(app: "IgdmApp", screen: Screen[object]) -> Iterable[SystemCommand]:
    """(title, help, what it does) of everything that can be done now."""
    yield SystemCommand("Runs", "All runs", app.action_runs)
    yield SystemCommand("Launch a run", "Describe and launch a new run", app.action_launch)
    yield SystemCommand("Queue", "What runs, what waits and why", app.action_queue)
    yield SystemCommand("Compare the marked runs", "Those marked on Runs", app.action_compare_marked)
    yield SystemCommand("Export runs", "A table, figure or report of these runs as a file", app.action_export_here)
    if isinstance(screen, PlaceScreen):
        for key in KEYS[screen.PLACE]:
            yield SystemCommand(key.help, f"key: {key.shown}", _caller(app, screen, key.action))
        focused = screen.focused
        for part, title in PARTS.get(screen.PLACE, ()):
            for key in KEYS[part]:
                if focused is not None and hasattr(focused, f"action_{key.action.partition('(')[0]}"):
                    yield SystemCommand(
                        key.help, f"{title.lower()}, key: {key.shown}", _caller(app, focused, key.action)
                    )
    yield SystemCommand("Keys of this screen", "key: ?", app.action_help)
    yield SystemCommand("Change the theme", "Colours: igdm-dark, igdm-light and others", app.action_change_theme)
    yield SystemCommand("User settings", "Open config.toml in your editor", app.action_user_settings)
    yield SystemCommand("Save a picture of the screen", "SVG in the current folder", app.action_screenshot)
    yield SystemCommand("Leave", "key: ctrl+q; runs go on", app.action_quit)


def _caller(app: "IgdmApp", node: DOMNode, action: str) -> Callable[[], Awaitable[None]]:
    """A command that does what the key does."""

    async def call() -> None:
        await app.run_action(action, node)

    return call
