"""A program in a pseudo terminal, and what it wrote there, byte by byte."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ENTER, LEAVE, MOUSE_OFF = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?1000l"

# What a terminal takes for a command: CSI, strings (OSC, DCS, SOS, PM, APC), and anything else after an escape.
COMMAND = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)|.|$)", re.DOTALL)
# Controls that stand alone, and marks that turn or hide text; a new line is no command.
LOOSE = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
SHADE = r"(?:[34]8;(?:5;\d{1,3}|2;\d{1,3};\d{1,3};\d{1,3})|[012347]|[39]\d|[410]\d)"
MODES = "7|25|1000|1003|1004|1006|1015|1049|2004|2026|2048"


class Terminal:
    """A Python program under a pseudo terminal. words: what follows `python`; folder: where it starts."""

    def __init__(
        self, *words: str, size: tuple[int, int] = (80, 24), folder: Path | None = None, **environment: str
    ) -> None:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        environment = os.environ | {"TERM": "xterm-256color"} | environment
        for name in ("COLUMNS", "LINES"):
            environment.pop(name, None)
        command = [sys.executable, *words]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment, cwd=folder)
        os.close(slave)
        self.master, self.output, self.size = master, b"", size

    def press(self, *keys: str) -> None:
        """Send what keys send."""
        os.write(self.master, "".join(keys).encode())

    def read(self, seconds: float) -> bool:
        """Wait for output; False when none came or there will be none."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            got = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += got
        return bool(got)

    def read_until(self, *wanted: bytes, since: int = 0, seconds: float = 30.0) -> None:
        """Wait until all of these were written after byte `since`."""
        deadline = time.monotonic() + seconds
        while not all(words in self.output[since:] for words in wanted):
            ended = self.process.poll() is not None
            if not self.read(0.1) and ended:
                assert all(words in self.output[since:] for words in wanted), f"{wanted} never came: {self.tail}"
            assert time.monotonic() < deadline, f"{wanted} never came: {self.tail}"

    @property
    def tail(self) -> str:
        return repr(self.output[-2000:])

    @property
    def whole_output(self) -> bytes:
        """Output up to its last escape: what follows may be half a command of a program that still writes."""
        return self.output[: max(0, self.output.rfind(b"\x1b"))]

    def end(self) -> int:
        """Wait until the screen is as it was; the exit code."""
        self.read_until(LEAVE, MOUSE_OFF)
        return self.process.wait(20)

    def all_output(self) -> bytes:
        """Everything until the program's end."""
        deadline = time.monotonic() + 60
        while self.read(0.2) or self.process.poll() is None:
            assert time.monotonic() < deadline, f"never ended: {self.tail}"
        return self.output

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


def foreign_commands(output: bytes, size: tuple[int, int]) -> list[str]:
    """What of these bytes steers a terminal though the program never does so by itself; [] when all is well.

    Allowed: colours, a cursor within the screen, the modes that Textual sets, the pointer's shape and messages of
    printable text to the desktop.
    """
    text = output.decode("utf-8")  # strictly: a byte that is no UTF-8 may be a C1 command
    found = [
        repr(text[command.start() : command.end() + 20])
        for command in COMMAND.finditer(text)
        if not _is_own(command[0], size)
    ]
    return found + [repr(loose) for loose in LOOSE.findall(COMMAND.sub("", text))]


def _is_own(command: str, size: tuple[int, int]) -> bool:
    if place := re.fullmatch(r"\x1b\[(\d+);(\d+)H", command):
        return int(place[1]) <= size[1] and int(place[2]) <= size[0]
    return any(
        re.fullmatch(pattern, command)
        for pattern in (
            rf"\x1b\[(?:{SHADE}(?:;{SHADE})*)?m",
            rf"\x1b\[\?(?:{MODES})(?:[hl]|\$p)",
            r"\x1b\[(?:>\d+|<)u",
            r"\x1b\]22;[a-z-]*\x07",
            r"\x1b\]9;[ -~\xa0-\U0010ffff]*\x07",
        )
    )
