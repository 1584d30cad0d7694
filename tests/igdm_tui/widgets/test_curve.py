import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from igdm_tui.widgets.curve import BLOCK, Curve
from igdm_tui.widgets.decimate import decimate, drawable_stretches, floats

NAN = float("nan")
values = st.lists(st.one_of(st.floats(-5, 5), st.just(NAN), st.just(math.inf)), max_size=4 * BLOCK)


@settings(max_examples=60, deadline=None)
@given(values, st.lists(st.integers(1, 70), max_size=5))
def test_a_curve_that_grew_is_the_curve_made_at_once(ys, sizes):
    grown, start = Curve(), 0
    for size in [*sizes, len(ys)]:
        part = ys[start : start + size]
        grown.extend(range(start, start + len(part)), part)
        grown.stretches(), grown.stretches(positive=True), grown.smoothed(0.6)
        start += len(part)
    whole = Curve(range(len(ys)), ys)
    for positive in (False, True):
        assert grown.stretches(positive=positive) == drawable_stretches(floats(ys), positive=positive)
    for start, end in whole.stretches():
        assert grown.extremes(start, end) == (min(ys[start:end]), max(ys[start:end]))
    assert list(grown.smoothed(0.6).ys) == pytest.approx(list(whole.smoothed(0.6).ys), nan_ok=True)


def test_blocks_change_nothing_about_a_drawing():
    chance = random.Random(5)
    ys = floats([chance.gauss(0, 1) for _ in range(10_000)])
    xs = floats(range(10_000))
    plain = decimate(xs, ys, (0, 10_000), (100.0, 9_000.0), 230)
    assert Curve(xs, ys).columns((100.0, 9_000.0), 230).stretches == [plain]


def test_a_moving_average_begins_without_bias_and_forgets():
    curve = Curve([1, 2, 3, 4], [8.0, 4.0, NAN, 4.0])
    smooth = curve.smoothed(0.5)
    assert smooth.ys[0] == 8.0
    assert smooth.ys[1] == pytest.approx((0.5 * 8 + 4) / 1.5)
    assert math.isnan(smooth.ys[2])
    assert smooth.ys[3] == pytest.approx((0.25 * 8 + 0.5 * 4 + 4) / 1.75)
    assert curve.smoothed(0.0) is curve


def test_the_nearest_point_is_found():
    curve = Curve([1, 4, 10], [1.0, 2.0, 3.0])
    assert [curve.at(x) for x in (-5, 2, 3, 8, 99)] == [(1, 1.0), (1, 1.0), (4, 2.0), (10, 3.0), (10, 3.0)]
    assert Curve().at(3) is None


def test_a_logarithmic_view_begins_above_zero():
    with pytest.raises(ValueError, match="cannot begin"):
        Curve([0, 1], [1, 2]).columns((0.0, 1.0), 10, log_x=True)
