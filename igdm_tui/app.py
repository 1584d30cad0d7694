"""IgdmApp: the screens, the threads behind them, and leaving the terminal as it was found."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from textual.app import App, SystemCommand
from textual.screen import Screen

from core.spec.home import Home
from igdm_tui.keys import KEYS, bindings
from igdm_tui.live import Follower, FollowingFailed, Reader, RunsChanged
from igdm_tui.palette import themes
from igdm_tui.screens.base import PlaceScreen
from igdm_tui.screens.runs import RunsScreen

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

SIGNAL_BASE = 128


class IgdmApp(App[None]):
    """Watches and launches runs. Runs are processes of their own: nothing here keeps them alive or ends them."""

    TITLE = "igdm-tui"
    CSS_PATH = "app.tcss"
    BINDINGS = bindings("app")
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, home: Home) -> None:
        super().__init__()
        self.home = home
        self.reader = Reader(home)
        self.follower = Follower(home, self.post_message)
        self.rows: Sequence[RunRow] | None = None
        self.revisions: Mapping[str, int] = {}
        for theme in themes():
            self.register_theme(theme)
        self.theme = "igdm-dark"
        self.animation_level = "none"  # many connections are slow, and nothing here needs to move

    def on_mount(self) -> None:
        """Show the runs and begin to follow them."""
        self._handle_signals()
        self.push_screen(RunsScreen())
        self.call_after_refresh(self.follower.start)

    def on_unmount(self) -> None:
        """The threads end with the screen; workers do not."""
        self.follower.stop()
        self.reader.close()

    def _handle_signals(self) -> None:
        """SIGTERM and SIGHUP end the program as `q` does: Textual alone would leave the terminal in disorder."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            try:
                loop.add_signal_handler(number, self._leave_by, number)
            except (ValueError, RuntimeError):  # not the main thread: whoever runs us there handles signals
                return

    def _leave_by(self, number: int) -> None:
        self.exit(return_code=SIGNAL_BASE + number)

    def row(self, run_id: str) -> "RunRow | None":
        """The newest state of a run, None before it is known."""
        return next((row for row in self.rows or () if row.id == run_id), None)

    def on_runs_changed(self, message: RunsChanged) -> None:
        """Keep the newest state and let the visible screen draw it."""
        self.rows, self.revisions = message.rows, message.revisions
        if not self.is_running:
            return
        for screen in self.screen_stack:
            if isinstance(screen, PlaceScreen) and screen.is_ready and screen.is_current_place:
                screen.show_runs()

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
        self.say(f"Runs cannot be followed now: {message.error}", severity="error")

    def say(self, text: str, *, title: str = "", severity: str = "information") -> None:
        """A toast with text from anywhere."""
        from igdm_tui.widgets.text import plain

        level = "error" if severity == "error" else ("warning" if severity == "warning" else "information")
        self.notify(plain(text, 400), title=title, severity=level, markup=False)  # type: ignore[arg-type]

    def action_queue(self) -> None:
        """Show the queue."""
        from igdm_tui.screens.queue import QueueScreen

        if not isinstance(self.screen, QueueScreen):
            self.push_screen(QueueScreen())

    def action_help(self) -> None:
        """Show the keys of the screen on top."""
        from igdm_tui.screens.help import HelpScreen

        if isinstance(self.screen, PlaceScreen):
            self.push_screen(HelpScreen(self.screen.PLACE))

    def action_help_quit(self) -> None:
        """ctrl+c harms nothing here."""
        self.say("ctrl+c stops nothing here. Leave with ctrl+q; runs go on.")

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action of the screen below the palette, then Textual's own."""
        if isinstance(screen, PlaceScreen):
            for key in KEYS[screen.PLACE]:
                yield SystemCommand(key.help, f"key: {key.shown}", _caller(self, screen, key.action))
        yield SystemCommand("Queue", "What runs, what waits and why", self.action_queue)
        yield SystemCommand("Change the theme", "Colours: igdm-dark, igdm-light and others", self.action_change_theme)
        yield SystemCommand("Keys of this screen", "key: ?", self.action_help)
        yield SystemCommand("Save a picture of the screen", "SVG in the current folder", self.action_screenshot)
        yield SystemCommand("Leave", "key: ctrl+q; runs go on", self.action_quit)


def _caller(app: App[None], screen: PlaceScreen, action: str) -> Callable[[], Awaitable[None]]:
    """A command of the palette that does what the key does."""

    async def call() -> None:
        await app.run_action(action, screen)

    return call


def run_app(home: Home) -> int:
    """Show the program until the user leaves it; the exit code, 0 unless a signal ended it.

    Raises: IgdmError when the home or its database cannot be used.
    """
    from igdm_tui.store.connection import check_database

    if not home.path.is_dir():
        home.ensure()
    check_database(home)
    app = IgdmApp(home)
    app.run()
    going = sum(row.status == "running" for row in app.rows or ())
    if going:
        runs = "1 run goes on" if going == 1 else f"{going} runs go on"
        print(f"{runs}: `igdm-tui` shows what is running, `igdm stop RUN` stops one.", file=sys.stderr)
    return app.return_code or 0
