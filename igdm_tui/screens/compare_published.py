"""What papers print for the same data set, teacher, student and method, beside our own numbers."""

import textwrap
from dataclasses import replace

from igdm_tui.report import table
from igdm_tui.report.published import published_table
from igdm_tui.screens.compare_read import Reading
from igdm_tui.widgets.lines import TonedLine

NONE_PRINTED = "no result was published for these data sets, teachers, students and methods"
TONES = ("", "dim", "bar")  # ours, the printed one, the difference
LETTER_WIDTH = 3


def published_lines(reading: Reading, width: int) -> list[TonedLine]:
    """Three lines for each entry that has a printed result, then footnotes of what was done differently.

    All columns are there: a narrow pane is scrolled. Footnotes are broken at `width` cells.
    """
    if not reading.published:
        return [[(NONE_PRINTED, "dim")]]
    found = published_table(reading.comparison, reading.published)
    head, *rows = table.text(replace(found, notes=[])).splitlines()
    letters = [reading.entries[place].letter for place in reading.published]
    lines: list[TonedLine] = [[(" " * LETTER_WIDTH + head, "title")]]
    for number, row in enumerate(rows):
        entry, part = divmod(number, len(TONES))
        lines.append([(f"{letters[entry] if not part else '':<{LETTER_WIDTH}}{row}", TONES[part])])
    lines.append([("", "")])
    for note in table.notes_text(found.notes):
        broken = textwrap.wrap(note, max(width - 1, 20), subsequent_indent="    ", break_on_hyphens=False)
        lines += [[(part, "dim")] for part in broken]
    return lines
