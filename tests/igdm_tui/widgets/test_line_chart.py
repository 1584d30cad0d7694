import math
from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from igdm_tui.widgets.braille import BrailleGrid, trace
from igdm_tui.widgets.curve import Curve
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
    return Line.of("a", floats(range(1, len(ys) + 1)), floats(ys), **options)  # type: ignore[arg-type]


def braille(rows: list[str]) -> int:
    return sum(0x2800 < ord(character) <= 0x28FF for row in rows for character in row)


def test_a_rising_line_goes_from_bottom_left_to_top_right():
    grid = BrailleGrid(4, 2)
    columns = [(x, float(x), float(x), float(x), float(x)) for x in range(8)]
    grid.draw(trace([columns], grid.columns, lambda value: int(value)), 0)
    assert grid.lines() == [("  ⡠⠊", [0, 0, 1, 1]), ("⡠⠊  ", [1, 1, 0, 0])]


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
    rows = await drawn([Line.of("total", floats([1, 2]), floats([3.0, 1.5]))])
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


async def test_a_log_axis_of_accuracies_speaks_percent_too():
    rows = await drawn([line([0.1, 0.5, 0.9])], percent=True, logarithmic=True)
    labels = [row.split("┤")[0].strip() for row in rows if "┤" in row]
    assert labels == ["50", "20", "10"]


@pytest.mark.parametrize("size", [(1, 1), (5, 2), (16, 4), (20, 5), (40, 9), (200, 60)])
async def test_any_size_is_drawn(size: tuple[int, int]):
    await drawn([line([1.0, 2.0, NAN, 4.0] * 100), line([1e300, -1e300, 1e-300])], size=size)


async def test_hostile_labels_are_harmless():
    rows = await drawn([Line.of("[/] \x1b[2J[bold]\u202e" + "x" * 500, floats([1, 2]), floats([1, 2]))])
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
        Line.of(name, floats([1, 2]), floats([0.123456, 0.2]), mark=mark)
        for name, mark in (("adaad", "A"), ("ard", "B"))
    ]
    assert "A adaad 0.2000" in (await drawn(lines, size=(60, 12)))[0]
    assert (await drawn(lines, size=(26, 12)))[0].startswith("loss A adaad 0.2 B ard 0.2")
    assert (await drawn(lines, size=(20, 12)))[0].startswith("loss A adaad B ard")


@asynccontextmanager
async def shown(lines: list[Line], size: tuple[int, int] = (80, 16)) -> AsyncIterator[tuple[LineChart, Pilot[None]]]:
    app = ChartApp()
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(LineChart)
        chart.set_lines(lines)
        chart.focus()
        await pilot.pause()
        picture(chart)
        yield chart, pilot


def labels(chart: LineChart) -> list[float]:
    """Numbers under the x axis."""
    return [float(word.replace("k", "e3")) for word in picture(chart)[-1].split()[:-1]]


async def test_zooming_in_ends_at_the_newest_point_and_0_shows_all():
    async with shown([line([float(i) for i in range(1000)])]) as (chart, pilot):
        whole = labels(chart)
        await pilot.press("plus", "plus")
        assert chart.window == pytest.approx((750.25, 1000))
        assert min(labels(chart)) >= 750
        assert "(part)" in picture(chart)[0]
        assert any(row.startswith("1000┤") for row in picture(chart)), "the y axis fits what is seen"
        assert not any(row.lstrip().startswith("0┤") for row in picture(chart))
        await pilot.press("minus")
        assert chart.window == pytest.approx((500.5, 1000))
        await pilot.press("0")
        assert labels(chart) == whole


async def test_zooming_keeps_the_crosshair_where_it_is_and_the_window_follows_it():
    async with shown([line([float(i) for i in range(1000)])]) as (chart, pilot):
        await pilot.press("h", *["H"] * 5)
        at = chart.crosshair
        assert at is not None
        await pilot.press("plus", "plus", "plus")
        low, high = chart.window or (0, 0)
        assert low < at < high
        assert chart.crosshair == at
        await pilot.press(*["H"] * 9)
        assert chart.crosshair < low
        assert chart.window[0] <= chart.crosshair


