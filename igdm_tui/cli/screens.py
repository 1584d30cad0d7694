"""Opening the screens, from `igdm-tui` and `igdm tui`. Imports nothing that only other commands need."""

import os
import sys

from core.spec.errors import IgdmError
from core.spec.home import Home


def open_screens(home: Home) -> int:
    """Show the program until the user leaves it; the exit code.

    Raises: IgdmError when there is no terminal, or when the home, its database or the user settings cannot be used.
    """
    in_browser = os.environ.get("TEXTUAL_DRIVER", "").endswith(":WebDriver")  # textual serve: pipes, no terminal
    streams = (sys.stdin, sys.stdout, sys.stderr)  # Textual draws on stderr
    on_terminal = all(stream.isatty() for stream in streams) and os.environ.get("TERM", "dumb") != "dumb"
    if not (in_browser or on_terminal):
        raise IgdmError("igdm-tui needs a terminal (without one: igdm ls, igdm show latest, igdm run)")
    from igdm_tui.warming import hold_collector

    hold_collector()
    from igdm_tui.app import run_app

    return run_app(home)
