"""A grid of dots, two wide and four high in every cell, as braille characters. Many lines share one grid.

Each line keeps one whole number per column of dots: bit r is the dot in row r from the bottom. Drawing a vertical part
is then one shift, which is what makes ten lines of ten thousand points cheap.
"""

from collections.abc import Callable, Sequence

from igdm_tui.widgets.decimate import Column

DOTS_WIDE, DOTS_HIGH = 2, 4
BLANK = 0x2800
# Braille numbers its dots from the top: 1, 2, 3, 7 on the left, 4, 5, 6, 8 on the right; ours are counted from below.
_LEFT_DOTS, _RIGHT_DOTS = (0x40, 0x04, 0x02, 0x01), (0x80, 0x20, 0x10, 0x08)
LEFT = tuple(sum(dot for bit, dot in enumerate(_LEFT_DOTS) if nibble >> bit & 1) for nibble in range(16))
RIGHT = tuple(sum(dot for bit, dot in enumerate(_RIGHT_DOTS) if nibble >> bit & 1) for nibble in range(16))


def trace(stretches: Sequence[Sequence[Column]], columns: int, to_row: Callable[[float], int]) -> list[int]:
    """The dots of one line, a mask per column; each stretch is joined up, stretches are not.

    to_row: the row of dots of a value, from 0 at the bottom, within the grid.
    """
    masks = [0] * columns
    for stretch in stretches:
        before, before_last, before_bottom, before_top = -1, 0.0, 0, 0
        for column, first, lowest, highest, last in stretch:
            bottom, top = to_row(lowest), to_row(highest)
            masks[column] |= ((2 << (top - bottom)) - 1) << bottom
            # Neighbouring columns whose dots touch are joined already: with many points, most are.
            apart = column > before + 1 or bottom > before_top + 1 or top < before_bottom - 1
            if apart and before >= 0:
                _join(masks, before, to_row(before_last), column, to_row(first))
            before, before_last, before_bottom, before_top = column, last, bottom, top
    return masks


def _join(masks: list[int], column: int, row: int, next_column: int, next_row: int) -> None:
    """A straight line between two dots: in each column, what it covers from half a column before to half after."""
    span = next_column - column
    slope = (next_row - row) / span
    at = float(row)
    for step in range(span + 1):
        start = at if step == 0 else row + slope * (step - 0.5)
        end = float(next_row) if step == span else row + slope * (step + 0.5)
        low, high = (start, end) if start <= end else (end, start)
        bottom, top = round(low), round(high)
        masks[column + step] |= ((2 << (top - bottom)) - 1) << bottom


def between(lower: Sequence[int], upper: Sequence[int]) -> list[int]:
    """Dots from the lowest of one line to the highest of another, column by column; nothing where one has none."""
    return [
        ((1 << high.bit_length()) - 1) & ~((low & -low) - 1) if low and high else 0
        for low, high in zip(lower, upper, strict=True)
    ]


def sparse(masks: Sequence[int], rows: int) -> list[int]:
    """Every second dot, as on a chessboard: what stands behind a line is lighter than it, also without colour."""
    even = sum(1 << row for row in range(0, rows, 2))
    return [mask & (even << column % 2) for column, mask in enumerate(masks)]


class BrailleGrid:
    """Cells of a plot: which dots are set and which line was drawn there last."""

    def __init__(self, width: int, height: int) -> None:
        """A grid of `width` x `height` cells."""
        self.width, self.height = width, height
        self.dots = [[0] * width for _ in range(height)]
        self.owner = [[-1] * width for _ in range(height)]

    @property
    def columns(self) -> int:
        """Columns of dots."""
        return self.width * DOTS_WIDE

    @property
    def rows(self) -> int:
        """Rows of dots."""
        return self.height * DOTS_HIGH

    def draw(self, masks: Sequence[int], line: int) -> None:
        """Add a line's dots; where lines meet, the cell belongs to the one drawn last."""
        last_row = self.height - 1
        for x in range(self.width):
            left, right = masks[2 * x], masks[2 * x + 1]
            both = left | right
            if not both:
                continue
            lowest, highest = (both & -both).bit_length() - 1 >> 2, both.bit_length() - 1 >> 2
            for cell in range(lowest, highest + 1):
                bits = LEFT[left >> 4 * cell & 15] | RIGHT[right >> 4 * cell & 15]
                if bits:
                    self.dots[last_row - cell][x] |= bits
                    self.owner[last_row - cell][x] = line
