"""Text as a cell shows it: one line, harmless, of a known width."""

import math
from collections.abc import Sequence
from itertools import pairwise

from rich.cells import cell_len, set_cell_size

from igdm_tui.sanitise import sanitise_line

LEVELS = "▁▂▃▄▅▆▇█"


def plain(text: object, width: int | None = None) -> str:
    """Any data as one harmless line, cut to `width` cells with an ellipsis."""
    line = sanitise_line(str(text))
    return line if width is None else clip(line, width)


def clip(text: str, width: int) -> str:
    """At most `width` cells of harmless text; "…" says that something is missing."""
    if len(text) * 2 <= width or _cells(text) <= width:
        return text
    if text.isascii():
        return text[: width - 1].rstrip() + "…" if width > 0 else ""
    return set_cell_size(text, width - 1).rstrip() + "…" if width > 0 else ""


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Exactly `width` cells of harmless text."""
    text = clip(text, width)
    padding = " " * (width - _cells(text))
    return padding + text if right else text + padding


def _cells(text: str) -> int:
    """Cells of harmless text; of plain letters without looking at each."""
    return len(text) if text.isascii() else cell_len(text)


def small_curve(values: Sequence[float], width: int) -> str:
    """At most `width` cells of a curve, each the mean of its share of values, from the lowest to the highest of them;
    not a number is a blank."""
    if not values or width < 1:
        return ""
    cells = min(width, len(values))
    edges = [len(values) * cell // cells for cell in range(cells + 1)]
    shares = [[v for v in values[a:b] if math.isfinite(v)] for a, b in pairwise(edges)]
    means = [sum(share) / len(share) if share else None for share in shares]
    known = [mean for mean in means if mean is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    top = len(LEVELS) - 1
    return "".join(
        " " if mean is None else LEVELS[round((mean - low) / (high - low) * top) if high > low else top // 2]
        for mean in means
    )


def bar(share: float, width: int) -> str:
    """A bar of `width` cells filled to `share` in [0, 1], in eighths of a cell; the rest is a light line."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    full, part = divmod(eighths, 8)
    text = "█" * full + (" ▏▎▍▌▋▊▉"[part] if part else "")
    return text + "·" * (width - len(text))
