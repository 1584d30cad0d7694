"""Numbers written as fractions, as the papers write them: "8/255" is exact, 0.031 is not the same number."""

from fractions import Fraction
from typing import Annotated, Any

from pydantic import BeforeValidator

PIXEL_LEVELS = 255
SHORT = 4  # 0.2 is not written as 51/255


def parse_rational(value: Any) -> Any:
    """Turn "8/255" (or "0.03") into the nearest float; leave numbers alone.

    Raises: ValueError for text that is no number or divides by zero.
    """
    if not isinstance(value, str):
        return value
    try:
        numerator, *denominator = value.replace(" ", "").split("/")
        if len(denominator) > 1:
            raise ValueError("more than one division")
        return float(Fraction(numerator) / Fraction(denominator[0] if denominator else 1))
    except ZeroDivisionError as error:
        raise ValueError(f"{value!r} divides by zero") from error
    except ValueError as error:
        raise ValueError(f'{value!r} is not a number; write 0.03 or "8/255"') from error


def rational_text(value: float) -> str:
    """Write a pixel-unit number as n/255 where that is exact, as plain decimal text otherwise or where that is short.

    Whole and half numerators are recognised: 8/255, 0.5/255.
    """
    short = f"{value:g}"
    if float(short) == value and len(short) <= SHORT:
        return short
    for numerator in (round(value * PIXEL_LEVELS), round(value * PIXEL_LEVELS * 2) / 2):
        if numerator and numerator / PIXEL_LEVELS == value and 0 < numerator < PIXEL_LEVELS:
            return f"{numerator:g}/{PIXEL_LEVELS}"
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


Rational = Annotated[float, BeforeValidator(parse_rational)]
