"""Where everything of a figure stands: panels in two columns, one legend for all, footnotes below."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from igdm_tui.report.drawing.canvas import DIM, Canvas
from igdm_tui.report.drawing.figure import Figure, Trace
from igdm_tui.report.drawing.panel import Box, draw_panel, draw_sample
from igdm_tui.report.drawing.png import PngCanvas
from igdm_tui.report.drawing.svg import SvgCanvas
from igdm_tui.sanitise import sanitise_line

PANEL_SIZES = {1: (720, 380), 2: (470, 330)}  # by number of columns
EDGE, TITLE, ROW, NOTE_ROW = 16, 30, 20, 16
LEGEND_SIZE, NOTE_SIZE, TITLE_SIZE = 12, 11, 16
CHARACTER = 0.56  # mean width of one, in units of the size of its font
LONGEST_LABEL = 60


def figure_svg(figure: Figure, *, themed: bool = False) -> str:
    """The figure as SVG; themed: for a page that says what its colours are."""
    plan = _Plan.of(figure)
    canvas = SvgCanvas(plan.width, plan.height, themed=themed)
    _draw(figure, plan, canvas)
    described = "; ".join([*(panel.title for panel in figure.panels), *figure.notes])
    return canvas.document(figure.title, described)


def figure_png(figure: Figure, *, scale: int = 2) -> bytes:
    """The figure as a PNG file. scale: pixels of the file per pixel of the SVG."""
    plan = _Plan.of(figure)
    canvas = PngCanvas(plan.width, plan.height, scale=scale)
    _draw(figure, plan, canvas)
    return canvas.document(figure.title)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """Sizes in pixels; legend: rows of (place from the left, trace)."""

    width: float
    height: float
    boxes: tuple[Box, ...]
    legend: tuple[tuple[tuple[float, Trace], ...], ...]
    notes: tuple[str, ...]

    @classmethod
    def of(cls, figure: Figure) -> "_Plan":
        columns = min(len(figure.panels), 2) or 1
        panel_width, panel_height = PANEL_SIZES[columns]
        width = columns * panel_width + 2 * EDGE
        boxes = tuple(
            Box(
                left=EDGE + place % columns * panel_width,
                top=EDGE + TITLE + place // columns * panel_height,
                width=panel_width,
                height=panel_height,
            )
            for place in range(len(figure.panels))
        )
        legend = _legend_rows(figure, width - 2 * EDGE)
        most = int((width - 2 * EDGE) / (NOTE_SIZE * CHARACTER))
        numbered = [sanitise_line(note) for note in figure.notes]
        notes = tuple(line for note in numbered for line in textwrap.wrap(note, most, subsequent_indent="   "))
        rows = -(-len(figure.panels) // columns)
        height = 2 * EDGE + TITLE + rows * panel_height + len(legend) * ROW + len(notes) * NOTE_ROW
        return cls(width=width, height=height + 8, boxes=boxes, legend=legend, notes=notes)


def _draw(figure: Figure, plan: _Plan, canvas: Canvas) -> None:
    canvas.text(EDGE, EDGE + 14, figure.title, size=TITLE_SIZE, bold=True)
    for panel, box in zip(figure.panels, plan.boxes, strict=True):
        draw_panel(canvas, panel, box)
    y = max((box.top + box.height for box in plan.boxes), default=EDGE + TITLE) + ROW - 6
    for row in plan.legend:
        for x, trace in row:
            draw_sample(canvas, trace, EDGE + x, y - 4)
            canvas.text(EDGE + x + 34, y, _label(trace), size=LEGEND_SIZE)
        y += ROW
    for line in plan.notes:
        canvas.text(EDGE, y, line, role=DIM, size=NOTE_SIZE)
        y += NOTE_ROW


def _legend_rows(figure: Figure, width: float) -> tuple[tuple[tuple[float, Trace], ...], ...]:
    """Every label once, in as many rows as it takes."""
    entries = {trace.label: trace for panel in figure.panels for trace in panel.traces if trace.kind != "fit"}
    rows: list[list[tuple[float, Trace]]] = [[]]
    x = 0.0
    for trace in entries.values():
        needed = 34 + text_width(_label(trace), LEGEND_SIZE) + 22
        if x + needed > width and rows[-1]:
            rows.append([])
            x = 0.0
        rows[-1].append((x, trace))
        x += needed
    return tuple(tuple(row) for row in rows if row)


def _label(trace: Trace) -> str:
    text = sanitise_line(trace.label)
    return text if len(text) <= LONGEST_LABEL else text[: LONGEST_LABEL - 1] + "…"


def text_width(text: str, size: float) -> float:
    """About how wide a text is, in pixels."""
    return cell_len(text) * size * CHARACTER


def widest(texts: Sequence[str], size: float) -> float:
    """The width of the widest."""
    return max((text_width(text, size) for text in texts), default=0.0)