async def test_the_crosshair_reads_every_line_where_it_stands():
    lines = [line([float(i) for i in range(1, 101)], mark="A"), line([float(-i) for i in range(1, 101)], mark="B")]
    async with shown(lines) as (chart, pilot):
        await pilot.press("left")
        assert "at step 100" in picture(chart)[0]
        await pilot.press(*["H"] * 20)
        rows = picture(chart)
        assert "at step 1)" in rows[0]
        assert "A a 1.000" in rows[0]
        assert "B a -1.000" in rows[0]
        assert sum("││" in row or "┤│" in row for row in rows[1:]) > 5, "an upright line beside the axis"
        await pilot.press("0")
        assert "at step" not in picture(chart)[0]


class ListeningApp(ChartApp):
    told: ClassVar[list[float | None]] = []

    def on_line_chart_crossed(self, message: LineChart.Crossed) -> None:
        self.told.append(message.x)


async def test_a_moved_crosshair_is_told_and_one_that_is_set_is_not():
    app = ListeningApp()
    async with app.run_test() as pilot:
        chart = app.query_one(LineChart)
        chart.set_lines([line([1.0, 2.0, 3.0])])
        chart.focus()
        await pilot.pause()
        chart.crosshair = 2.0
        await pilot.pause()
        assert app.told == []
        await pilot.press("left")
        assert app.told == [chart.crosshair]
        assert chart.crosshair < 2.0


async def test_smoothing_goes_round_and_leaves_the_points_behind():
    ys = [1.0 + (-1.0) ** i for i in range(400)]
    async with shown([line(ys)]) as (chart, pilot):
        full = braille(picture(chart)[1:])
        await pilot.press("w")
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()
        assert "(EMA 0.6)" in picture(chart)[0]
        smooth = braille(picture(chart)[1:])
        styles = {segment.style.color for y in range(1, 12) for segment in chart.render_line(y) if segment.text.strip()}
        assert len(styles) >= 3, "axis, line, and the points faintly"
        assert smooth <= full
        await pilot.press("w", "w", "w")
        assert "EMA" not in picture(chart)[0]
        assert braille(picture(chart)[1:]) == full


async def test_a_logarithmic_x_axis():
    async with shown([line([float(i) for i in range(10_000)])]) as (chart, pilot):
        await pilot.press("X")
        assert "(log x)" in picture(chart)[0]
        assert labels(chart) == [1, 10, 100, 1000]
        await pilot.press("plus")
        assert min(labels(chart)) >= 100


async def test_a_logarithmic_x_axis_leaves_out_zero():
    async with shown([Line.of("a", floats([0, 1, 10]), floats([5, 6, 7]))]) as (chart, pilot):
        await pilot.press("X")
        assert labels(chart)[0] == 1


async def test_a_band_is_lighter_than_a_line_also_without_colour():
    low, mean, high = (Curve(range(100), [float(value)] * 100) for value in (0, 5, 10))
    async with shown([Line("group", mean, band=(low, high))]) as (chart, _):
        rows = picture(chart)
        dots = [bin(ord(c) - 0x2800).count("1") for row in rows[1:-2] for c in row if 0x2800 < ord(c) <= 0x28FF]
        assert dots.count(4) > 300, "every second dot"
        assert max(dots) < 8
        assert braille(rows[1:]) > 60 * 10


async def test_a_growing_curve_is_drawn_as_it_grows():
    curve = Curve([1, 2], [1.0, 2.0])
    async with shown([Line("a", curve)]) as (chart, _):
        assert "2.000" in picture(chart)[0]
        curve.extend([3], [9.0])
        assert "9.000" in picture(chart)[0]


async def test_a_click_puts_the_crosshair_there():
    async with shown([line([float(i) for i in range(101)])]) as (chart, pilot):
        await pilot.click(LineChart, offset=(42, 5))
        assert chart.crosshair == pytest.approx(50, abs=5)
