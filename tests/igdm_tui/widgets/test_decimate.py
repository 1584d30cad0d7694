import math
import random

import pytest

from igdm_tui.widgets.decimate import decimate, drawable_stretches, floats, value_range

NAN = float("nan")


def test_a_finite_series_is_one_stretch():
    assert drawable_stretches(floats([1, 2, 3])) == [(0, 3)]


def test_nan_and_infinity_part_a_line_in_stretches():
    assert drawable_stretches(floats([NAN, 1, 2, NAN, 3, math.inf, -math.inf, 4])) == [(1, 3), (4, 5), (7, 8)]


def test_a_logarithmic_axis_skips_zero_and_below():
    assert drawable_stretches(floats([1, 0, -2, 5]), positive=True) == [(0, 1), (3, 4)]


def test_nothing_has_no_stretch():
    assert drawable_stretches(floats()) == []
    assert drawable_stretches(floats([NAN, NAN])) == []


def test_a_single_spike_among_many_points_survives():
    ys = floats([1.0] * 10_000)
    ys[7_777] = 50.0
    xs = floats(range(10_000))
    columns = decimate(xs, ys, (0, 10_000), (0.0, 9_999.0), 200)
    assert max(highest for _, _, _, highest, _ in columns) == 50.0
    assert len(columns) == 200


def test_every_column_keeps_its_extremes_and_ends():
    chance = random.Random(3)
    ys = floats([chance.gauss(0, 1) for _ in range(5_000)])
    xs = floats(range(5_000))
    columns = decimate(xs, ys, (0, 5_000), (0.0, 4_999.0), 50)
    assert columns[0][1] == ys[0]
    assert columns[-1][4] == ys[-1]
    assert min(c[2] for c in columns) == min(ys)
    assert max(c[3] for c in columns) == max(ys)


def test_many_and_few_points_agree_on_the_same_columns():
    chance = random.Random(4)
    xs, ys = floats(range(256)), floats([chance.random() for _ in range(256)])
    many = decimate(xs, ys, (0, 256), (0.0, 256.0), 32)
    few = [decimate(xs, ys, (i * 32, (i + 1) * 32), (0.0, 256.0), 32) for i in range(8)]
    assert many == [column for part in few for column in part]


def test_points_outside_the_view_are_left_out():
    xs = floats(range(100))
    columns = decimate(xs, xs, (0, 100), (10.0, 20.0), 10)
    assert columns[0][1] == 10.0
    assert columns[-1][4] == 20.0


def test_a_single_point_is_a_column():
    assert decimate(floats([5]), floats([7]), (0, 1), (5.0, 5.0), 10) == [(0, 7.0, 7.0, 7.0, 7.0)]


def test_the_range_is_that_of_all_columns():
    values = floats([NAN, 2, 9, NAN, -1])
    columns = [decimate(floats(range(5)), values, part, (0.0, 4.0), 10) for part in drawable_stretches(values)]
    assert value_range(columns) == (-1.0, 9.0)
    assert value_range([]) is None


def test_a_logarithmic_view_has_columns_of_equal_ratio():
    xs = floats([10.0**power for power in range(7)])
    columns = decimate(xs, floats(range(7)), (0, 7), (1.0, 1e6), 60, log=True)
    assert [column for column, *_ in columns] == [0, 10, 20, 30, 40, 50, 59]
    xs = floats(range(1, 10_001))
    columns = decimate(xs, xs, (0, 10_000), (1.0, 10_000.0), 8, log=True)
    assert [round(first) for _, first, *_ in columns] == pytest.approx([1, 4, 10, 32, 100, 317, 1000, 3163], abs=1)
