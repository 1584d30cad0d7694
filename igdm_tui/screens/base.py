"""PlaceScreen: what all four places share. A title line, the keys at the bottom, and what can be done with a run."""

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Size
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static

from core.spec.errors import IgdmError
from core.spec.run_folder import RunFolder
from igdm_tui.live import in_thread
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.screens.styles import add_styles
from igdm_tui.widgets.bars import KeyFooter, TitleBar
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.app import IgdmApp
    from igdm_tui.store import RunRow

Answer = TypeVar("Answer")
LEAST_WIDTH, LEAST_HEIGHT = 60, 16
WIDE, TALL = 120, 30
STOPPABLE = ("running", "queued")
RESUMABLE = ("stopped", "failed", "lost", "queued")


class PlaceScreen(OpensWhole, Screen[None]):
    """One place: subclasses give its name in the table of keys and its body."""

    PLACE: ClassVar[str] = ""
    STYLES: ClassVar[str] = ""  # a file of rules that only this place needs, without .tcss
    SLICES: ClassVar[tuple[str, ...]] = ()  # parts that are drawn one after the other when the place is opened

    def __init__(self) -> None:
        super().__init__()
        self._unread = ""
        self._is_wide: bool | None = None

    def compose(self) -> ComposeResult:
        """Title, body, keys; and what stands there instead in a very small terminal."""
        if self.STYLES:
            add_styles(self, self.STYLES)
        self._fit(self.app.size, update=False)  # before there is anything to style twice
        yield TitleBar(self.PLACE.capitalize())
        yield from self.compose_body()
        yield KeyFooter(self.PLACE)
        yield Static(
            f"This terminal is too small.\n{LEAST_WIDTH} x {LEAST_HEIGHT} is the least, 80 x 24 is comfortable.",
            markup=False,
            classes="too-small",
        )

    def on_mount(self) -> None:
        """Let the parts with much to draw wait for their turns."""
        for part in self.SLICES:
            self.query_one(part).styles.display = "none"
        self._next_slice(self.SLICES)

    def _next_slice(self, parts: tuple[str, ...], *, now: bool = False) -> None:
        """Show the first part, if it is its turn, and the others after it has been drawn."""
        if now and self.is_leaving:
            return
        if now:
            self.query_one(parts[0]).styles.display = None  # as the rules say
            parts = parts[1:]
        if parts:
            self.call_after_refresh(self._next_slice, parts, now=True)

    def compose_body(self) -> Iterable[Widget]:
        """What stands between the title and the keys."""
        raise NotImplementedError

    def show_runs(self) -> None:
        """Draw the newest state of the runs; called when it changed and when the screen comes to the top."""

    def heed_runs(self) -> None:
        """Runs have changed: draw them, if anybody sees it."""
        if self.is_ready and self.is_current_place:
            self.show_runs()

    @property
    def igdm(self) -> "IgdmApp":
        """The app, by its own type."""
        return cast("IgdmApp", self.app)

    @property
    def is_ready(self) -> bool:
        """Its parts are there: not before it is composed, and not while it is taken down."""
        return self.is_mounted and not self.is_leaving and bool(self.query(KeyFooter))

    @property
    def is_current_place(self) -> bool:
        """No other place is above this one; help and questions may be."""
        stack = self.app.screen_stack
        return self in stack and not any(isinstance(s, PlaceScreen) for s in stack[stack.index(self) + 1 :])

    def on_screen_resume(self) -> None:
        """Catch up with what happened meanwhile."""
        self._catch_up()

    def _catch_up(self) -> None:
        if self.igdm.rows is not None and self.is_ready:
            self.show_runs()

    def on_resize(self, event: events.Resize) -> None:
        """Say so when there is no room; lay panes side by side when there is much."""
        self._fit(event.size)
        was_wide, self._is_wide = self._is_wide, event.size.width >= WIDE
        if was_wide not in (None, self._is_wide):
            self.call_after_refresh(self._catch_up)  # titles say more where there is room

    def _fit(self, size: Size, *, update: bool = True) -> None:
        self.set_class(size.width < LEAST_WIDTH or size.height < LEAST_HEIGHT, "-too-small", update=update)
        self.set_class(size.width >= WIDE and size.height >= TALL, "-multi", update=update)

    def wear(self, prefix: str, names: Iterable[str], chosen: str) -> None:
        """Of the classes prefix-name only the chosen one; all widgets are styled once instead of once for each."""
        if not self.has_class(f"{prefix}-{chosen}"):
            for name in names:
                self.set_class(name == chosen, f"{prefix}-{name}", update=False)
            if self.is_mounted:
                self.update_node_styles()

    def say_unread(self, error: Exception, what: str) -> None:
        """A reading failed: a toast says so, once for each reason, and the next change tries again."""
        text = f"{error}" if isinstance(error, IgdmError) else f"{type(error).__name__}: {error}"
        if text != self._unread:
            self._unread = text
            self.igdm.say(text, title=f"Could not read {plain(what, 40)}", severity="error")

    def set_title(self, text: str) -> None:
        """What the title line says beside the place's name."""
        self.query_one(TitleBar).set_text(text)

    def action_back(self) -> None:
        """One place out."""
        self.app.pop_screen()

    def ask(self, dialog: ModalScreen[Answer], answered: Callable[[Answer | None], None]) -> None:
        """Put a question. Its answer goes nowhere when this place is on its way out by then."""
        self.app.push_screen(dialog, lambda answer: None if self.is_leaving else answered(answer))

    def begin(self, work: Callable[[], Coroutine[Any, Any, None]], group: str, *, exclusive: bool = False) -> None:
        """Let something asynchronous run; it ends with the screen."""
        self.run_worker(work, group=group, exclusive=exclusive, exit_on_error=False)  # type: ignore[arg-type]

    # What can be done with a run, from wherever it is seen

    def stop_run(self, row: "RunRow") -> None:
        """Ask, then stop a run after its checkpoint."""
        from igdm_tui.screens.confirm import ConfirmScreen

        if row.status not in STOPPABLE:
            self.igdm.say(f"{plain(row.name, 60)} is {row.status}: there is nothing to stop.")
            return
        question = f"Stop {plain(row.name, 60)}?\nIt saves a checkpoint first; r goes on from there."
        if row.status == "queued":
            question = f"Take {plain(row.name, 60)} out of the queue?"

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(row, "stop", _stop)

        self.ask(ConfirmScreen(question), answered)

    def resume_run(self, row: "RunRow") -> None:
        """Start a run again from its last checkpoint."""
        if row.status not in RESUMABLE:
            self.igdm.say(f"{plain(row.name, 60)} is {row.status}: there is nothing to resume.")
            return
        self.do(row, "resume", _resume)

    def clone_run(self, row: "RunRow") -> None:
        """Take a run's settings into the form."""
        from igdm_tui.screens.launch import LaunchScreen

        self.app.push_screen(LaunchScreen(settings=row.settings, origin=row.name))

    def export_runs(self, run_ids: Iterable[str]) -> None:
        """Open the export dialog for some runs."""
        from igdm_tui.screens.export import ExportScreen

        rows = [row for run_id in run_ids if (row := self.igdm.row(run_id)) is not None]
        if rows:
            self.app.push_screen(ExportScreen(rows))

    def copy_paper_table(self, run_ids: Iterable[str]) -> None:
        """The papers' table of some runs as LaTeX, to the clipboard and to a file."""
        from igdm_tui.screens.export import copy_paper_table

        rows = [row for run_id in run_ids if (row := self.igdm.row(run_id)) is not None]
        self.begin(partial(copy_paper_table, self.igdm, rows), "paper")

    def do(self, row: "RunRow", verb: str, action: Callable[[RunFolder], str]) -> None:
        """Do something slow to a run in a thread; what comes of it is a toast that names the run."""

        async def work() -> None:
            try:
                said = await in_thread(partial(action, RunFolder(row.folder)))
            except (IgdmError, OSError) as error:
                self.igdm.say(f"{error}", title=f"Could not {verb} {plain(row.name, 40)}", severity="error")
            else:
                self.igdm.say(f"{plain(row.name, 60)}: {said}")
            self.igdm.follower.wake()

        self.app.run_worker(work, group=f"{verb}-{row.id}", exit_on_error=False)  # type: ignore[arg-type]


def _stop(folder: RunFolder) -> str:
    from igdm_tui.launch import stop_run

    return stop_run(folder)


def _resume(folder: RunFolder) -> str:
    from igdm_tui.launch import resume_run

    resume_run(folder)
    return "goes on from its last checkpoint"


def lines_content(lines: Iterable[tuple[str, str]]) -> Content:
    """Lines of (harmless text, style) as content without markup."""
    pieces = [Content.styled(text, style) if style else Content(text) for text, style in lines]
    return Content("\n").join(pieces)
