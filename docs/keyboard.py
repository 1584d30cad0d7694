"""Writes docs/keyboard.md from the one table of keys: `python docs/keyboard.py`."""

from pathlib import Path

from igdm_tui.keys import KEYS, PARTS

PAGE = Path(__file__).with_name("keyboard.md")
TITLES = {
    "app": "Anywhere",
    "runs": "Runs",
    "launch": "Launch",
    "run": "Run",
    "compare": "Compare",
    "queue": "Queue",
    "pick": "A list to pick from",
    "start": "Start from",
    "export": "Export",
    "confirm": "Questions",
    "help": "Help",
}
HEAD = """# Keys

Written by `python docs/keyboard.py` from `igdm_tui/keys.py`, which also binds them, fills the last line of screens,
and is what `?` shows. `ctrl+p` finds any of these by its words. Arrows and vim's letters both move.
"""


def page() -> str:
    """The page: places first, then parts of places."""
    lines = [HEAD]
    parts = {part: title for entries in PARTS.values() for part, title in entries}
    named = {place: TITLES[place] for place in TITLES if place in KEYS}
    named |= {place: parts.get(place, place.capitalize()) for place in KEYS if place not in named}
    for place, title in named.items():
        lines += [f"## {title}", "", "| key | |", "|---|---|"]
        lines += [f"| {_cell(key.shown)} | {_cell(key.help)} |" for key in KEYS[place]]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
