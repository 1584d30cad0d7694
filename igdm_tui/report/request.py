"""What can be asked of an export: formats, tables, figures, and the request itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.spec.errors import IgdmError
from igdm_tui.store.rows import RunRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A kind of file. tables: what it can hold besides figures, the default first. figures: it can hold one."""

    name: str
    title: str
    suffix: str
    tables: tuple[str, ...] = ()
    figures: bool = False


FORMATS = {
    entry.name: entry
    for entry in (
        Format(
            name="csv", title="CSV", suffix=".csv", tables=("results", "series", "evaluations"), figures=True,
        ),
        Format(name="json", title="JSON", suffix=".json", tables=("runs", "results"), figures=True),
        Format(name="latex", title="LaTeX (booktabs)", suffix=".tex", tables=("results", "paper")),
        Format(name="markdown", title="Markdown", suffix=".md", tables=("results", "paper")),
        Format(name="svg", title="SVG figure", suffix=".svg", figures=True),
        Format(name="png", title="PNG figure", suffix=".png", figures=True),
        Format(name="html", title="HTML report", suffix=".html", tables=("results",)),
        Format(name="tensorboard", title="TensorBoard event files", suffix="", tables=("runs",)),
    )
}  # fmt: skip
TABLES = {
    "results": "one line per run or experiment",
    "paper": "the papers' shape: methods down, metrics across by data set and teacher",
    "series": "every logged number",
    "evaluations": "every measurement with its flags",
    "runs": "whole runs: settings, results, evaluations, every logged number, provenance",
}
DEFAULT_FIGURE = "accuracy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What shall be written. Empty texts stand for the format's own choice.

    group: seeds of an experiment are one line. published: printed results beside ours. metrics: names with commas.
    by: "epoch" or "step", for figures of curves.
    """

    to: str
    table: str = ""
    figure: str = ""
    group: bool = False
    published: bool = False
    metrics: str = ""
    by: str = "epoch"

    def checked(self) -> "Request":
        """The same with the format's own choices filled in.

        Raises: IgdmError for what does not go together, with what would.
        """
        from igdm_tui.report.figures import NAMES

        form = FORMATS.get(self.to)
        if form is None:
            raise IgdmError(f"--to: no format {self.to!r} (there are: {', '.join(FORMATS)})")
        if self.table and self.figure:
            raise IgdmError("--table and --figure exclude each other (choose one)")
        if self.figure:
            if not form.figures:
                able = ", ".join(entry.name for entry in FORMATS.values() if entry.figures)
                raise IgdmError(f"--figure: {self.to} holds no figure (formats that do: {able})")
            if self.figure not in NAMES:
                raise IgdmError(f"--figure: no figure {self.figure!r} (there are: {', '.join(NAMES)})")
        if self.table and self.table not in form.tables:
            able = ", ".join(form.tables) or "none: it takes --figure"
            raise IgdmError(f"--table: {self.to} has no table {self.table!r} (there are: {able})")
        if self.by not in ("epoch", "step"):
            raise IgdmError(f"--by: {self.by!r} is neither epoch nor step")
        chosen = self.table or (form.tables[0] if form.tables and not self.figure else "")
        figure = self.figure or ("" if chosen else DEFAULT_FIGURE)
        return replace(self, table=chosen, figure=figure, group=self.group or chosen == "paper")


def default_name(runs: Sequence[RunRow], request: Request) -> str:
    """A file name that says what is in it."""
    what = request.figure or request.table
    return f"igdm-{what}-{len(runs)}-runs{FORMATS[request.to].suffix}"
