"""Data as enemy, on every screen: nothing crashes, and no control character of it is drawn."""

import asyncio
import json
import re
import time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.spec.home import Home
from igdm_tui.app import IgdmApp
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.confirm import ConfirmScreen
from igdm_tui.screens.export import ExportScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.queue import QueueScreen
from igdm_tui.screens.run import PANES, RunScreen
from tests.igdm_tui.screens.conftest import Driver, write_run

ENEMIES = (
    "[/]", "[bold]x[/bold]", "[@click=app.quit]x[/]", "\x1b[2J\x1b[31mred", "\x1b]52;c;SEVMTE8=\x07",
    "\x1b]0;title\x07",
    "\x9b6n\x9d0;t\x9c", "\x1bP+q\x1b\\", "\u202egnp.exe\u202c\u2066", "\u6f22\u5b57" * 30, "e\u0301\u0301",
    "\0nul\0",
    "\U0001f469\u200d\U0001f467" * 9,
    "x" * 100_000, "\r\n\r\nnew\x0bline\x85", "$(reboot)`reboot`", "=1+1", "\udc80\ud800", "",
)  # fmt: skip
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
words = st.one_of(st.sampled_from(ENEMIES), st.text(max_size=60), st.text(alphabet="[]/\x1b\x9b;m0\\=@", max_size=30))


def poison(home, run_id, state, texts, alpha=10.0):
    """A run whose files were written by an enemy: every text anywhere is one of these."""
    folder = write_run(
        home, run_id, state, epochs_done=2, error=texts[0], warning=texts[1], flags=(texts[2],), igdm__alpha=alpha
    )
    card = json.loads(folder.run_json.read_text())
    card |= {"name": texts[3], "command": ["igdm", texts[4]], "host": texts[5], "git": texts[6]}
    card["settings"]["name"] = texts[3]
    for section, key in (("student", "model"), ("method", "name"), ("data", "name"), ("runtime", "device")):
        card["settings"].setdefault(section, {})[key] = texts[6]
    folder.run_json.write_text(json.dumps(card))
    labels = {"tags": [texts[0], texts[3]], "note": texts[1], "archived": False}
    (folder.path / "labels.json").write_text(json.dumps(labels))
    folder.log.write_bytes("\n".join(texts).encode("utf-8", "surrogatepass") + b"\xff\xfe\x1b]52;c;eA==\x07\n")
    return folder


async def walk(app, pilot, seen):
    """Every screen, with what stands on it."""
    driver = Driver(app, pilot)
    ids = [row.id for row in app.rows]
    rows = [app.row(run_id) for run_id in ids]

    def look():
        text = driver.text.replace("\n", "")
        assert not CONTROL.search(text), CONTROL.search(text)
        seen.append(text)

    look()
    for key in ("d", "d", "z", "question_mark", "escape", "ctrl+p"):
        await driver.press(key)
        look()
    await driver.press("escape")
    launch = LaunchScreen(settings=rows[0].settings, origin=rows[0].name)
    for screen in (
        RunScreen(ids[0]),
        CompareScreen(ids),
        QueueScreen(),
        launch,
        ExportScreen(rows),
        ConfirmScreen("Stop?"),
    ):
        await app.push_screen(screen)
        await pilot.pause()
        for key in "123456"[: len(PANES)] if isinstance(screen, RunScreen | CompareScreen) else "":
            await driver.press(key)
            await pilot.pause(0.15)
            look()
        await pilot.pause(0.1)
        look()
        while len(app.screen_stack) > 2:
            app.pop_screen()
            await pilot.pause()


@settings(
    max_examples=2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)  # fmt: skip
@given(texts=st.lists(words, min_size=7, max_size=7))
def test_drawn_texts_crash_no_screen(tmp_path_factory, texts):
    home = Home(tmp_path_factory.mktemp("home")).ensure()
    for run_id, state in (("aaaa2222", "finished"), ("bbbb2222", "failed")):
        poison(home, run_id, state, texts)

    async def main():
        app, seen = IgdmApp(home), []
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            deadline = time.monotonic() + 20
            while len(app.rows or ()) < 2 and time.monotonic() < deadline:
                await pilot.pause(0.05)
            await walk(app, pilot, seen)
        assert len(seen) > 15

    asyncio.run(main())
