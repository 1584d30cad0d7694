"""LogTail: the end of worker.log, followed while it grows. What a worker prints is hostile to a terminal."""

from dataclasses import dataclass
from pathlib import Path

from igdm_tui.sanitise import sanitise_line
from igdm_tui.widgets.lines import Lines

MOST_LINES = 2000
TAIL_BYTES = 256 * 1024


class LogTail(Lines):
    """The newest lines of a file. Stays at the end while it is there; scrolling up holds still."""

    def __init__(self, *, id: str | None = None) -> None:
        """An empty log."""
        super().__init__(id=id, empty="reading …")
        self.read_until = -1
        self.follows = True

    def show_log(self, reading: "LogReading | None") -> None:
        """Show what was read, following the end unless the reader has scrolled up. None: nothing new."""
        if reading is None:
            return
        self.read_until, self.empty = reading.size, "the worker has printed nothing yet"
        self.set_lines([[(line, _tone_of(line))] for line in reading.lines])
        self.refresh()
        self._to_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Away from the end the log holds still; back at the end it follows again."""
        super().watch_scroll_y(old_value, new_value)
        self.follows = new_value >= self.max_scroll_y

    def on_resize(self) -> None:
        """The end stays the end; a log that was hidden begins there."""
        self._to_end()

    def _to_end(self) -> None:
        if self.follows:
            self.call_after_refresh(self.scroll_end, animate=False)


@dataclass(frozen=True, slots=True)
class LogReading:
    """The last lines of a log, and the size in bytes it had then."""

    lines: list[str]
    size: int


def read_log_tail(path: Path, known_size: int = -1) -> LogReading | None:
    """The last lines of a log as a terminal would leave them: harmless, overwritten parts gone, at most 2000.

    A missing file has none. None when the file still has `known_size` bytes. Runs in a thread: it reads up to 256 KiB.
    Raises: OSError when the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == known_size:
                return None
            file.seek(max(size - TAIL_BYTES, 0))
            data = file.read(TAIL_BYTES)
    except FileNotFoundError:
        return None if known_size == 0 else LogReading([], 0)
    lines = data.decode("utf-8", "replace").split("\n")
    if size > TAIL_BYTES:
        lines = lines[1:]
    if lines and not lines[-1]:
        lines.pop()
    return LogReading([sanitise_line(_overwritten(line)) for line in lines[-MOST_LINES:]], size)


def _overwritten(line: str) -> str:
    r"""What is left of a line in which \r went back to the start, as progress bars do."""
    return line.rstrip("\r").rsplit("\r", 1)[-1]


def _tone_of(line: str) -> str:
    start = line.lstrip()[:60].lower()
    return "bad" if "error" in start or start.startswith("traceback") else ""
