"""One metric of a comparison: intervals on a common scale, differences to the baseline, and what the tests say."""

import math
from collections.abc import Sequence
from textwrap import wrap

from core.spec.catalogue import METRICS
from igdm_tui.report.baseline import p_text, signed
from igdm_tui.report.comparison import Cell
from igdm_tui.screens.compare_read import Entry, Reading
from igdm_tui.widgets.lines import TonedLine
from igdm_tui.widgets.run_table import metric_text
from igdm_tui.widgets.text import fit, plain

NAME_WIDTHS = (8, 30)
BAR_WIDTHS = (12, 60)
SIGNIFICANT = 0.05
WITH_ENDS = 96  # cells from which an interval is also written out


def forest_lines(reading: Reading, metric: str, width: int) -> list[TonedLine]:
    """A line per entry: its interval on a common scale, value, difference to the baseline and the test's answer.

    Why there is no test stands below where the lines have no room for it.
    """
    if not metric:
        return [[("Nothing was measured yet.", "dim")]]
    entries = [entry for entry in reading.entries if metric in entry.line.cells]
    spans = [(cell.low, cell.high) for entry in entries if (cell := entry.line.cells[metric]).low is not None]
    values = [entry.line.cells[metric].value for entry in entries]
    ends = [end for end in [*values, *(end for span in spans for end in span if end is not None)] if math.isfinite(end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    least, most = NAME_WIDTHS
    name_width = min(max([least, *(len(plain(entry.line.label)) for entry in entries)]), most, max(width // 5, least))
    with_ends, with_reason = width >= WITH_ENDS, True
    numbers = [_numbers(reading, entry, metric, with_ends=with_ends) for entry in entries]
    if name_width + BAR_WIDTHS[0] + 6 + max([len(text) for text, _ in numbers], default=0) > width:
        with_reason = False
        numbers = [_numbers(reading, entry, metric, with_ends=with_ends, with_reason=False) for entry in entries]
    number_width = max([len(text) for text, _ in numbers], default=0)
    bar_width = min(max(width - name_width - number_width - 6, BAR_WIDTHS[0]), BAR_WIDTHS[1])
    title, kind = METRICS[metric].title, "seeds" if reading.comparison.is_grouped else "test images"
    better = METRICS[metric].better
    head = f"{title}, {better} is better" if better and name_width > 20 else title
    scale = fit(metric_text(metric, low), bar_width - 6) + fit(metric_text(metric, high), 6, right=True)
    lines: list[TonedLine] = [
        [(fit(head, name_width + 2), "title"), ("  ", ""), (scale, "dim"), (f"  95 % over {kind}", "dim")]
    ]
    for entry, (text, tone) in zip(entries, numbers, strict=True):
        name = f"{entry.letter or ' '} {fit(plain(entry.line.label), name_width)}  "
        bar = _interval_bar(entry.line.cells[metric], low, high, bar_width)
        lines.append([(name, "dim" if entry.line.is_teacher else ""), (bar, "bar"), (f"  {text}", tone)])
    notes = [] if with_reason else _reasons(reading, entries, metric)
    notes += _reading_notes(reading, metric)
    return [*lines, [("", "")], *([(part, tone)] for said, tone in notes for part in wrap(said, width))]


def _numbers(
    reading: Reading, entry: Entry, metric: str, *, with_ends: bool, with_reason: bool = True
) -> tuple[str, str]:
    """ "85.00 [81.0, 88.3]  +1.39 p=0.031 (12:4)", and its tone; the interval only where there is room for its ends."""
    cell = entry.line.cells[metric]
    text = f"{metric_text(metric, cell.value):>6}"
    if with_ends and cell.low is not None and cell.high is not None:
        text += f" [{metric_text(metric, cell.low)}, {metric_text(metric, cell.high)}]"
    difference = reading.difference(entry, metric)
    if difference is None:
        is_base = reading.against is not None and entry.key == reading.baseline.key
        return text + ("  baseline" if is_base else ""), "dim" if entry.line.is_teacher else ""
    text += f"  {signed(metric, difference.value)}"
    if difference.p is None:
        reason = f"  no test{f': {difference.note}' if with_reason else ''}" if difference.note else ""
        return text + reason, ""
    counts = f"{difference.gained}:{difference.lost}" if difference.test == "McNemar" else f"n={difference.pairs}"
    return f"{text} p={p_text(difference.p)} ({counts})", "best" if difference.p < SIGNIFICANT else ""


def _interval_bar(cell: Cell, low: float, high: float, width: int) -> str:
    """ "  ├──●──┤   ": an interval with its value, on a scale from low to high."""
    scale = (width - 1) / ((high - low) or 1.0)

    def at(value: float) -> int:
        return min(max(round((value - low) * scale), 0), width - 1)

    places = [" "] * width
    if cell.low is not None and cell.high is not None:
        start, end = at(cell.low), at(cell.high)
        places[start : end + 1] = "─" * (end - start + 1)
        places[start], places[end] = "├", "┤"
    if math.isfinite(cell.value):
        places[at(cell.value)] = "●"
    return "".join(places)


def _reasons(reading: Reading, entries: Sequence[Entry], metric: str) -> list[tuple[str, str]]:
    """Each reason for no test, after the letters of its entries."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        difference = reading.difference(entry, metric)
        if difference is not None and difference.p is None and difference.note:
            found.setdefault(difference.note, []).append(entry.letter)
    return [(f"no test of {', '.join(letters)}: {reason}", "dim") for reason, letters in found.items()]


def _reading_notes(reading: Reading, metric: str) -> list[tuple[str, str]]:
    """What the signs mean, as far as they are on the screen, and flags of the attacks, each with its tone."""
    lines: list[tuple[str, str]] = []
    tests = {found.test for entry in reading.entries if (found := reading.difference(entry, metric)) and found.test}
    letter = reading.baseline.letter
    if reading.against is not None and metric not in reading.baseline.line.cells:
        lines.append((f"{letter} was not measured: b makes the row of the cursor the baseline", "dim"))
    if "McNemar" in tests:
        said = f"p: McNemar's exact test on the same test images; (right only here : only in {letter})"
        lines.append((said, "dim"))
    if "paired t" in tests:
        lines.append((f"p: paired t test against {letter} over the n seeds both have", "dim"))
    if tests:
        lines.append(("bold: p below 0.05, not corrected for looking at several", "dim"))
    for entry in reading.entries:
        cell = entry.line.cells.get(metric)
        lines += [(f"! {entry.letter}: {plain(flag)}", "bad") for flag in (cell.flags if cell else ())]
    return lines
