"""The export dialog: what, in which form, where to; with a first look at it before anything is written."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.spec.errors import IgdmError
from core.spec.home import Home
from igdm_tui.keys import bindings
from igdm_tui.live import in_thread
from igdm_tui.report.export import pieces, write_file
from igdm_tui.report.request import FORMATS, Request
from igdm_tui.screens.export_choice import (
    IN_FOLDERS,
    NO,
    WHATS,
    YES,
    ExportChoice,
    default_path,
    free_path,
    preview,
    whole_text,
)
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.screens.styles import add_styles
from igdm_tui.widgets.fields import Choice, Form, FormRow
from igdm_tui.widgets.lines import Lines
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.app import IgdmApp
    from igdm_tui.store import RunRow

HINT = "ctrl+s writes     f4 copies     esc leaves"
LONGEST_NAME = 24
HINT_EXISTS = "the file exists: ctrl+s twice replaces it     f4 copies     esc leaves"


class ExportScreen(OpensWhole, ModalScreen[None]):
    """Choices above, the first lines of the result below."""

    BINDINGS = bindings("export")

    def __init__(self, rows: "Sequence[RunRow]") -> None:
        """rows: the runs, in their order. Seeds of one experiment are one line at first."""
        super().__init__()
        self.rows = list(rows)
        hashes = [row.settings_hash for row in rows]
        self.choice = ExportChoice(group=len(set(hashes)) < len(hashes)).fitting()
        self._wanted = ""  # a format somebody has chosen stays while it fits
        self._offered = default_path(self.rows, self.choice)
        self._told = ""  # the file of which was said that it exists: nothing is replaced before that
        self._busy = False

    def compose(self) -> ComposeResult:
        """One row per choice."""
        add_styles(self, "launch")
        choice = self.choice
        with Vertical(id="dialog", classes="export"):
            yield Static(f"Export {len(self.rows)} run{'s' * (len(self.rows) != 1)}", markup=False, classes="title")
            with Form(id="choices"):
                yield FormRow("what", "what", text=choice.what, choices=WHATS)
                yield FormRow("to", "as", text=choice.to, choices=choice.formats)
                yield FormRow("group", "mean over seeds", text=YES if choice.group else NO, choices=(YES, NO))
                yield FormRow("published", "published beside", text=NO, choices=(NO, YES))
                yield FormRow("path", "file", text=self._offered)
            lines = Lines(id="preview")
            lines.border_title = "first lines"
            yield lines
            yield Static(HINT, markup=False, classes="hint", id="hint")

    def on_mount(self) -> None:
        """The first choice has the keys."""
        self._row("what").control.focus()
        self._look()

    @on(FormRow.Edited)
    def _edited(self, event: FormRow.Edited) -> None:
        """Another choice: other formats may fit, and the file is offered under another name unless one was typed."""
        if self._row("path").text.strip() != self._told:
            self._told = ""
        if event.row.key == "path":
            self._say_about_path()
            return
        if event.row.key == "to" and event.row.text != self.choice.to:
            self._wanted = event.row.text
        before = self.choice
        self.choice = ExportChoice(
            what=self._row("what").text,
            group=self._row("group").text == YES,
            published=self._row("published").text == YES,
        ).fitting(self._wanted)
        if self.choice == before:
            return
        control = self._row("to").control
        if isinstance(control, Choice):
            control.choices = self.choice.formats
            control.value = self.choice.to
        path = self._row("path")
        if path.text == self._offered:
            self._offered = path.text = default_path(self.rows, self.choice)
        self._look()

    def _look(self) -> None:
        self._row("to").show("", FORMATS[self.choice.to].title)
        self._say_about_path()
        self.run_worker(self._preview(self.choice), group="preview", exclusive=True, exit_on_error=False)

    def _say_about_path(self) -> None:
        path = self._row("path").text.strip()
        hint = HINT
        if self._replaces(path):
            hint = f"{_exists(path)}     esc leaves" if path == self._told else HINT_EXISTS
        self.query_one("#hint", Static).update(hint)

    def _replaces(self, path: str) -> bool:
        return self.choice.to != IN_FOLDERS and Path(path).expanduser().is_file()

    async def _preview(self, choice: ExportChoice) -> None:
        try:
            lines = await self.igdm.reader.ask(partial(preview, runs=self.rows, choice=choice))
        except (IgdmError, OSError) as error:
            lines = [str(error)]
        self.query_one("#preview", Lines).set_lines([[(plain(line, 400), "")] for line in lines])

    @on(Input.Submitted)
    def action_write(self) -> None:
        """Write the file; the dialog closes when it is there. One that exists is replaced when asked a second time."""
        path = self._row("path").text.strip()
        if not path:
            self.igdm.say("Say which file.", severity="warning")
        elif self._replaces(path) and path != self._told:
            self._told = path
            self._say_about_path()
            self.igdm.say(_exists(path), severity="warning")
        elif not self._busy:
            self._busy = True
            self.run_worker(self._write(Path(path).expanduser()), exit_on_error=False)

    async def _write(self, path: Path) -> None:
        try:
            said = await in_thread(partial(write_export, self.igdm.home, self.rows, self.choice.request, path))
        except (IgdmError, OSError) as error:
            self.igdm.say(f"{error}", title="Could not export", severity="error")
            self._busy = False
        else:
            self.igdm.say(said, title="Exported")
            self.dismiss(None)

    def action_copy(self) -> None:
        """Copy the text, to the clipboard and to a file."""
        if self.choice.is_text:
            self.run_worker(self._copy(self.choice), exit_on_error=False)
        else:
            self.igdm.say(f"{FORMATS[self.choice.to].title}: only a file can hold it.", severity="warning")

    async def _copy(self, choice: ExportChoice) -> None:
        try:
            text = await self.igdm.reader.ask(partial(whole_text, runs=self.rows, request=choice.request))
        except (IgdmError, OSError) as error:
            self.igdm.say(f"{error}", title="Could not copy", severity="error")
        else:
            self.igdm.copy(text, "The text")

    def action_leave(self) -> None:
        """Nothing is written."""
        self.dismiss(None)

    @property
    def igdm(self) -> "IgdmApp":
        """The program."""
        return cast("IgdmApp", self.app)

    def _row(self, key: str) -> FormRow:
        return next(row for row in self.query(FormRow) if row.key == key)


def _exists(path: str) -> str:
    return f"{plain(Path(path).name, LONGEST_NAME)} exists: ctrl+s again replaces it"


def write_export(home: Home, rows: "Sequence[RunRow]", request: Request, path: Path) -> str:
    """Write what is asked for, from a store of its own; what to say about it.

    Raises: IgdmError, OSError.
    """
    from igdm_tui.store import Store

    with Store.open(home) as store:
        if request.to == IN_FOLDERS:
            from igdm_tui.report.tensorboard import write_tensorboard

            written = write_tensorboard(store, rows, path)
            return f"{len(written)} runs in {path} (look: tensorboard --logdir {path})"
        write_file(path, pieces(store, rows, request))
    return str(path)


async def copy_paper_table(app: "IgdmApp", rows: "Sequence[RunRow]") -> None:
    """The papers' table as LaTeX: to the clipboard, and to a new file in the current folder."""
    choice = ExportChoice(what="paper", to="latex", group=True)
    path = free_path(Path(default_path(rows, choice)))
    try:
        text = await app.reader.ask(partial(whole_text, runs=rows, request=choice.request))
        await in_thread(lambda: write_file(path, iter([text.encode()])))
    except (IgdmError, OSError) as error:
        app.say(f"{error}", title="No table", severity="error")
    else:
        app.copy_to_clipboard(text)
        app.say(f"LaTeX is in {path}, and on the clipboard if your terminal takes it.")
