"""The line above a chart: its title, then each series' mark, label and value, as far as there is room."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from igdm_tui.numbers import number, percent
from igdm_tui.widgets.text import clip, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One series. label: text from anywhere. value: the newest, or that under the crosshair; None for none."""

    label: str
    mark: str
    value: float | None
    style: Style


def legend(
    title: str, title_style: Style, entries: Sequence[Entry], *, width: int, base: Style, in_percent: bool
) -> Strip:
    """One line of the screen; values get rounder and go before names do where it is narrow."""
    title = clip(title, width)
    left = width - cell_len(title)
    # A letter is enough at last, as a table beside the chart says whose it is; other marks need their names.
    lettered = all(entry.mark.isalnum() for entry in entries)
    texts: list[str] = []
    for digits, gap, named in ((4, " ", True), (2, "", True), (0, "", True), (2 * lettered, "", not lettered)):
        texts = [_text(entry, digits, gap, named=named, in_percent=in_percent) for entry in entries]
        if sum(map(cell_len, texts)) <= left:
            break
    segments = [Segment(title, title_style)]
    for text, entry in zip(texts, entries, strict=True):
        segments.append(Segment(clip(text, left), entry.style))
        left -= cell_len(segments[-1].text)
    return Strip(segments).adjust_cell_length(width, base)


def _text(entry: Entry, digits: int, gap: str, *, named: bool, in_percent: bool) -> str:
    """Mark, label and value; closer together and rounder where room is short, without a value at last."""
    label = plain(entry.label, 40) if named else ""
    between = " " if gap or entry.mark.isalnum() else ""  # "A adaad", never "Aadaad"
    name = f"{gap} {entry.mark}{between if label else ''}{label}"
    if not digits or entry.value is None:
        return name
    if in_percent:
        return f"{name} {percent(entry.value)}{' %' if gap else ''}"
    return f"{name} {number(entry.value) if gap else f'{entry.value:.{digits}g}'}"
