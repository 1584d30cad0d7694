from dataclasses import dataclass

import pytest
from textual.app import App, ComposeResult

from igdm_tui.widgets.table import Column, Table


@dataclass(frozen=True)
class Fruit:
    id: str
    size: float | None


def columns() -> list[Column[Fruit]]:
    return [
        Column(key="id", title="id", width=6, pinned=True, text=lambda f: f.id, order=lambda f: f.id, widest=30),
        Column(
            key="size", title="size", width=6, right=True, weight=9, text=lambda f: f"{f.size}", order=lambda f: f.size
        ),
        *(Column(key=f"c{i}", title=f"c{i}", width=8, weight=i, text=lambda f, i=i: f"{f.id}{i}") for i in range(6)),
    ]


class TableApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Table[Fruit](columns(), key=lambda fruit: fruit.id)


def lines(table: Table[Fruit]) -> list[str]:
    return [table.render_line(y).text for y in range(table.size.height)]


@pytest.fixture
async def table():
    app = TableApp()
    async with app.run_test(size=(80, 20)) as pilot:
        table = app.query_one(Table)
        table.set_rows([Fruit(f"r{i:04}", float(i % 7) if i % 5 else None) for i in range(5_000)])
        table.focus()
        await pilot.pause()
        table.pilot = pilot
        yield table


async def test_only_visible_rows_are_drawn_whatever_their_number(table):
    shown = lines(table)
    assert len(shown) == 20
    assert shown[1].startswith("r0000")
    assert all(table.render_line(y).cell_length == 80 for y in range(20))


async def test_the_header_stays_while_rows_scroll(table):
    await table.pilot.press("G")
    assert lines(table)[0].startswith("id")
    assert lines(table)[-1].startswith("r4999")
    assert table.cursor == 4999
    await table.pilot.press("g")
    assert lines(table)[1].startswith("r0000")


async def test_pages_move_by_what_is_visible(table):
    await table.pilot.press("pagedown")
    assert table.cursor == 18
    await table.pilot.press("ctrl+d", "ctrl+u", "pageup")
    assert table.cursor == 0


async def test_rows_without_a_value_come_last_in_both_directions(table):
    for reverse in (False, True):
        table.sort_by("size", reverse=reverse)
        values = [row.size for row in table.rows]
        assert None not in values[:4_000]
        assert set(values[4_000:]) == {None}
        assert values[0] == (6.0 if reverse else 0.0)


async def test_sorting_keeps_the_cursor_on_its_row(table):
    await table.pilot.press("j", "j")
    selected = table.selected
    table.sort_by("size", reverse=True)
    assert table.selected == selected


async def test_the_sorted_column_says_so(table):
    table.sort_by("size", reverse=True)
    assert "▾size" in lines(table)[0]
    table.sort_by("id", reverse=False)
    assert "id▴" in lines(table)[0]


async def test_the_cursor_stays_inside_when_rows_go(table):
    await table.pilot.press("G")
    table.set_rows([Fruit("only", 1.0)])
    await table.pilot.pause()
    assert table.selected == Fruit("only", 1.0)
    assert lines(table)[1].startswith("only")
    table.set_rows([])
    assert table.selected is None
    await table.pilot.press("j", "k", "G", "g")


async def test_every_column_is_on_exactly_one_page_and_pinned_ones_on_all(table):
    await table.pilot.resize_terminal(40, 20)
    await table.pilot.pause()
    pages = table._layout()
    assert len(pages) > 1
    keys = [column.key for page in pages for column, _ in page]
    assert keys.count("id") == len(pages)
    assert sorted(key for key in keys if key != "id") == sorted(c.key for c in columns() if c.key != "id")
    assert "size" in [column.key for column, _ in pages[0]]


async def test_pages_of_columns_end_at_the_last(table):
    await table.pilot.resize_terminal(40, 20)
    await table.pilot.pause()
    await table.pilot.press(*["l"] * 9)
    assert table.page == table.page_count - 1
    await table.pilot.resize_terminal(120, 20)
    await table.pilot.pause()
    assert table.page == 0
    lines(table)


@pytest.mark.parametrize("width", [1, 5, 10, 200])
async def test_any_width_is_drawn(table, width):
    await table.pilot.resize_terminal(width, 5)
    await table.pilot.pause()
    assert all(table.render_line(y).cell_length == width for y in range(5))


async def test_a_click_moves_the_cursor(table):
    await table.pilot.click(Table, offset=(3, 5))
    assert table.cursor == 4
