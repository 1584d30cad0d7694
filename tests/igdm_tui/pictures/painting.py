"""A screen, as a terminal gets it, as text for comparing and for reading in a diff: characters, then styles."""

from string import ascii_letters, digits

from rich.style import Style
from textual.screen import Screen

LETTERS = ascii_letters + digits + "!#$%&()*+,-./:;<=>?@[]^_{|}~"


def paint(screen: Screen[object]) -> tuple[str, str]:
    """(characters, styles): lines without trailing blanks; per line runs like "12a 3b", then what the letters mean."""
    names: dict[str, str] = {}
    lines, runs = [], []
    for strip in screen._compositor.render_strips():
        lines.append("".join(segment.text for segment in strip).rstrip())
        spans: list[tuple[int, str]] = []
        for text, style, _ in strip:
            letter = names.setdefault(describe(style), LETTERS[len(names) % len(LETTERS)])
            if spans and spans[-1][1] == letter:
                spans[-1] = (spans[-1][0] + len(text), letter)
            elif text:
                spans.append((len(text), letter))
        runs.append(" ".join(f"{count}{letter}" for count, letter in spans))
    legend = [f"{letter} {style}" for style, letter in names.items()]
    return "\n".join(lines) + "\n", "\n".join([*legend, "", *runs]) + "\n"


def describe(style: Style | None) -> str:
    """Colours and attributes without what does not show."""
    if style is None:
        return "plain"
    words = [str(style.color.name) if style.color else "-", "on", str(style.bgcolor.name) if style.bgcolor else "-"]
    words += [name for name in ("bold", "dim", "italic", "underline", "reverse", "strike") if getattr(style, name)]
    return " ".join(words)
