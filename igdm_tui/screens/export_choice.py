"""What the export dialog offers, what it would write, and a first look at it. Nothing here draws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.spec.errors import IgdmError
from igdm_tui.report.export import pieces
from igdm_tui.report.figures import NAMES, figure_data, figure_of, labels_of
from igdm_tui.report.request import FORMATS, TABLES, Request, default_name
from igdm_tui.sanitise import sanitise, sanitise_line

if TYPE_CHECKING:
    from igdm_tui.store import RunRow, Store

FIGURE = "figure "  # before the name of a figure, among what can be exported
WHATS = (*TABLES, *(f"{FIGURE}{name}" for name in NAMES))
USUAL_FORMATS = ("svg", "latex", "csv", "json")  # the first that can hold something
YES, NO = "yes", "no"
MOST_LINES, MOST_WIDTH = 200, 400
LONGEST_COPY = 60_000  # characters; terminals drop longer clipboards
IN_FOLDERS, IN_PIXELS = "tensorboard", "png"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportChoice:
    """The fields of the dialog as texts. what: one of WHATS."""

    what: str = "results"
    to: str = "latex"
    group: bool = False
    published: bool = False

    @property
    def formats(self) -> tuple[str, ...]:
        """Formats that can hold it."""
        if self.what.startswith(FIGURE):
            return tuple(name for name, form in FORMATS.items() if form.figures)
        return tuple(name for name, form in FORMATS.items() if self.what in form.tables)

    def fitting(self, wanted: str = "") -> "ExportChoice":
        """The same in a format that can hold it: the one that is wanted, else what is usual for it."""
        if wanted in self.formats:
            return replace(self, to=wanted)
        return replace(self, to=next(name for name in USUAL_FORMATS if name in self.formats))

    @property
    def request(self) -> Request:
        """What is to be written."""
        figure = self.what.removeprefix(FIGURE) if self.what.startswith(FIGURE) else ""
        table = "" if figure else self.what
        asked = Request(to=self.to, table=table, figure=figure, group=self.group, published=self.published)
        return asked.checked()

    @property
    def is_text(self) -> bool:
        """It can be put on the clipboard."""
        return self.to not in (IN_FOLDERS, IN_PIXELS)


def default_path(runs: "Sequence[RunRow]", choice: ExportChoice) -> str:
    """A file in the current folder that is not there yet; for event files a folder."""
    return str(free_path(Path("igdm-tensorboard" if choice.to == IN_FOLDERS else default_name(runs, choice.request))))


def free_path(path: Path) -> Path:
    """The path, or with -2, -3, ... where something is."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return free


def preview(store: "Store", runs: "Sequence[RunRow]", choice: ExportChoice) -> list[str]:
    """The first lines of what would be written, or what it would be where it is not text.

    Raises: IgdmError when the runs have not what is asked for.
    """
    request = choice.request
    if choice.to == IN_FOLDERS:
        return [f"event files of {len(runs)} runs, a folder for each:", "curves, results, settings, flags"]
    if choice.to in (IN_PIXELS, "svg"):
        return _figure_lines(store, runs, request)
    if choice.to == "html":
        return [
            f"one file that opens in any browser, {len(runs)} runs:",
            "results, settings that differ, figures, origin",
        ]
    if request.table == "runs":
        return _archive_lines(store, runs)
    text = next(iter(pieces(store, runs, request)), b"").decode()
    return [line[:MOST_WIDTH] for line in sanitise(text).split("\n")[:MOST_LINES]]


def whole_text(store: "Store", runs: "Sequence[RunRow]", request: Request) -> str:
    """All of it, for the clipboard.

    Raises: IgdmError when it is too long for one.
    """
    found = b""
    for piece in pieces(store, runs, request):
        found += piece
        if len(found) > LONGEST_COPY:
            raise IgdmError("it is too long for a clipboard: write it to a file")
    return found.decode()


def _figure_lines(store: "Store", runs: "Sequence[RunRow]", request: Request) -> list[str]:
    figure = figure_of(figure_data(store, request.figure, runs), labels_of(runs, group=request.group))
    lines = [figure.title]
    for panel in figure.panels:
        points = sum(len(trace.ys) for trace in panel.traces)
        said = f"{len([trace for trace in panel.traces if trace.kind != 'fit'])} runs or experiments, {points} points"
        lines.append(f"  {panel.title}: {'nothing measured' if panel.is_empty else said}")
    return [*lines, *figure.notes] if figure.panels else [*lines, "nothing measured", *figure.notes]


def _archive_lines(store: "Store", runs: "Sequence[RunRow]") -> list[str]:
    lines = ["settings, results, evaluations with flags, provenance, every logged number:"]
    for run in runs[:MOST_LINES]:
        names = store.series_names(run.id)
        count = f"{len(names['step'])} curves by step, {len(names['epoch'])} by epoch"
        lines.append(f"  {sanitise_line(run.name)[:60]}: {count}, {len(store.evaluations(run.id))} measurements")
    return lines
