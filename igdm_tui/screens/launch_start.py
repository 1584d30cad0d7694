"""What a form can be filled from: a preset, a row of a published table, a run. Found by typing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from core.spec.errors import IgdmError
from core.spec.identity import flatten
from core.spec.loading import read_toml
from core.spec.matrix import expand
from core.spec.published_results import find_published_result
from igdm_tui.keys import bindings
from igdm_tui.live import in_thread
from igdm_tui.numbers import metric
from igdm_tui.screens.opens_whole import OpensWhole
from igdm_tui.screens.styles import add_styles
from igdm_tui.widgets.table import Column, Table
from igdm_tui.widgets.text import plain
from igdm_tui.widgets.text_field import TextField

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

MOST_RUNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Settings to start from. kind: "preset", "paper" or "run". label: what the form calls it.

    what: words to find it by. printed: the published AutoAttack accuracy of a row, or the run's own.
    """

    kind: str
    label: str
    what: str
    printed: str
    settings: dict[str, Any]


class StartScreen(OpensWhole, ModalScreen["Start | None"]):
    """A list that gets shorter while words are typed; answers with what was taken."""

    BINDINGS = bindings("start")

    def __init__(self, presets: Mapping[str, Path], runs: "Sequence[RunRow]") -> None:
        super().__init__()
        self.presets, self.runs = presets, runs
        self.starts: list[Start] = []
        self._is_wanted = False

    def compose(self) -> ComposeResult:
        """A line to type in above the list."""
        add_styles(self, "launch")
        with Vertical(id="dialog", classes="start"):
            yield TextField(placeholder="words to find it by: ard cifar-100 T2", compact=True, id="words")
            table: Table[Start] = Table(COLUMNS, key=lambda start: start.label, id="starts")
            table.empty = ("Reading the presets and the published tables …",)
            yield table
            yield Static("enter fills the form     esc leaves it as it is", markup=False, classes="hint")

    def on_mount(self) -> None:
        """Read the files in a thread: there are hundreds of published rows."""
        self.query_one("#words").focus()
        self.run_worker(self._read(), exit_on_error=False)

    async def _read(self) -> None:
        self.starts = await in_thread(lambda: [*preset_starts(self.presets), *paper_starts(), *run_starts(self.runs)])
        self._show(self.query_one("#words", Input).value)
        if self._is_wanted:
            self.action_take()

    @on(Input.Changed, "#words")
    def _typed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, words: str) -> None:
        table: Table[Start] = self.query_one("#starts", Table)
        table.empty = ("Nothing has all these words.",) if self.starts else table.empty
        table.set_rows([start for start in self.starts if _has_words(start, words)])

    @on(Input.Submitted, "#words")
    @on(Table.Chosen)
    def action_take(self) -> None:
        """Answer with the row under the cursor, as soon as there are any."""
        self._is_wanted = not self.starts
        selected: Start | None = self.query_one("#starts", Table).selected
        if selected is not None:
            self.dismiss(selected)

    def action_down(self) -> None:
        """The next row."""
        self.query_one("#starts", Table).action_down()

    def action_up(self) -> None:
        """The row before."""
        self.query_one("#starts", Table).action_up()

    def action_leave(self) -> None:
        """Leave the form as it is."""
        self.dismiss(None)


COLUMNS: tuple[Column[Start], ...] = (
    Column(key="kind", title="from", width=7, text=lambda start: start.kind, pinned=True),
    Column(key="label", title="name", width=24, text=lambda start: plain(start.label), pinned=True, widest=44),
    Column(key="what", title="settings", width=34, text=lambda start: plain(start.what), weight=1, widest=44),
    Column(key="printed", title="AA %", width=6, text=lambda start: start.printed, right=True, weight=2),
)


def _has_words(start: Start, words: str) -> bool:
    """Every word begins one of the start's: "ard" finds no "standard"."""
    text = f" {start.kind} {start.label} {start.what}".casefold().replace("#", " #")
    return all(f" {word}" in text for word in words.casefold().split())


def preset_starts(presets: Mapping[str, Path]) -> list[Start]:
    """Files in configs/; one that cannot be read is left out here and told where it is chosen in the form."""
    found = []
    for name, path in presets.items():
        try:
            settings = read_toml(path)
        except IgdmError:
            continue
        found.append(Start(kind="preset", label=name, what=_what(settings), printed="", settings=settings))
    return found


@lru_cache(maxsize=1)
def paper_starts() -> tuple[Start, ...]:
    """Every run of configs/paper, beside the program."""
    folder = Path(__file__).parents[2] / "configs" / "paper"
    found = []
    for path in sorted(folder.glob("*.toml")):
        for number, cell in enumerate(expand(path), 1):
            match = find_published_result(cell.settings)
            printed = match.result.metrics.get("autoattack_accuracy") if match else None
            shown = metric("autoattack_accuracy", printed) if printed is not None else ""
            label = f"{path.stem}#{number} {cell.label}"
            found.append(
                Start(kind="paper", label=label, what=_what(cell.settings), printed=shown, settings=cell.settings)
            )
    return tuple(found)


def run_starts(rows: "Sequence[RunRow]") -> list[Start]:
    """The newest runs."""
    found = []
    for row in rows[:MOST_RUNS]:
        measured = row.metrics.get("autoattack_accuracy")
        shown = metric("autoattack_accuracy", measured) if measured is not None else ""
        label = f"{row.id} {row.name}"
        found.append(Start(kind="run", label=label, what=_what(row.settings), printed=shown, settings=row.settings))
    return found


def _what(settings: Mapping[str, Any]) -> str:
    flat = flatten(dict(settings))
    teacher = flat.get("teacher.published") or flat.get("teacher.model") or ""
    alpha = flat.get("igdm.alpha") or 0
    words = (flat.get("data.name"), flat.get("method.name"), f"alpha {alpha}", flat.get("student.model"), teacher)
    return " ".join(str(word) for word in words if word)
