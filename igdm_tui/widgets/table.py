"""Table: thousands of rows drawn one screen line at a time, with a cursor, marks, sorting and pages of columns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Generic, TypeVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.scroll_view import ScrollView
from textual.strip import Strip

from igdm_tui.keys import bindings
from igdm_tui.widgets.text import clip, fit

Row = TypeVar("Row")
GAP = 1  # cells between two columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[Row]):
    """One column.

    text: what a row shows; harmless text. tone: "", "good", "bad", "busy", "dim", "best" or "second", or a
    colour #rrggbb.
    order: what sorts it; None sorts last. weight: columns with more of it stay when the screen is narrow.
    width: cells; pinned columns are on every page; a growing one takes what is left, up to `widest`.
    """

    key: str
    title: str
    width: int
    text: Callable[[Row], str]
    order: Callable[[Row], Any] | None = None
    tone: Callable[[Row], str] | None = None
    right: bool = False
    weight: int = 0
    pinned: bool = False
    widest: int = 0


class Table(ScrollView, Generic[Row], can_focus=True):
    """Rows under a header that stays. The cursor follows its row through sorting and new rows."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "table--header", "table--cursor", "table--rest", "table--marked", "table--good", "table--bad", "table--busy",
        "table--dim", "table--accent",
    }  # fmt: skip
    BINDINGS = bindings("table")
    page: var[int] = var(0, init=False)

    class Highlighted(Message):
        """The cursor stands on another row, or on none."""

    class Chosen(Message):
        """The row under the cursor was clicked twice."""

    def __init__(
        self, columns: Sequence[Column[Row]], key: Callable[[Row], str], *, id: str | None = None, cursor: bool = True
    ) -> None:
        """A table without rows. key: what stays the same when a row changes."""
        super().__init__(id=id)
        self.columns, self.key, self.has_cursor = tuple(columns), key, cursor
        self.rows: list[Row] = []
        self.empty: tuple[str, ...] = ()  # what stands there instead of rows; harmless text
        self.marked: set[str] = set()
        self.sort_key, self.reverse = "", False
        self.is_led = False  # another widget has the keys and moves the cursor
        self.cursor = 0
        self._pages: list[list[tuple[Column[Row], int]]] = []
        self._pages_width = -1
        self._painted: dict[int, list[tuple[str, str]]] = {}  # cells by row, as they were drawn last
        self._painted_as: object = None
        self._inks: dict[tuple[str, Style, Style | None], Style] = {}

    @property
    def selected(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.has_cursor and self.cursor < len(self.rows) else None

    @property
    def page_count(self) -> int:
        """Pages of columns at this width."""
        return len(self._layout())

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows instead; sorted, with the cursor on the row it was on."""
        self.show_rows(self._sorted(rows))

    def show_rows(self, rows: Sequence[Row], cursor_key: str | None = None) -> None:
        """Show these rows in this order; with the cursor on the row with this key, else on the row it was on."""
        selected = self.selected
        self.rows = list(rows)
        self.virtual_size = Size(0, len(self.rows) + 1)
        self._find(cursor_key or (self.key(selected) if selected is not None else None))
        self._refresh_changed()

    def _refresh_changed(self) -> None:
        """Draw again the lines in sight that say something else than before; all, if more than that has changed."""
        if not self.rows or self._painted_as != self._look():
            self.refresh()
            return
        top = self.scroll_offset.y
        layout = self._layout()[self.page]
        for number in range(top, min(top + self.size.height - 1, len(self.rows))):
            if self._painted.get(number) != self._cells(layout, self.rows[number]):
                self.refresh_lines(number + 1)

    def _look(self) -> tuple[object, ...]:
        """What all lines are drawn by, beside their rows."""
        place = (self.size, self.scroll_offset.y, self.page, self.cursor, len(self.rows))
        return (*place, self.columns, self.sort_key, self.reverse)

    def set_columns(self, columns: Sequence[Column[Row]]) -> None:
        """Show these columns instead."""
        self.columns, self._pages_width = tuple(columns), -1
        self.refresh()

    def sort_by(self, key: str, *, reverse: bool) -> None:
        """Sort by a column; rows without a value come last either way."""
        self.sort_key, self.reverse = key, reverse
        self.set_rows(self.rows)

    def select(self, key: str) -> None:
        """Put the cursor on a row by its key; it stays where it is when there is no such row."""
        self._find(key)
        self.refresh()

    def _find(self, key: str | None) -> None:
        found = next((i for i, row in enumerate(self.rows) if self.key(row) == key), None) if key else None
        self._move_to(self.cursor if found is None else found)

    def _sorted(self, rows: Sequence[Row]) -> list[Row]:
        column = next((column for column in self.columns if column.key == self.sort_key), None)
        if column is None or column.order is None:
            return list(rows)
        order = column.order
        values = [(order(row), row) for row in rows]
        valued = [pair for pair in values if pair[0] is not None]
        valued.sort(key=itemgetter(0), reverse=self.reverse)
        return [row for _, row in valued] + [row for value, row in values if value is None]

    # The cursor

    def _move_to(self, row: int) -> None:
        before = self.cursor
        self.cursor = max(min(row, len(self.rows) - 1), 0)
        if self.rows and self.size.height > 1:
            visible = self.size.height - 1
            top = self.scroll_offset.y
            if not top <= self.cursor < top + visible:
                target = self.cursor if self.cursor < top else self.cursor - visible + 1
                self.scroll_to(y=target, animate=False, immediate=True)
        if self.cursor != before:
            self.refresh()
        self.post_message(self.Highlighted())

    def action_down(self) -> None:
        """Next row, or one line down without a cursor."""
        self._move_to(self.cursor + 1) if self.has_cursor else self.scroll_down(animate=False)

    def action_up(self) -> None:
        """Previous row, or one line up without a cursor."""
        self._move_to(self.cursor - 1) if self.has_cursor else self.scroll_up(animate=False)

    def action_first(self) -> None:
        """First row."""
        self._move_to(0)

    def action_last(self) -> None:
        """Last row."""
        self._move_to(len(self.rows) - 1)

    def action_page_down(self) -> None:
        """One screen of rows down."""
        self._move_to(self.cursor + max(self.size.height - 2, 1))

    def action_page_up(self) -> None:
        """One screen of rows up."""
        self._move_to(self.cursor - max(self.size.height - 2, 1))

    def action_more_columns(self) -> None:
        """The next page of columns."""
        self.page = min(self.page + 1, self.page_count - 1)

    def action_fewer_columns(self) -> None:
        """The previous page of columns."""
        self.page = max(self.page - 1, 0)

    def watch_page(self) -> None:
        """Another page of columns is drawn."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """One click moves the cursor, two choose the row."""
        row = event.y - 1 + self.scroll_offset.y
        if self.has_cursor and event.y >= 1 and row < len(self.rows):
            self._move_to(row)
            if event.chain == 2:
                self.post_message(self.Chosen())

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        if self.has_cursor:
            self._move_to(self.cursor)

    # Drawing

    def _layout(self) -> list[list[tuple[Column[Row], int]]]:
        """Pages of (column, width): the weightiest columns first, every column on one page, pinned ones on all."""
        width = self.size.width
        if self._pages_width != width:
            self._pages_width = width
            self._pages = _pages(self.columns, width)
            self.set_reactive(Table.page, min(self.page, len(self._pages) - 1))
        return self._pages

    def render_line(self, y: int) -> Strip:
        """The header, or one row."""
        layout = self._layout()[self.page]
        width, base = self.size.width, self.rich_style
        if not self.rows and self.empty:
            self._painted_as = None
            return self._empty_line(y, width)
        if y == 0:
            return self._header(layout, width)
        number = y - 1 + self.scroll_offset.y
        if number >= len(self.rows):
            return Strip.blank(width, base)
        row = self.rows[number]
        if self.has_cursor and number == self.cursor:
            over: Style | None = self.get_component_rich_style("table--cursor")
            if not (self.has_focus or self.is_led):
                over = self.get_component_rich_style("table--rest")
        else:
            over = None
        if self._painted_as != (look := self._look()):
            self._painted, self._painted_as = {}, look
        self._painted[number] = self._cells(layout, row)
        segments = []
        for (said, tone), (column, cells) in zip(self._painted[number], layout, strict=True):
            style = self._ink(tone, base, over)
            text = fit(said, cells, right=column.right) + " " * GAP
            if style.underline:  # only what is said, not the empty cells around it
                start, end = len(text) - len(text.lstrip()), len(text.rstrip())
                blank = style + Style(underline=False)
                segments += [Segment(text[:start], blank), Segment(text[start:end], style)]
                segments.append(Segment(text[end:], blank))
            else:
                segments.append(Segment(text, style))
        return Strip(segments).adjust_cell_length(width, base + over)

    def _cells(self, layout: list[tuple[Column[Row], int]], row: Row) -> list[tuple[str, str]]:
        """Text and tone of each cell of a row."""
        return [(column.text(row), column.tone(row) if column.tone else "") for column, _ in layout]

    def _empty_line(self, y: int, width: int) -> Strip:
        line = y - (self.size.height - len(self.empty)) // 2
        text = clip(self.empty[line], width) if 0 <= line < len(self.empty) else ""
        left = " " * ((width - cell_len(text)) // 2)
        return Strip([Segment(left + text, self.rich_style + self._tone("dim"))]).adjust_cell_length(
            width, self.rich_style
        )

    def _header(self, layout: list[tuple[Column[Row], int]], width: int) -> Strip:
        style = self.get_component_rich_style("table--header")
        text = ""
        for column, cells in layout:
            arrow = ("▾" if self.reverse else "▴") if column.key == self.sort_key else ""
            title = f"{arrow}{column.title}" if column.right else f"{column.title}{arrow}"
            text += fit(title, cells, right=column.right) + " " * GAP
        strip = Strip([Segment(text, style)]).adjust_cell_length(width, style)
        if self.page_count > 1 and width > 2:
            note = ("‹" if self.page else " ") + ("›" if self.page + 1 < self.page_count else " ")
            strip = Strip([*strip.crop(0, width - len(note)), Segment(note, style)])
        return strip

    def notify_style_update(self) -> None:
        """Colours may have changed."""
        super().notify_style_update()
        self._inks.clear()

    def _ink(self, tone: str, base: Style, over: Style | None) -> Style:
        """The style of a cell, put together once."""
        key = (tone, base, over)
        if key not in self._inks:
            self._inks[key] = base + self._tone(tone) + over
        return self._inks[key]

    def _tone(self, tone: str) -> Style:
        if tone.startswith("#"):
            return Style(color=tone, bold=True)
        if tone in ("best", "second"):
            return Style(bold=True) if tone == "best" else Style(underline=True)
        if not tone:
            return Style.null()
        full = self.get_component_rich_style(f"table--{tone}")
        return Style(color=full.color, bold=full.bold or None)


def _pages(columns: Sequence[Column[Row]], width: int) -> list[list[tuple[Column[Row], int]]]:
    """Share out columns over as few pages as fit `width`."""
    pinned = [column for column in columns if column.pinned]
    waiting = sorted((column for column in columns if not column.pinned), key=lambda column: -column.weight)
    own = sum(column.width + GAP for column in pinned)
    note = 2 if own + sum(column.width + GAP for column in waiting) > width else 0
    pages: list[list[tuple[Column[Row], int]]] = []
    while waiting or not pages:
        room = width - own - note
        taken: list[Column[Row]] = []
        for column in list(waiting):
            if column.width + GAP <= room or not taken:
                taken.append(column)
                waiting.remove(column)
                room -= column.width + GAP
        shown = [column for column in columns if column.pinned or column in taken]
        pages.append([(column, _grown(column, room)) for column in shown])
    return pages


def _grown(column: Column[Row], room: int) -> int:
    return column.width + max(min(room, column.widest - column.width), 0) if column.widest else column.width
