"""Queue: what runs on which device, what waits and why, and what has ended lately."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.widget import Widget
from textual.widgets import Static

from core.spec.errors import IgdmError
from core.spec.home import Home
from core.spec.run_folder import RunFolder
from igdm_tui.keys import bindings
from igdm_tui.live import in_thread
from igdm_tui.screens.base import RESUMABLE, PlaceScreen, lines_content
from igdm_tui.screens.queue_columns import Line, ended_columns, lines_of, running_columns, waiting_columns
from igdm_tui.widgets.table import Table
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.queue.view import QueueView

LOOK_S = 2.0
NOBODY_WAITS = ("Nothing waits.", "", "igdm queue add and igdm sweep let runs wait for a free device.")


class QueueScreen(PlaceScreen):
    """Three tables: running, waiting, ended. Keys act on the run under the cursor of the table that has them."""

    PLACE: ClassVar[str] = "queue"
    STYLES: ClassVar[str] = "queue"
    BINDINGS = bindings("queue")

    def __init__(self) -> None:
        super().__init__()
        self.view: QueueView | None = None

    def compose_body(self) -> Iterable[Widget]:
        """Running above, waiting in the middle with most of the room, ended below, and the selected run in words."""
        yield Table[Line](running_columns(), key=_key, id="running")
        yield Table[Line](waiting_columns(), key=_key, id="waiting")
        yield Table[Line](ended_columns(), key=_key, id="ended")
        yield Static("", markup=False, id="detail")

    def on_mount(self) -> None:
        """What waits has the keys."""
        self.table("waiting").empty = NOBODY_WAITS
        self.table("waiting").focus()
        self.set_interval(LOOK_S, self.show_runs)  # tickets change without a word from any run

    def table(self, name: str) -> Table[Line]:
        """One of "running", "waiting" and "ended"."""
        return self.query_one(f"#{name}", Table)

    def show_runs(self) -> None:
        """Look at the queue again, away from the screen."""
        self.begin(self._look, "look", exclusive=True)

    async def _look(self) -> None:
        from igdm_tui.queue.view import view_queue

        try:
            self.view = await in_thread(partial(view_queue, self.igdm.home, tuple(self.igdm.rows or ())))
        except (IgdmError, OSError) as error:
            self.say_unread(error, "the queue")
            return
        if self.is_ready:
            self._draw(self.view)

    def _draw(self, view: "QueueView") -> None:
        running, waiting, ended = lines_of(view)
        self.table("running").set_rows(running)
        self.table("waiting").set_rows(waiting)
        self.table("ended").set_rows(ended)
        self.table("running").styles.max_height = max(self.size.height // 3, 4)
        self.table("ended").styles.max_height = max(self.size.height // 4, 4)
        for name in ("running", "ended"):
            self.table(name).styles.height = len(self.table(name).rows) + 1
            self.table(name).set_class(not self.table(name).rows, "hidden")
        parts = [f"{len(running)} running", f"{len(waiting)} waiting"]
        if view.is_held:
            parts.append("stopped: nothing new starts (P goes on)")
        elif view.supervisor is None and any(not line.is_paused for line in waiting):
            parts.append("nobody looks after it yet")
        self.set_title(" · ".join(parts))
        self._show_detail()

    @property
    def focused_table(self) -> Table[Line]:
        """The table that has the keys."""
        return self.focused if isinstance(self.focused, Table) else self.table("waiting")

    @property
    def selected(self) -> Line | None:
        """The run under the cursor of the table that has the keys."""
        return self.focused_table.selected

    @on(Table.Highlighted)
    def _show_detail(self) -> None:
        line = self.selected
        self.query_one("#detail", Static).update(lines_content(line.in_words() if line else []))

    def on_descendant_focus(self) -> None:
        """Another table has the keys."""
        self._show_detail()

    # Keys

    @on(Table.Chosen)
    def action_open(self) -> None:
        """Open the run under the cursor."""
        from igdm_tui.screens.run import RunScreen

        if self.selected is not None:
            self.app.push_screen(RunScreen(self.selected.row.id))

    def action_up_queue(self) -> None:
        """One place forward."""
        self._move(-1)

    def action_down_queue(self) -> None:
        """One place back."""
        self._move(1)

    def _move(self, by: int) -> None:
        line = self.selected
        if line is None or not line.place:
            self.igdm.say("Only a run that waits can be moved: tab leads to those.")
            return
        place = max(line.place + by, 1)

        def move(folder: RunFolder) -> str:
            from igdm_tui.queue import control

            return f"now at place {control.move(folder, place)}"

        self._change(line, "move", move)

    def action_priority(self, by: int) -> None:
        """A higher or lower priority."""
        line = self.selected
        if line is None or line.ticket is None:
            self.igdm.say("This run is not in the queue.")
            return
        wanted = line.ticket.priority + by

        def change(folder: RunFolder) -> str:
            from igdm_tui.queue import control

            control.set_priority(folder, wanted)
            return f"priority {wanted}"

        self._change(line, "change", change)

    def action_pause(self) -> None:
        """Keep the run waiting, or let it go; one that runs is asked about first."""
        line = self.selected
        if line is None or line.ticket is None:
            self.igdm.say("This run is not in the queue: nothing to pause.")
        elif line.is_paused:
            self._change(line, "resume", _unpause)
        elif line.place:
            self._change(line, "pause", _pause)
        else:
            question = f"Pause {plain(line.row.name, 60)}?\nIt stops after a checkpoint and waits until resumed (p)."
            self._ask(question, partial(self._change, line, "pause", _pause))

    def action_pause_all(self) -> None:
        """Start nothing new, or start runs again."""
        is_held = self.view is not None and self.view.is_held

        async def work() -> None:
            try:
                await in_thread(partial(_hold, self.igdm.home, not is_held))
                self.igdm.say("Runs start again." if is_held else "Nothing new starts; runs go on. P goes on.")
            except (IgdmError, OSError) as error:
                self.igdm.say(f"{error}", title="Could not change the queue", severity="error")
            self.igdm.follower.wake()

        self.begin(work, "hold")

    def action_stop(self) -> None:
        """Stop a run, or take it out of the queue; asks first."""
        line = self.selected
        if line is None:
            return
        if not line.place:
            self.stop_run(line.row)
            return
        question = f"Take {plain(line.row.name, 60)} out of the queue?\nr puts it back."
        self._ask(question, partial(self._change, line, "take out", _remove))

    def action_retry(self) -> None:
        """Put a run that did not finish into the queue again."""
        line = self.selected
        if line is None or line.row.status not in RESUMABLE or line.ticket is not None:
            self.igdm.say("There is nothing to retry here: a run that failed, was stopped or is lost can be.")
            return
        self._change(line, "retry", _retry)

    def _ask(self, question: str, do: Callable[[], None]) -> None:
        from igdm_tui.screens.confirm import ConfirmScreen

        self.ask(ConfirmScreen(question), lambda yes: do() if yes else None)

    def _change(self, line: Line, verb: str, action: Callable[[RunFolder], str]) -> None:
        """Change the queue in a thread, see to it that somebody looks after it, and look again."""

        def act(folder: RunFolder) -> str:
            from igdm_tui.queue.summon import ensure_supervisor

            said = action(folder)
            ensure_supervisor(folder.home)
            return said

        self.do(line.row, verb, act)


def _key(line: Line) -> str:
    return line.row.id


def _pause(folder: RunFolder) -> str:
    from igdm_tui.queue import control

    return control.pause(folder)


def _unpause(folder: RunFolder) -> str:
    from igdm_tui.queue import control

    control.unpause(folder)
    return "waits for its turn"


def _remove(folder: RunFolder) -> str:
    from igdm_tui.queue import control

    return control.remove(folder)


def _retry(folder: RunFolder) -> str:
    from igdm_tui.queue import control

    control.put(folder)
    return "waits for its turn"


def _hold(home: Home, held: bool) -> None:
    from igdm_tui.queue import control
    from igdm_tui.queue.summon import ensure_supervisor

    if held:
        control.hold(home)
    else:
        control.unhold(home)
        ensure_supervisor(home)
