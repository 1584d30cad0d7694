import pytest

from core.spec.rational import parse_rational, rational_text


def test_eight_over_255_is_exact():
    assert parse_rational("8/255") == 8 / 255


def test_spaces_and_decimals_are_read():
    assert parse_rational(" 2 / 255 ") == 2 / 255
    assert parse_rational("0.03") == 0.03


@pytest.mark.parametrize("text", ["eight", "", "1/2/3", "8/"])
def test_text_that_is_no_number_says_so(text):
    with pytest.raises(ValueError, match="not a number"):
        parse_rational(text)


def test_division_by_zero_is_named():
    with pytest.raises(ValueError, match="divides by zero"):
        parse_rational("1/0")


@pytest.mark.parametrize("numerator", [0.5, 1, 2, 8, 16, 128])
def test_fractions_of_255_are_written_back_as_fractions(numerator):
    assert rational_text(numerator / 255) == f"{numerator:g}/255"
    assert parse_rational(rational_text(numerator / 255)) == numerator / 255


@pytest.mark.parametrize("value", [0.2, 0.031, 0.0, 1.0, 0.1 + 0.2])
def test_other_numbers_keep_their_value(value):
    assert parse_rational(rational_text(value)) == value
