import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from igdm_tui.widgets.braille import BrailleGrid
from igdm_tui.widgets.chart_drawing import steady
from igdm_tui.widgets.curve import Curve
from igdm_tui.widgets.line_chart import Line
from tests.igdm_tui.widgets.test_line_chart import NAN, picture, shown

OPTIONS: list[dict[str, object]] = [
    {},
    {"logarithmic": True},
    {"log_x": True},
    {"smoothing": 0.9},
    {"crosshair": 300.0},
]


@pytest.mark.parametrize("options", OPTIONS)
async def test_a_chart_that_grew_looks_as_if_drawn_anew(options: dict[str, object]):
    """Growing takes most of a picture over: gaps, spikes, few points that become many and a moved axis included."""
    chance = random.Random(3)
    growing = [Curve(), Curve()]
    async with (
        shown([Line(str(n), curve, n) for n, curve in enumerate(growing)]) as (chart, _),
        shown([]) as (fresh, _),
    ):
        for name, value in options.items():
            setattr(chart, name, value)
            setattr(fresh, name, value)
        for curve in growing:
            curve.smoothed(chart.smoothing)
        for turn in range(60):
            for number, curve in enumerate(growing):
                count = chance.choice((0, 1, 1, 3, 40)) if turn else 3
                xs = [float(len(curve) + 1 + n) for n in range(count)]
                curve.extend(xs, [_value(chance, turn, number) for _ in xs])
            lines = [Line(str(n), Curve(curve.xs[:], curve.ys[:]), n) for n, curve in enumerate(growing)]
            for line in lines:
                line.curve.smoothed(chart.smoothing)
            fresh.set_lines(lines)
            assert picture(chart) == picture(fresh)


def _value(chance: random.Random, turn: int, number: int) -> float:
    """Falling with noise, a rare spike, and a rare gap in the second line."""
    if number and chance.random() < 0.02:
        return NAN
    return (50.0 if chance.random() < 0.005 else 2 / (1 + turn)) + chance.random()


@given(st.floats(-1e12, 1e12), st.floats(1e-9, 1e12))
def test_a_steady_view_ends_less_than_a_cell_later(low: float, width: float):
    high = low + width
    assume(high > low)
    ends = steady((low, high))
    assert ends[0] == low
    assert high <= ends[1] <= high + (high - low) / 200


def test_a_steady_view_stands_still_while_points_arrive():
    assert len({steady((0.0, float(last))) for last in range(10_000, 10_100)}) <= 5


def test_a_cell_belongs_to_the_line_drawn_last_however_many_there_are():
    grid = BrailleGrid(2, 1)
    for line in (*range(300), 0x1234):
        grid.draw([line % 16, 0, 0, 1 if line == 7 else 0], line)
    assert grid.lines() == [("⡇⢀", [0x1234 + 1, 8])]
