"""From the start of the process to the first frame and to the first run on it, with 1,000 runs in the home.

Beside a Textual app that shows one line, in turns; the median of fresh processes in a terminal of 120x36.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from startup import RUN_NAME, process_s, until_shown_s, write_run

from core.spec.home import Home


def main(*, repeats: int = 5) -> None:
    """From the start of the process to the first frame and to the first run, with 1,000 runs in the home."""
    os.environ["TERM"] = "xterm-256color"
    screens = [sys.executable, "-m", "igdm_tui.cli.entry", "tui"]
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder)).ensure()
        for number in range(1000):
            write_run(home, number)
        os.environ["IGDM_HOME"] = folder
        os.environ["XDG_CONFIG_HOME"] = f"{folder}/config"
        process_s([sys.executable, "-m", "igdm_tui.cli.entry", "ls"])  # reads all runs into the database
        bare = [sys.executable, "-c", BARE_TEXTUAL]
        measured: dict[str, Callable[[], float]] = {
            "an empty Textual app": lambda: until_shown_s(bare, b"bare-screen"),
            "first frame": lambda: until_shown_s(screens, b" Runs "),
            "first run": lambda: until_shown_s(screens, RUN_NAME.encode()),
        }
        times: dict[str, list[float]] = {name: [] for name in measured}
        for _ in range(repeats):
            for name, measure in measured.items():
                times[name].append(measure())
    goals = {"first frame": 0.5, "first run": 0.8}
    empty = statistics.median(times["an empty Textual app"])
    for name, found in times.items():
        median = statistics.median(found)
        goal = f"   goal {goals[name]:.2f} s" if name in goals else ""
        print(f"  {name:<32} {median:7.3f} s {median / empty:7.2f} x an empty Textual app{goal}")


BARE_TEXTUAL = """
from textual.app import App
from textual.widgets import Static
class Bare(App):
    def compose(self):
        yield Static("bare-screen")
Bare().run()
"""
