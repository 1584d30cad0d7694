"""Every screen as it looks at 80x24 on dark; the main ones at three sizes, on dark, on light, and without colours.

A picture is a text file in this folder: characters, then styles. After a change that is meant, look at the difference
and renew them all: IGDM_RENEW_PICTURES=1 python -m pytest tests/igdm_tui/pictures
"""

import difflib
import json
import os
import time
from pathlib import Path

import pytest
from textual.widgets import Input

from igdm_tui.app import IgdmApp
from igdm_tui.numbers import moment
from igdm_tui.queue import control
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.confirm import ConfirmScreen
from igdm_tui.screens.export import ExportScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.queue import QueueScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.user_settings import UserSettings
from tests.igdm_tui.conftest import BEGAN, run_maker
from tests.igdm_tui.pictures.painting import paint

FOLDER = Path(__file__).parent
RENEW = bool(os.environ.get("IGDM_RENEW_PICTURES"))
NOW = BEGAN + 7200.0
LOOKS = ("dark", "light", "mono")
SIZES = ((80, 24), (120, 40), (160, 48))
MAIN = ("runs", "run-curves", "run-attacks", "compare-tests", "compare-curves", "launch", "queue")
PATIENCE_S, REST_S = 20.0, 1.0
ONE = {"device": "cpu", "threads": 1}
COMPARED = ["aaaa2222", "bbbb2222", "cccc2222", "dddd2222"]


def method_field(app):
    next(row for row in app.screen.form.rows.values() if row.key == "method.name").control.focus()


# Name: what is put on the Runs screen, then keys (or something to do).
SCREENS = {
    "runs": (None,),
    "runs-filter": (None, "f", *"igdm.alpha>0"),
    "run-curves": (lambda app: RunScreen("bbbb2222"), "1"),
    "run-attacks": (lambda app: RunScreen("bbbb2222"), "2"),
    "run-log": (lambda app: RunScreen("eeee2222"), "3"),
    "compare-tests": (lambda app: CompareScreen(COMPARED), "1"),
    "compare-curves": (lambda app: CompareScreen(COMPARED), "2"),
    "compare-scatter": (lambda app: CompareScreen(COMPARED), "3"),
    "compare-settings": (lambda app: CompareScreen(COMPARED), "5"),
    "launch": (lambda app: LaunchScreen(),),
    "launch-start": (lambda app: LaunchScreen(), "f6", *"table02 adaad"),
    "launch-pick": (lambda app: LaunchScreen(), method_field, "v"),
    "queue": (lambda app: QueueScreen(),),
    "export": (lambda app: ExportScreen([app.row(run_id) for run_id in COMPARED]),),
    "help": (None, "question_mark"),
    "palette": (None, "ctrl+p"),
    "confirm": (lambda app: ConfirmScreen("Stop adaad+igdm s1?\nIt saves a checkpoint first; r goes on from there."),),
}  # fmt: skip


