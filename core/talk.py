"""Words for worker.log. The log is a comfort: a disk that does not take them never harms a run."""

import os
import sys
from contextlib import suppress
from typing import TextIO


def say(text: str, *, error: bool = False) -> None:
    """One line on stdout, or on stderr, at once; dropped when the disk is full or the folder is gone."""
    with suppress(OSError):
        print(text, file=sys.stderr if error else sys.stdout, flush=True)


def leave(code: int) -> None:
    """End the process with this exit code, also when what it said last cannot be written."""
    streams: tuple[TextIO, TextIO] = (sys.stdout, sys.stderr)
    try:
        for stream in streams:
            stream.flush()
    except OSError:
        os._exit(code)  # Python would try once more, complain, and end with code 120
    sys.exit(code)
