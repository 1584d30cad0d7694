"""Pictures of the Run screen, held against those kept beside this file: `pytest --snapshot-update` draws them anew."""

import pytest

from igdm_tui.app import IgdmApp
from igdm_tui.screens.run import RunScreen
from igdm_tui.widgets.line_chart import LineChart

SIZES = [(80, 24), (120, 40), (160, 48)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Whether a toast says that these runs have just ended depends on the clock."""
    monkeypatch.setattr("igdm_tui.app.EndWatch.ended", lambda self, rows: [])


@pytest.fixture
def shown(home, make_run, monkeypatch) -> IgdmApp:
    """A run that has ended; what clocks say is left out."""
    monkeypatch.setattr("igdm_tui.screens.run_data.age", lambda *_: "2 d")
    monkeypatch.setattr("igdm_tui.screens.run_data.pace_text", lambda row: "")
    monkeypatch.setattr("igdm_tui.screens.run_data.duration", lambda seconds: "1:35")
    make_run("rrrr2222", created_at="2026-11-20T10:00:00.000Z", log="epoch 1 of 30\nepoch 2 of 30\nfinished\n")
    return IgdmApp(home)


async def settled(pilot, key: str) -> None:
    """The run is read and drawn, and nothing moves any more."""
    app = pilot.app
    while app.row("rrrr2222") is None:
        await pilot.pause(0.05)
    app.push_screen(RunScreen("rrrr2222"))
    while not (app.screen.is_mounted and app.screen.query_one("#losses", LineChart).lines):
        await pilot.pause(0.05)
    await pilot.press(key)
    before = ""
    for _ in range(100):
        await pilot.pause(0.25)
        now = str(app.screen._compositor.render_strips())
        if now == before:
            return
        before = now
    raise AssertionError("the screen never came to rest")


@pytest.mark.parametrize(("size", "key"), [(SIZES[0], "1"), (SIZES[0], "2"), (SIZES[1], "1"), (SIZES[2], "1")])
def test_run(shown, snap_compare, size, key):
    assert snap_compare(shown, terminal_size=size, run_before=lambda pilot: settled(pilot, key))
