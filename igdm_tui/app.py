"""IgdmApp: the screens, the threads behind them, and leaving the terminal as it was found."""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported, SystemCommand
from textual.screen import Screen

from core.spec.errors import IgdmError
from core.spec.home import Home
from igdm_tui.clipboard import desktop_message
from igdm_tui.endings import EndWatch, HookFailed, RunsEnded, Teller, ends_text
from igdm_tui.keeping import KeepingApp
from igdm_tui.keys import bindings
from igdm_tui.keys_in_order import KeysInOrder
from igdm_tui.leaving import LeavingApp
from igdm_tui.live import Follower, FollowingFailed, Reader, RunsChanged, in_thread
from igdm_tui.palette import themes
from igdm_tui.screens.base import PlaceScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.user_settings import TEMPLATE, UserSettings, read_user_settings, settings_path
from igdm_tui.warming import Warmer, cool, release_collector

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

DEFAULT_THEME = "igdm-dark"
LOST_S = 2.0  # before a silent worker is called lost: its last words may not have been read yet


class IgdmApp(KeepingApp, LeavingApp, KeysInOrder):
    """Watches and launches runs. Runs are processes of their own: nothing here keeps them alive or ends them."""

    TITLE = "igdm-tui"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("app")
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, home: Home, settings: UserSettings | None = None) -> None:
        """settings: the user's own; None: defaults."""
        super().__init__()
        self.home, self.settings = home, settings or UserSettings()
        self.reader = Reader(home)
        self.follower = Follower(home, self.post_message)
        self.ends, self.teller = EndWatch(), Teller(home, self.settings.on_run_end, self.post_message)
        self.rows: Sequence[RunRow] | None = None
        self.revisions: Mapping[str, int] = {}
        for theme in themes():
            self.register_theme(theme)
        self.theme = self._first_theme()
        self.stylesheet.set_variables(self.get_css_variables())
        self._styled_in = (self.theme, self.ansi_theme)
        self.animation_level = "none"  # many connections are slow, and nothing here needs to move

    def on_mount(self) -> None:
        """Show the runs and begin to follow them."""
        self.heed_signals()
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        self.push_screen(RunsScreen())
        self.call_after_refresh(self.follower.start)
        self.teller.start()

    def on_unmount(self) -> None:
        """The threads end with the screen."""
        self.close_all()

    def close_all(self) -> None:
        """Threads and database; workers go on."""
        self.follower.stop()
        self.teller.stop()
        self.reader.close()
        cool()

    def row(self, run_id: str) -> "RunRow | None":
        """The newest state of a run, None before it is known."""
        return next((row for row in self.rows or () if row.id == run_id), None)

    def on_runs_changed(self, message: RunsChanged) -> None:
        """Keep the newest state and let the visible screen draw it."""
        if self.rows is None:
            self.call_after_refresh(Warmer().start)
        self.rows, self.revisions = message.rows, message.revisions
        ended = self.ends.ended(message.rows)
        self.teller.tell([row for row in ended if row.status != "lost"])
        for row in ended:
            if row.status == "lost":
                self.set_timer(LOST_S, partial(self._tell_if_ended, row.id))
        if not self.is_running:
            return
        for screen in self.screen_stack:
            if isinstance(screen, PlaceScreen):
                screen.heed_runs()

    def launched(self, run_ids: Sequence[str]) -> None:
        """Leave the form: to the run that was started, or to the list of several."""
        from igdm_tui.screens.run import RunScreen

        while len(self.screen_stack) > 1 and not isinstance(self.screen, RunsScreen):
            self.pop_screen()
        if isinstance(self.screen, RunsScreen):
            self.screen.expect(run_ids[-1])
        if len(run_ids) == 1:
            self.push_screen(RunScreen(run_ids[0]))
        else:
            self.say(f"{len(run_ids)} runs are in the queue; they go on without this screen.")

    def on_following_failed(self, message: FollowingFailed) -> None:
        """Say why runs are not followed at the moment."""
        release_collector()
        self.say(f"Runs cannot be followed now: {message.error}", severity="error")

    # Runs that end

    def _tell_if_ended(self, run_id: str) -> None:
        row = self.row(run_id)
        if row is not None and row.status not in ("running", "queued"):
            self.teller.tell([row])

    def on_runs_ended(self, message: RunsEnded) -> None:
        """A toast, and a sound or a message of the desktop as the user settings say."""
        bad = any(row.status in ("failed", "lost") for row in message.rows)
        text = ends_text(message.rows)
        self.say(text, severity="error" if bad else "information")
        if self.settings.notify == "bell":
            self.bell()
        elif self.settings.notify == "osc9" and self._driver is not None:
            self._driver.write(desktop_message(text, in_tmux="TMUX" in os.environ))

    def on_hook_failed(self, message: HookFailed) -> None:
        """Say why the user's program did not run."""
        self.say(message.problem, title="on_run_end", severity="warning")

    # Colours

    def _first_theme(self) -> str:
        """The user settings' theme, else the one chosen last, else ours."""
        chosen = self.settings.theme or self.kept("app").get("theme")
        return chosen if isinstance(chosen, str) and chosen in self.available_themes else DEFAULT_THEME

    def refresh_css(self, animate: bool = True) -> None:
        """Parse all styles again in other colours; Textual asks for that twice while it begins, in the same ones."""
        wanted = (self.theme, self.ansi_theme)
        if wanted != self._styled_in:
            self._styled_in = wanted
            super().refresh_css(animate)

    def _theme_changed(self, theme: object) -> None:
        self.keep("app", theme=self.theme)
        if self.settings.theme and self.theme != self.settings.theme:
            self.say(f"Until you leave: {settings_path()} says theme = {self.settings.theme}.")

    # Places

    def action_runs(self) -> None:
        """Back to all runs."""
        while len(self.screen_stack) > 1 and not isinstance(self.screen, RunsScreen):
            self.pop_screen()

    def action_launch(self) -> None:
        """Describe a new run."""
        from igdm_tui.screens.launch import LaunchScreen

        if not isinstance(self.screen, LaunchScreen):
            self.push_screen(LaunchScreen())

    def action_queue(self) -> None:
        """Show the queue."""
        from igdm_tui.screens.queue import QueueScreen

        if not isinstance(self.screen, QueueScreen):
            self.push_screen(QueueScreen())

    def action_compare_marked(self) -> None:
        """Compare what is marked on Runs."""
        self.action_runs()
        if isinstance(self.screen, RunsScreen):
            self.screen.action_compare()

    async def action_export_here(self) -> None:
        """The export dialog for the runs of this screen."""
        if hasattr(self.screen, "action_export"):
            await self.run_action("export", self.screen)
        else:
            self.say("There are no runs to export here: go to Runs, mark some with space, and press E.")

    async def action_user_settings(self) -> None:
        """Open config.toml in $VISUAL or $EDITOR and read it again; where neither is set, say where it is."""
        import shlex
        import subprocess

        path = settings_path()
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
        try:
            await in_thread(partial(_make_settings, path))
            if not editor:
                self.say(f"{path} (set EDITOR to edit it from here)", title="User settings")
                return
            with self.suspend():
                subprocess.run([*shlex.split(editor), str(path)], check=False)
            self.settings = read_user_settings()
        except (OSError, ValueError, IgdmError, SuspendNotSupported) as error:
            self.say(f"{error}", title="User settings", severity="error")
            return
        self.teller.set_command(self.settings.on_run_end)
        self.theme = self._first_theme()

    def action_help(self) -> None:
        """Show the keys of the screen on top."""
        from igdm_tui.screens.help import HelpScreen

        if isinstance(self.screen, PlaceScreen):
            self.push_screen(HelpScreen(self.screen.PLACE))

    def action_help_quit(self) -> None:
        """ctrl+c harms nothing here."""
        self.say("ctrl+c stops nothing here. Leave with ctrl+q; runs go on.")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Everything that can be done now."""
        from igdm_tui.commands import commands

        return commands(self, screen)


def _make_settings(path: Path) -> None:
    """Lay an explained file there when there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(TEMPLATE)
    except FileExistsError:
        return


def run_app(home: Home) -> int:
    """Show the program until the user leaves it; the exit code, 0 unless a signal ended it.

    Raises: IgdmError when the home, its database or the user settings cannot be used.
    """
    from igdm_tui.store.connection import check_database

    if os.environ.get("NO_COLOR") == "":
        del os.environ["NO_COLOR"]  # empty is not set (no-color.org); Textual would take it as set
    settings = read_user_settings()
    if not home.path.is_dir():
        home.ensure()
    check_database(home)
    app = IgdmApp(home, settings)
    if settings.theme and settings.theme not in app.available_themes:
        known = ", ".join(sorted(app.available_themes))
        raise IgdmError(f"{settings_path()}: theme: {settings.theme!r} is not known (known: {known})")
    app.run()
    going = sum(row.status == "running" for row in app.rows or ())
    if going:
        runs = "1 run goes on" if going == 1 else f"{going} runs go on"
        print(f"{runs}: `igdm-tui` shows what is running, `igdm stop RUN` stops one.", file=sys.stderr)
    return app.return_code or 0
