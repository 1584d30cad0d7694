"""Numbers and times as people read them."""

import math

import pytest

from igdm_tui import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.625, "62.50"), (1.0, "100.00"), (0.0, "0.00"), (None, "–"), (math.nan, "–")],
)
def test_a_fraction_is_shown_in_percent(value, text):
    assert numbers.percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.05, "0.0500"), (1.5, "1.500"), (123.456, "123.5"), (0.0, "0.000"), (1e-5, "1.0e-05"), (123456.0, "1.2e+05"),
        (-2.5, "-2.500"), (None, "–"), (math.inf, "inf"), (math.nan, "nan"),
    ],
)  # fmt: skip
def test_a_number_has_four_significant_digits(value, text):
    assert numbers.number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (7, "0:07"),
        (192.9, "3:12"),
        (3900, "1h05"),
        (26 * 3600, "26h00"),
        (76 * 3600, "3d04"),
        (None, "–"),
        (-1, "0:00"),
    ],
)
def test_a_duration_is_short(seconds, text):
    assert numbers.duration(seconds) == text


def test_a_moment_is_utc_and_its_age_is_told_in_one_unit():
    text = numbers.moment(1_760_000_000.25)
    assert text == "2025-10-09T08:53:20.250Z"
    assert numbers.moment(None) is None
    ages = {5: "5s", 119: "1m", 7200: "2h", 86400: "1d", 86400 * 20: "2w"}
    assert {later: numbers.age(text, 1_760_000_000.25 + later) for later in ages} == ages
    assert numbers.age("no time", 0.0) == "–"


def test_a_metric_is_shown_by_its_unit():
    assert numbers.metric("clean_accuracy", 0.975) == "97.50"
    assert numbers.metric("gradient_cosine", 0.975) == "0.9750"
    assert numbers.metric("of_a_newer_version", 2.0) == "2.000"
