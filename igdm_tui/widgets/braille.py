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
# What a cell shows: four bits for its dots on the left, then four for those on the right.
CHARACTERS = "".join(chr(BLANK + (LEFT[cell >> 4] | RIGHT[cell & 15])) if cell else " " for cell in range(256))


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
    """Cells of a plot: which dots are set and which line was drawn there last.

    Per column of cells it keeps whole numbers with four bits for each cell, the lowest cell in the lowest bits: dots on
    the left, dots on the right, and the number of the owner digit by digit. So a line takes a handful of operations per
    column however high it is, and written in base 16 every digit is a cell.
    """

    def __init__(self, width: int, height: int) -> None:
        """A grid of `width` x `height` cells."""
        self.width, self.height = width, height
        self._left, self._right = [0] * width, [0] * width
        self._owners = [[0] * width]  # digits of owners, which count from 1; 0 is nobody
        self._ones = int("1" * height, 16) if height else 0

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
        lefts, rights, ones = self._left, self._right, self._ones
        while (line + 1) >> 4 * len(self._owners):
            self._owners.append([0] * self.width)
        digits = [(owners, 15 ^ ((line + 1) >> 4 * place & 15)) for place, owners in enumerate(self._owners)]
        for x, (left, right) in enumerate(zip(masks[::2], masks[1::2], strict=True)):
            dots = left | right
            if dots:
                lefts[x] |= left
                rights[x] |= right
                dots |= dots >> 1
                cells = (dots | dots >> 2) & ones
                full = cells * 15
                for owners, flipped in digits:
                    owners[x] = (owners[x] | full) ^ cells * flipped

    def lines(self) -> list[tuple[str, list[int]]]:
        """Each row of cells from the top: its characters, blank where no dot is, and whose each is.

        Lines count from 1 there; 0 is nobody.
        """
        step = self.height
        text = _bytes_of_digits(self._left, self._right, step).decode("latin-1").translate(CHARACTERS)
        none = [0] * self.width
        owners = [0] * len(text)
        for place in range(0, len(self._owners), 2):
            low, high = (*self._owners[place : place + 2], none)[:2]
            found = _bytes_of_digits(high, low, step)
            owners = (
                [owner | each << 4 * place for owner, each in zip(owners, found, strict=True)] if place else [*found]
            )
        return [(text[row::step], owners[row::step]) for row in range(step)]


def _bytes_of_digits(highs: Sequence[int], lows: Sequence[int], digits: int) -> bytes:
    """Numbers of so many digits in base 16 as bytes: each of a digit of the high number and the same of the low one."""
    woven = bytearray(2 * digits * len(lows))
    woven[::2] = "".join([f"{high:0{digits}x}" for high in highs]).encode()
    woven[1::2] = "".join([f"{low:0{digits}x}" for low in lows]).encode()
    return bytes.fromhex(woven.decode())
