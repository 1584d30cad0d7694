"""What outlives a screen: toasts, what screens keep over restarts, and copied text."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from textual.app import App

from igdm_tui import preferences
from igdm_tui.clipboard import copy_path, fits_clipboard, keep_copy
from igdm_tui.live import in_thread


class KeepingApp(App[None]):
    """An app that says, keeps and copies; nothing of it waits for a disk."""

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[str, dict[str, Any]] = {}

    def say(self, text: str, *, title: str = "", severity: str = "information") -> None:
        """A toast with text from anywhere."""
        from igdm_tui.widgets.text import plain

        level = "error" if severity == "error" else ("warning" if severity == "warning" else "information")
        self.notify(plain(text, 400), title=title, severity=level, markup=False)  # type: ignore[arg-type]

    # What is kept over restarts

    def kept(self, place: str) -> dict[str, Any]:
        """What a screen kept; values may be of any kind."""
        if place not in self._kept:
            self._kept[place] = preferences.load(place, tell=self._tell_late)
        return self._kept[place]

    def keep(self, place: str, **values: Any) -> None:
        """Keep values of a screen, written in a thread."""
        kept = self.kept(place)
        if any(kept.get(name) != value for name, value in values.items()):
            kept |= values
            self._later(partial(self._save, place, dict(kept)))

    def _later(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.run_worker(work, exit_on_error=False)  # type: ignore[arg-type]

    async def _save(self, place: str, values: dict[str, Any]) -> None:
        problems: list[str] = []
        await in_thread(partial(preferences.save, place, values, tell=problems.append))
        for problem in problems:
            self.say(problem, severity="warning")

    def _tell_late(self, problem: str) -> None:
        self.call_later(partial(self.say, problem, severity="warning"))

    # Copying

    def copy(self, text: str, what: str) -> None:
        """Put text on the clipboard by OSC 52 and in a file; a toast says where.

        what: "The command", "The table", ...
        """
        if fits_clipboard(text):
            self.copy_to_clipboard(text)
            said = f"{what} is on the clipboard if your terminal takes it, and in {copy_path()}"
        else:
            said = f"{what} is too long for a clipboard; it is in {copy_path()}"
        self._later(partial(self._keep_copy, text, said, what))

    async def _keep_copy(self, text: str, said: str, what: str) -> None:
        try:
            await in_thread(partial(keep_copy, text))
        except OSError as error:
            self.say(f"{what} could only be sent to the terminal: {copy_path()}: {error}", severity="warning")
        else:
            self.say(said)
