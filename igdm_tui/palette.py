"""Colours, status glyphs and marks: colour never says anything alone, a glyph, a letter or a word says it too.

The series colours start from Okabe and Ito's set for colour-blind readers and were moved until any two of them are at
least 20 units of CIE Lab apart, also as seen with protanopia, deuteranopia and tritanopia (Machado et al., 2009).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.theme import Theme

_ON_DARK = ("#55d4fb", "#d49d00", "#22a77a", "#ffe428", "#b989bc", "#e6673e", "#899fff", "#c1bfc4")
_ON_LIGHT = ("#044d8c", "#e86900", "#1c9e64", "#602e17", "#ba76c2", "#a5410d", "#4e11ac", "#78717c")

STATUS_GLYPHS = {"running": "●", "queued": "○", "finished": "✓", "failed": "✗", "stopped": "■", "lost": "?"}
METRIC_MARKS = "●◆▲■▼★"
RUN_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def series_colour(index: int, *, dark: bool) -> str:
    """The colour of the n-th line, as #rrggbb; repeats after eight, marks and letters do not."""
    colours = _ON_DARK if dark else _ON_LIGHT
    return colours[index % len(colours)]


def run_letter(index: int) -> str:
    """A, B, ... Z, a, b, ...: how one screen calls a run in tables, legends and charts."""
    letters = RUN_LETTERS + RUN_LETTERS.lower()
    return letters[index % len(letters)]


def metric_mark(index: int) -> str:
    """The mark of the n-th line of a chart of one run."""
    return METRIC_MARKS[index % len(METRIC_MARKS)]


def themes() -> "list[Theme]":
    """The two themes of the program: calm on dark, calm on light."""
    from textual.theme import Theme

    return [
        Theme(
            name="igdm-dark",
            primary="#6cb6e8",
            secondary="#8fa5ff",
            accent="#e8b04b",
            warning="#e8b04b",
            error="#f0806a",
            success="#4cc9a0",
            foreground="#d5d9de",
            background="#14171b",
            surface="#1a1e23",
            panel="#242a31",
            dark=True,
        ),
        Theme(
            name="igdm-light",
            primary="#005a9c",
            secondary="#4d4dc4",
            accent="#8a5a00",
            warning="#8a5a00",
            error="#a8321a",
            success="#00684a",
            foreground="#22262b",
            background="#f7f7f4",
            surface="#efefeb",
            panel="#e0e2e0",
            dark=False,
        ),
    ]
