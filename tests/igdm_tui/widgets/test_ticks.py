import math
from itertools import pairwise

import pytest

from igdm_tui.widgets.ticks import linear_axis, log_axis, nice_step


@pytest.mark.parametrize(
    ("least", "step"), [(0.3, 0.5), (0.11, 0.2), (1, 1), (3, 5), (6, 10), (700, 1000), (2e-7, 2e-7)]
)
def test_steps_are_one_two_or_five(least: float, step: float):
    assert nice_step(least) == pytest.approx(step)


@pytest.mark.parametrize("bounds", [(0, 1), (0.02, 2.31), (-3, 8), (1e-9, 3e-9), (0, 123_456), (0.55, 0.5501)])
@pytest.mark.parametrize("most", [2, 3, 5, 7])
def test_ticks_are_few_and_evenly_spaced_and_the_axis_covers_the_values(bounds: tuple[float, float], most: int):
    axis = linear_axis(*bounds, most)
    values = [value for value, _ in axis.ticks]
    assert 1 <= len(values) <= most
    assert axis.low <= bounds[0] + 1e-12
    assert axis.high >= bounds[1] - 1e-12
    gaps = [b - a for a, b in pairwise(values)]
    assert gaps == pytest.approx([gaps[0]] * len(gaps)) if gaps else True
    for gap in gaps:
        leading = gap / 10 ** math.floor(math.log10(gap) + 1e-6)
        assert round(leading, 4) in (1, 2, 5)


def test_labels_have_the_decimals_their_step_needs():
    assert [label for _, label in linear_axis(0, 1, 5).ticks] == ["0.0", "0.5", "1.0"]
    assert [label for _, label in linear_axis(0, 0.9, 6, percent=True).ticks] == ["0", "20", "40", "60", "80"]
    assert [label for _, label in linear_axis(0, 20_000, 3).ticks] == ["0", "10k", "20k"]


def test_labels_of_neighbours_differ():
    labels = [label for _, label in linear_axis(0.55, 0.5501, 5).ticks]
    assert len(set(labels)) == len(labels)


def test_equal_values_get_an_axis_around_them():
    for value in (0.0, 3.0, -2.0):
        axis = linear_axis(value, value, 5)
        assert axis.low < value < axis.high


def test_a_logarithmic_axis_has_powers_of_ten():
    axis = log_axis(0.003, 40, 5)
    assert [label for _, label in axis.ticks] == ["0.01", "0.1", "1", "10"]
    assert axis.place(0.003) == 0
    assert axis.place(40) == pytest.approx(1)


def test_a_short_logarithmic_axis_has_ones_twos_and_fives():
    assert [label for _, label in log_axis(0.9, 6, 5).ticks] == ["1", "2", "5"]


def test_a_logarithmic_axis_of_fractions_can_speak_percent():
    axis = log_axis(0.003, 1, 5, percent=True)
    assert axis.ticks == ((0.01, "1"), (0.1, "10"), (1, "100"))
    assert [label for _, label in log_axis(0.06, 0.6, 5, percent=True).ticks] == ["10", "20", "50"]


def test_many_decades_skip_some():
    assert len(log_axis(1e-12, 1e12, 5).ticks) <= 5
