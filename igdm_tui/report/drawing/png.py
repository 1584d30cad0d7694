"""Drawing on pixels with Pillow: the same picture as the SVG, for programs that take none."""

import io
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from igdm_tui.report.drawing.canvas import INK, PAPER, Points, colours
from igdm_tui.sanitise import sanitise_line

SMOOTH = 2  # drawn larger, then made smaller: lines without steps


class PngCanvas:
    """scale: pixels of the file per pixel of the drawing."""

    def __init__(self, width: float, height: float, *, scale: int = 2) -> None:
        from PIL import Image, ImageDraw

        self._scale = scale * SMOOTH
        self._size = (round(width * scale), round(height * scale))
        self._colours = colours(dark=False)
        self._image = Image.new("RGB", tuple(side * SMOOTH for side in self._size), self._colours[PAPER])  # type: ignore[arg-type]
        self._draw = ImageDraw.Draw(self._image, "RGBA")  # in this mode colours blend

    def line(self, points: Points, role: str, *, width: float = 1.5, dash: Sequence[float] = ()) -> None:
        """A polyline."""
        pixels = max(1, round(width * self._scale))
        for part in dashed(points, dash) if dash else [points]:
            self._draw.line(self._pixels(part), fill=self._colours[role], width=pixels, joint="curve")

    def area(self, points: Points, role: str, *, opacity: float = 1.0, edge: bool = False) -> None:
        """A polygon."""
        fill = self._colours[PAPER if edge else role] + f"{round(opacity * 255):02x}"
        outline = self._colours[role] if edge else None
        self._draw.polygon(self._pixels(points), fill=fill, outline=outline, width=round(1.5 * self._scale))

    def circle(self, x: float, y: float, radius: float, role: str, *, edge: bool = False) -> None:
        """A circle."""
        box = self._pixels([(x - radius, y - radius), (x + radius, y + radius)])
        outline = self._colours[role] if edge else None
        fill = self._colours[PAPER if edge else role]
        self._draw.ellipse(box, fill=fill, outline=outline, width=round(1.5 * self._scale))

    def text(
        self, x: float, y: float, text: str, *, role: str = INK, size: float = 12, anchor: str = "start",
        bold: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        """Text in Pillow's own font, which has no bold type: a stroke stands for it."""
        from PIL import Image, ImageDraw, ImageFont

        font = ImageFont.load_default(size * self._scale)
        shown, stroke = sanitise_line(text), self._scale / 8 if bold else 0
        fill, place = self._colours[role], {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
        (pixel,) = self._pixels([(x, y)])
        if not turned:
            self._draw.text(pixel, shown, font=font, fill=fill, anchor=place, stroke_width=stroke, stroke_fill=fill)
            return
        left, top, right, bottom = (round(side) for side in font.getbbox(shown, anchor="ls"))
        stencil = Image.new("L", (right - left + 2, bottom - top + 2))
        ImageDraw.Draw(stencil).text((-left, -top), shown, font=font, fill=255, anchor="ls")
        upright = stencil.rotate(90, expand=True)
        share = {"start": 1.0, "middle": 0.5, "end": 0.0}[anchor]
        corner = (round(pixel[0] + top), round(pixel[1] - upright.height * share))
        self._image.paste(fill, corner, upright)  # type: ignore[arg-type]

    def document(self, title: str) -> bytes:
        """The file. title: kept in it as text."""
        from PIL import Image, PngImagePlugin

        info = PngImagePlugin.PngInfo()
        info.add_itxt("Title", sanitise_line(title))
        file = io.BytesIO()
        smooth = self._image.resize(self._size, Image.Resampling.BOX)
        smooth.save(file, "PNG", pnginfo=info, optimize=True, dpi=(192, 192))
        return file.getvalue()

    def _pixels(self, points: Points) -> list[Any]:
        return [(x * self._scale, y * self._scale) for x, y in points]


def dashed(points: Points, dash: Sequence[float]) -> Iterator[Points]:
    """The drawn pieces of a dashed line, each a short polyline."""
    place, left, piece = 0, dash[0], [points[0]]
    for start, end in pairwise(points):
        (x, y), length = start, math.dist(start, end)
        while length > left:
            x, y = x + (end[0] - x) * left / length, y + (end[1] - y) * left / length
            length -= left
            if place % 2 == 0:
                yield [*piece, (x, y)]
            place, piece = place + 1, [(x, y)]
            left = dash[place % len(dash)]
        left -= length
        piece.append(end)
    if place % 2 == 0 and len(piece) > 1:
        yield piece
