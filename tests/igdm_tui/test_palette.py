"""Any two lines of a chart can be told apart, with any kind of colour vision, and from what is behind them."""

import itertools
import math

import pytest

from igdm_tui.palette import series_colour, themes

# Machado, Oliveira and Fernandes 2009, severity 1; they take linear RGB.
VISION = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}
LEAST_DISTANCE, LEAST_CONTRAST = 20.0, 2.9  # of two lines in CIE Lab; of a line and its background, as WCAG counts


def linear(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def luminance(colour):
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear(colour), strict=True))


def lab(colour, vision):
    source = linear(colour)
    red, green, blue = (
        min(max(sum(k * part for k, part in zip(row, source, strict=True)), 0), 1) for row in VISION[vision]
    )
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("dark", [True, False])
def test_lines_are_told_apart(dark, vision):
    colours = [series_colour(number, dark=dark) for number in range(8)]
    for one, other in itertools.combinations(colours, 2):
        assert math.dist(lab(one, vision), lab(other, vision)) >= LEAST_DISTANCE, (one, other)


@pytest.mark.parametrize("theme", themes(), ids=lambda theme: theme.name)
def test_lines_and_words_stand_out(theme):
    words = (theme.foreground, theme.primary, theme.warning, theme.error, theme.success)
    lines = [series_colour(number, dark=theme.dark) for number in range(8)]
    for colour, least in [*((word, 4.5) for word in words), *((line, LEAST_CONTRAST) for line in lines)]:
        one, other = sorted((luminance(colour), luminance(theme.background)))
        assert (other + 0.05) / (one + 0.05) >= least, colour
