"""Tables as plain aligned text: fast for a thousand rows, harmless for a terminal, narrower where there is no room."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from igdm_tui.sanitise import sanitise_line

GAP = "  "
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column. importance: the least important go first when there is no room. widest: longer text is cut there."""

    title: str
    cells: Sequence[str]
    right: bool = False
    importance: int = 100
    widest: int = 40


def text_table(
    columns: Sequence[Column],
    *,
    width: int | None = None,
    best: Collection[tuple[int, str]] = (),
    bold: bool = False,
) -> str:
    """Lines of a table with its titles; no trailing spaces.

    width: cells of the terminal; None keeps every column and all text. best: (row, title) of cells to mark with a star,
    and in bold type with `bold`, which also makes the titles bold.
    """
    marked = {title for _, title in best}
    shown = [_Shown.of(column, width, with_star=column.title in marked) for column in columns]
    if width is not None:
        shown = _fitting(shown, width)
    lines = [_paint(GAP.join(column.fit(column.column.title) for column in shown).rstrip(), bold)]
    for row in range(len(columns[0].cells) if columns else 0):
        parts = []
        for column in shown:
            is_best = (row, column.column.title) in best
            parts.append(_paint(column.fit(column.cells[row], star=is_best), bold and is_best))
        lines.append(GAP.join(parts).rstrip())
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column with its harmless cells and its width."""

    column: Column
    cells: list[str]
    width: int
    with_star: bool

    @classmethod
    def of(cls, column: Column, width: int | None, *, with_star: bool) -> "_Shown":
        cells = [sanitise_line(cell) for cell in column.cells]
        longest = max([cell_len(column.title), *map(cell_len, cells)])
        if width is not None:
            longest = min(longest, max(column.widest, len(column.title)))
        return cls(column, cells, longest, with_star)

    @property
    def full_width(self) -> int:
        return self.width + self.with_star

    def fit(self, text: str, *, star: bool = False) -> str:
        length = cell_len(text)
        if length > self.width:
            text, length = set_cell_size(text, self.width - 1) + "…", self.width
        padding = " " * (self.width - length)
        end = ("*" if star else " ") if self.with_star else ""
        return f"{padding}{text}{end}" if self.column.right else f"{text}{padding}{end}"


def _fitting(shown: list[_Shown], width: int) -> list[_Shown]:
    """Leave out the least important columns until the rest fits."""
    while len(shown) > 1 and sum(column.full_width + len(GAP) for column in shown) - len(GAP) > width:
        least = min(range(len(shown)), key=lambda index: (shown[index].column.importance, -index))
        shown = shown[:least] + shown[least + 1 :]
    return shown


def _paint(text: str, bold: bool) -> str:
    return f"{BOLD}{text}{PLAIN}" if bold else text
