"""Drawing on SVG: plain shapes with plain attributes, which every program reads. No script, no reference to outside."""

from collections.abc import Sequence

from igdm_tui.report.drawing.canvas import INK, PAPER, Points, colours
from igdm_tui.report.escape import xml_text

FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


class SvgCanvas:
    """themed: colours are CSS variables (--ink, --s0, ...) of the page around it, so that it can be dark too."""

    def __init__(self, width: float, height: float, *, themed: bool = False) -> None:
        self.width, self.height, self.themed = width, height, themed
        self._colours = colours(dark=False)
        self._parts: list[str] = []

    def line(self, points: Points, role: str, *, width: float = 1.5, dash: Sequence[float] = ()) -> None:
        """A polyline."""
        dashes = f' stroke-dasharray="{" ".join(map(_short, dash))}"' if dash else ""
        paint = self._paint(fill="none", stroke=role)
        ends = ' stroke-linejoin="round"' if len(points) > 2 else ""
        self._parts.append(f'<polyline points="{_path(points)}"{paint} stroke-width="{_short(width)}"{dashes}{ends}/>')

    def area(self, points: Points, role: str, *, opacity: float = 1.0, edge: bool = False) -> None:
        """A polygon."""
        see_through = f' fill-opacity="{_short(opacity)}"' if opacity < 1 else ""
        self._parts.append(f'<polygon points="{_path(points)}"{self._filled(role, edge)}{see_through}/>')

    def circle(self, x: float, y: float, radius: float, role: str, *, edge: bool = False) -> None:
        """A circle."""
        place = f'cx="{_short(x)}" cy="{_short(y)}" r="{_short(radius)}"'
        self._parts.append(f"<circle {place}{self._filled(role, edge)}/>")

    def text(
        self, x: float, y: float, text: str, *, role: str = INK, size: float = 12, anchor: str = "start",
        bold: bool = False, turned: bool = False,
    ) -> None:  # fmt: skip
        """A text element."""
        place = f'x="{_short(x)}" y="{_short(y)}" font-size="{_short(size)}"'
        style = f' text-anchor="{anchor}"' if anchor != "start" else ""
        style += ' font-weight="600"' if bold else ""
        style += f' transform="rotate(-90 {_short(x)} {_short(y)})"' if turned else ""
        self._parts.append(f"<text {place}{self._paint(fill=role)}{style}>{xml_text(text)}</text>")

    def document(self, title: str, description: str = "") -> str:
        """The whole picture as a file, or as an element of a page. title, description: for those who cannot see it."""
        size = f'width="{_short(self.width)}" height="{_short(self.height)}"'
        box = f'viewBox="0 0 {_short(self.width)} {_short(self.height)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} role="img" font-family="{FONT}">'
        described = f"<desc>{xml_text(description)}</desc>" if description else ""
        paper = "" if self.themed else f'<rect width="100%" height="100%"{self._paint(fill=PAPER)}/>'
        return "\n".join([f"{head}<title>{xml_text(title)}</title>{described}", paper, *self._parts, "</svg>"])

    def _filled(self, role: str, edge: bool) -> str:
        return self._paint(fill=PAPER, stroke=role) + ' stroke-width="1.5"' if edge else self._paint(fill=role)

    def _paint(self, **roles: str) -> str:
        """Colours as attributes, or as a style that asks the page."""
        if self.themed:
            styles = (f"{key}:{role if role == 'none' else f'var(--{role})'}" for key, role in roles.items())
            return f' style="{";".join(styles)}"'
        return "".join(f' {key}="{self._colours.get(role, role)}"' for key, role in roles.items())


def _path(points: Points) -> str:
    return " ".join(f"{_short(x)},{_short(y)}" for x, y in points)


def _short(number: float) -> str:
    """A tenth of a pixel is enough."""
    return f"{number:.1f}".removesuffix(".0")
