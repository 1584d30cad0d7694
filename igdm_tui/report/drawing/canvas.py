"""What a drawing needs of its paper. Lengths are pixels from the top left corner; colours go by what they are for."""

from collections.abc import Sequence
from typing import Protocol

from igdm_tui.palette import series_colour

# On white paper the palette's brown and olive are close: figures take them as far apart as they can.
ORDER = (0, 1, 2, 4, 6, 5, 3, 7)
NUM_SERIES = len(ORDER)
INK, DIM, GRID, PAPER = "ink", "dim", "grid", "paper"
LIGHT = {INK: "#22262b", DIM: "#5b636d", GRID: "#dfe3e6", PAPER: "#ffffff"}
DARK = {INK: "#d5d9de", DIM: "#98a2ad", GRID: "#323941", PAPER: "#14171b"}
Points = Sequence[tuple[float, float]]


def series_role(number: int) -> str:
    """The role of the n-th trace: "s0" to "s7"; dashes and markers tell later ones apart."""
    return f"s{number % NUM_SERIES}"


def colours(*, dark: bool) -> dict[str, str]:
    """Every role as #rrggbb."""
    series = {series_role(number): series_colour(place, dark=dark) for number, place in enumerate(ORDER)}
    return (DARK if dark else LIGHT) | series


class Canvas(Protocol):
    """Paper of a known size."""

    def line(self, points: Points, role: str, *, width: float = 1.5, dash: Sequence[float] = ()) -> None:
        """A line through points. dash: lengths drawn and left out in turn."""

    def area(self, points: Points, role: str, *, opacity: float = 1.0, edge: bool = False) -> None:
        """A filled polygon; edge: only its outline, filled with paper."""

    def circle(self, x: float, y: float, radius: float, role: str, *, edge: bool = False) -> None:
        """A filled circle; edge: only its outline, filled with paper."""

    def text(
        self, x: float, y: float, text: str, *, role: str = INK, size: float = 12, anchor: str = "start",
        bold: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        """One line of text on its base line. anchor: "start", "middle" or "end". turned: reads upwards."""
