import math
from array import array

import pytest
from textual.app import App, ComposeResult

from igdm_tui.widgets.braille import BrailleGrid, trace
from igdm_tui.widgets.decimate import floats
from igdm_tui.widgets.line_chart import Line, LineChart

NAN = float("nan")


class ChartApp(App[None]):
    def compose(self) -> ComposeResult:
        yield LineChart("loss", id="chart")


def picture(chart: LineChart) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


async def drawn(lines: list[Line], size: tuple[int, int] = (60, 15), **options: object) -> list[str]:
    app = ChartApp()
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(LineChart)
        for name, value in options.items():
            setattr(chart, name, value)
        chart.set_lines(lines)
        await pilot.pause()
        rows = picture(chart)
        assert all(chart.render_line(y).cell_length == size[0] for y in range(size[1]))
        return rows


def line(ys: list[float], **options: object) -> Line:
    return Line("a", floats(range(1, len(ys) + 1)), floats(ys), **options)  # type: ignore[arg-type]


def braille(rows: list[str]) -> int:
    return sum(0x2800 < ord(character) <= 0x28FF for row in rows for character in row)


def test_a_rising_line_goes_from_bottom_left_to_top_right():
    grid = BrailleGrid(4, 2)
    columns = [(x, float(x), float(x), float(x), float(x)) for x in range(8)]
    grid.draw(trace([columns], grid.columns, lambda value: int(value)), 0)
    assert grid.dots[0][3] == 0b00001010 or grid.dots[0][3]
    assert grid.dots[1][0]
    assert not grid.dots[0][0]
    assert not grid.dots[1][3]


def test_distant_points_are_joined():
    masks = trace([[(0, 0.0, 0.0, 0.0, 0.0), (9, 9.0, 9.0, 9.0, 9.0)]], 10, int)
    assert all(masks)
    joined = 0
    for mask in masks:
        joined |= mask
    assert joined == 2**10 - 1


def test_stretches_are_not_joined():
    masks = trace([[(0, 1.0, 1.0, 1.0, 1.0)], [(9, 1.0, 1.0, 1.0, 1.0)]], 10, int)
    assert [bool(mask) for mask in masks] == [True] + [False] * 8 + [True]


async def test_title_label_and_newest_value_stand_above_the_curve():
    rows = await drawn([Line("total", floats([1, 2]), floats([3.0, 1.5]))])
    assert rows[0].startswith("loss  ● total 1.500")


async def test_axes_are_labelled_with_round_numbers():
    rows = await drawn([line([0.1, 0.9, 0.4, 1.9])])
    text = "\n".join(rows)
    assert "2.0┤" in text
    assert "0.0┤" in text
    assert rows[-1].endswith("step")


async def test_a_spike_in_ten_thousand_points_is_seen_at_the_top():
    ys = [1.0] * 10_000
    ys[5_000] = 10.0
    rows = await drawn([line(ys)])
    assert braille(rows[1:2]) == 1


async def test_nan_is_a_gap():
    ys = [1.0] * 40 + [NAN] * 20 + [1.0] * 40
    rows = await drawn([line(ys)])
    curve = next(row for row in rows[1:] if braille([row]))
    dotted = [0x2800 < ord(c) <= 0x28FF for c in curve]
    inside = dotted[dotted.index(True) : len(dotted) - dotted[::-1].index(True)]
    assert 5 < inside.count(False) < 20


async def test_only_nan_is_no_curve_and_no_crash():
    rows = await drawn([line([NAN, math.inf])])
    assert "no points yet" in "\n".join(rows)


async def test_one_point_is_drawn():
    rows = await drawn([line([5.0])])
    assert "●" in "\n".join(rows[1:])


async def test_log_axis_shows_decades():
    rows = await drawn([line([1000.0, 100.0, 10.0, 1.0, 0.1])], logarithmic=True)
    assert rows[0].startswith("loss (log)")
    assert any(row.strip().startswith("100┤") for row in rows)


async def test_several_lines_carry_their_own_marks_without_colour():
    lines = [line([float(i + j) for i in range(50)], mark=mark, colour=j) for j, mark in enumerate("ABC")]
    rows = await drawn(lines, size=(80, 20))
    assert all(mark in "".join(rows[1:-2]) for mark in "ABC")


async def test_percent_axes_speak_percent():
    rows = await drawn([line([0.1, 0.5, 0.9])], percent=True)
    assert "90.00 %" in rows[0]
    assert any(row.lstrip().startswith("80┤") for row in rows)


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (16, 4), (20, 5), (40, 9), (200, 60)])
async def test_any_size_is_drawn(size: tuple[int, int]):
    await drawn([line([1.0, 2.0, NAN, 4.0] * 100), line([1e300, -1e300, 1e-300])], size=size)


async def test_hostile_labels_are_harmless():
    rows = await drawn([Line("[/] \x1b[2J[bold]\u202e" + "x" * 500, floats([1, 2]), floats([1, 2]))])
    assert "\x1b" not in "".join(rows)
    assert "\u202e" not in "".join(rows)
    assert "[/] [bold]" in rows[0]


async def test_y_switches_to_a_logarithmic_axis():
    app = ChartApp()
    async with app.run_test() as pilot:
        chart = app.query_one(LineChart)
        chart.set_lines([line([1.0, 10.0, 100.0])])
        chart.focus()
        await pilot.press("y")
        assert chart.logarithmic
        assert "(log)" in picture(chart)[0]


async def test_an_unchanged_chart_is_not_drawn_again():
    app = ChartApp()
    async with app.run_test() as pilot:
        chart = app.query_one(LineChart)
        chart.set_lines([line([1.0, 2.0])])
        await pilot.pause()
        assert chart.render_line(1) is chart.render_line(1)


async def test_values_are_kept_in_arrays():
    assert isinstance(floats([1, 2]), array)


async def test_a_short_legend_gives_up_values_before_names():
    lines = [
        Line(name, floats([1, 2]), floats([0.123456, 0.2]), mark=mark) for name, mark in (("adaad", "A"), ("ard", "B"))
    ]
    assert "A adaad 0.2000" in (await drawn(lines, size=(60, 12)))[0]
    assert (await drawn(lines, size=(26, 12)))[0].startswith("loss A adaad 0.2 B ard 0.2")
    assert (await drawn(lines, size=(20, 12)))[0].startswith("loss A adaad B ard")
