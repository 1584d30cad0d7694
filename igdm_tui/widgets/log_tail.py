"""LogTail: the end of worker.log, followed while it grows. What a worker prints is hostile to a terminal."""

from pathlib import Path

from igdm_tui.sanitise import sanitise_line
from igdm_tui.widgets.lines import Lines

MOST_LINES = 2000
TAIL_BYTES = 256 * 1024


class LogTail(Lines):
    """The newest lines of a file. Stays at the end while it is there; scrolling up holds still."""

    def __init__(self, *, id: str | None = None) -> None:
        """An empty log."""
        super().__init__(id=id, empty="the worker has printed nothing yet")
        self._shown: list[str] = []

    def show_log(self, lines: list[str]) -> None:
        """Show these lines, following the end unless the reader has scrolled up."""
        if lines == self._shown:
            return
        follow = self.scroll_offset.y >= self.max_scroll_y
        self._shown = lines
        self.set_lines([[(line, _tone_of(line))] for line in lines])
        if follow:
            self.call_after_refresh(self.scroll_end, animate=False)


def read_log_tail(path: Path) -> list[str]:
    """The last lines of a log as a terminal would leave them: harmless, overwritten parts gone, at most 2000.

    A missing file has none. Runs in a thread: it reads up to 256 KiB.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - TAIL_BYTES, 0))
            data = file.read(TAIL_BYTES)
    except FileNotFoundError:
        return []
    lines = data.decode("utf-8", "replace").split("\n")
    if size > TAIL_BYTES:
        lines = lines[1:]
    if lines and not lines[-1]:
        lines.pop()
    return [sanitise_line(_overwritten(line)) for line in lines[-MOST_LINES:]]


def _overwritten(line: str) -> str:
    r"""What is left of a line in which \r went back to the start, as progress bars do."""
    return line.rstrip("\r").rsplit("\r", 1)[-1]


def _tone_of(line: str) -> str:
    start = line.lstrip()[:60].lower()
    return "bad" if "error" in start or start.startswith("traceback") else ""