@pytest.fixture
def shown(tmp_path, monkeypatch):
    """A home whose runs say the same at every time: two experiments of two seeds, and one run in each other state."""
    from core.spec.events import RunFailed, RunStopped, Warned
    from core.spec.home import Home

    for module in ("igdm_tui.live", "igdm_tui.screens.run"):
        for name, value in (("POLL_S", 0.1), ("LOG_S", 0.1)):
            monkeypatch.setattr(f"{module}.{name}", value, raising=False)
    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: False)
    monkeypatch.setattr(Input, "cursor_blink", False)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.004)
    monkeypatch.setattr("textual._wait.SLEEP_IDLE", 0.002)
    monkeypatch.setenv("IGDM_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home").ensure()
    make = run_maker(home)
    for run_id, alpha, seed, robust in (
        ("aaaa2222", 0, 0, 0.51), ("bbbb2222", 10, 0, 0.56), ("cccc2222", 0, 1, 0.5), ("dddd2222", 10, 1, 0.57),
    ):  # fmt: skip
        found = {"gradient_distance": 0.06 - robust / 30, "gradient_cosine": robust + 0.1}
        run = make(run_id, igdm={"alpha": alpha}, runtime=ONE | {"seed": seed})
        run.finish(clean=0.9 + robust / 20, autoattack=robust, gradients=found)
    going = make("eeee2222", name="at work", method={"name": "ard"}, runtime=ONE)
    going.start(alive=True).teacher().train([1, 2]).say(Warned(message="only 3 of 360 images were broken by Square"))
    going.folder.log.write_text("epoch 1 loss 3.0\nepoch 2 loss 1.5 \x1b[31mred\x1b[0m [bold]\n")
    ended = {
        "ffff2222": ("too hot", "trades", [RunFailed(error="loss is nan", elapsed_s=9.0)]),
        "gggg2222": ("put off", "rslad", [RunStopped(reason="SIGTERM", epoch=1, step=10, elapsed_s=9.0)]),
        "hhhh2222": ("vanished", "akd", []),
    }
    for run_id, (name, method, last) in ended.items():
        make(run_id, name=name, method={"name": method}, runtime=ONE).start().teacher().train([1]).say(*last)
    for run_id, method in (("jjjj2222", "iad"), ("kkkk2222", "mart")):
        control.put(make(run_id, name=f"waits {method}", method={"name": method}, runtime=ONE).folder)
    for number, card in enumerate(sorted(home.runs.glob("*/run.json"))):
        made = moment(BEGAN + 60 * number)
        card.write_text(json.dumps(json.loads(card.read_text()) | {"created_at": made}))
    for events in home.runs.glob("*/events.jsonl"):
        os.utime(events, (1, 1))  # long ago: no toast says that they have just ended
    monkeypatch.setattr(time, "time", lambda: NOW)
    return home


@pytest.mark.parametrize("look", LOOKS)
async def test_screens_look_as_they_did(look, shown, monkeypatch):
    if look == "mono":
        monkeypatch.setenv("NO_COLOR", "1")
    app = IgdmApp(shown, UserSettings(theme="igdm-light" if look == "light" else "igdm-dark"))
    wrong = []
    async with app.run_test(size=(80, 24)) as pilot:
        while len(app.rows or ()) < 10 or app.row("eeee2222").epoch < 2:
            await pilot.pause(0.05)
        for name, (make, *keys) in SCREENS.items():
            if look != "dark" and name not in MAIN:
                continue
            await pilot.resize_terminal(*SIZES[0])
            if make is not None:
                await app.push_screen(make(app))
            await pilot.pause()
            for key in keys:
                await pilot.press(key) if isinstance(key, str) else key(app)
            for size in SIZES if name in MAIN else SIZES[:1]:
                await pilot.resize_terminal(*size)
                wrong += await differences(app, pilot, FOLDER / look / f"{name}-{size[0]}.txt")
            while len(app.screen_stack) > 2:
                app.pop_screen()
                await pilot.pause()
            await pilot.press("escape", "escape", "escape")
            app._notifications.clear()
            app._refresh_notifications()
    assert not wrong, "\n".join(wrong)


async def differences(app, pilot, path):
    """Lines that differ from the picture once the screen has come to rest; none when it is renewed."""
    wanted = path.read_text() if path.exists() and not RENEW else None
    before, since, deadline = "", time.monotonic(), time.monotonic() + PATIENCE_S
    while True:
        await pilot.pause(0.02)
        text, styles = paint(app.screen)
        now = f"{text}\n== styles ==\n\n{styles}"
        if now == wanted:
            return []
        if now != before:
            before, since = now, time.monotonic()
        if (text.strip() and time.monotonic() - since > REST_S) or time.monotonic() > deadline:
            break
    if RENEW:
        path.parent.mkdir(exist_ok=True)
        path.write_text(now)
        return []
    svg = Path(os.environ.get("TMPDIR", "/tmp")) / f"igdm-{path.parent.name}-{path.stem}.svg"
    svg.write_text(app.export_screenshot())
    lines = difflib.unified_diff((wanted or "").splitlines(), now.splitlines(), str(path), "shown", lineterm="", n=1)
    return [f"{path.name} (as it looks now: {svg})", *lines]
