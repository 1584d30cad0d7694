"""What is done once, behind the first screen, so that later nobody waits: importing screens, sparing the collector."""

import gc
import importlib
import threading
import time

SCREENS = ("run", "compare", "queue", "launch", "export", "help", "confirm", "ask", "choose")
PAUSE_S = 0.02  # between two imports: the screen goes first


def hold_collector() -> None:
    """Let no garbage be collected while modules are imported and the first runs read: all of that stays."""
    gc.disable()


def release_collector() -> None:
    """Collect as usual, but pass over all that is there by now."""
    gc.freeze()
    gc.enable()


class Warmer(threading.Thread):
    """Imports the screens that are not open yet, then tells the garbage collector to pass over all that is there.

    A full collection holds every thread. Modules, styles and the first rows are most of what it would look at, 60 to
    100 ms of it, again and again, and they stay until the end anyway.
    """

    def __init__(self) -> None:
        super().__init__(name="igdm-warmer", daemon=True)

    def run(self) -> None:
        """Freeze, import, freeze."""
        release_collector()
        for name in SCREENS:
            importlib.import_module(f"igdm_tui.screens.{name}")
            time.sleep(PAUSE_S)
        gc.freeze()


def cool() -> None:
    """Give everything back to the collector, for a process that goes on without the program."""
    gc.unfreeze()
    gc.enable()
