"""Pictures of the Compare screen, held against those kept beside this file."""

import pytest

from core.spec.home import Home
from igdm_tui.app import IgdmApp
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.widgets.line_chart import LineChart
from tests.igdm_tui.screens.test_compare import sweep_radii

SIZES = [(80, 24), (120, 40), (160, 48)]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Whether a toast says that these runs have just ended depends on the clock."""
    monkeypatch.setattr("igdm_tui.app.EndWatch.ended", lambda self, rows: [])


@pytest.fixture
def compared(home: Home, make_run, monkeypatch: pytest.MonkeyPatch) -> IgdmApp:
    """Two experiments of three seeds each, on the Compare screen."""
    monkeypatch.setattr("igdm_tui.screens.compare_data._took", lambda entry: "1:35")
    for seed in range(3):
        minute = f"2026-11-20T10:0{seed}"
        make_run(f"aaaa222{seed + 2}", created_at=f"{minute}:00.000Z", igdm__alpha=0.0, runtime__seed=seed)
        make_run(f"bbbb222{seed + 2}", created_at=f"{minute}:30.000Z", runtime__seed=seed)
    return IgdmApp(home)


async def settled(pilot, *keys: str, runs: int = 6) -> None:
    """Everything read and drawn, on the Compare screen with all runs."""
    app = pilot.app
    while len(app.rows or ()) < runs:
        await pilot.pause(0.05)
    app.push_screen(CompareScreen(sorted(row.id for row in app.rows)))
    while not (app.screen.reading and app.screen.query_one("#chart", LineChart).lines):
        await pilot.pause(0.05)
    for key in keys:
        await pilot.press(key)
    before = ""
    for _ in range(100):  # until two looks see the same
        await pilot.pause(0.25)
        now = str(app.screen._compositor.render_strips())
        if now == before:
            return
        before = now


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pane", ["tests", "curves", "scatter"])
def test_compare(compared, snap_compare, size, pane):
    number = {"tests": "1", "curves": "2", "scatter": "3"}[pane]
    assert snap_compare(compared, terminal_size=size, run_before=lambda pilot: settled(pilot, number))


@pytest.fixture
def swept(home: Home, make_run, monkeypatch: pytest.MonkeyPatch) -> IgdmApp:
    """Two runs of a printed setting, attacked at three epsilons."""
    monkeypatch.setattr("igdm_tui.screens.compare_data._took", lambda entry: "1:35")
    for number, alpha in enumerate((0.0, 7.0)):
        folder = make_run(
            f"cccc222{number + 2}", created_at=f"2026-11-20T10:0{number}:00.000Z", igdm__alpha=alpha,
            data__name="cifar-100", student={"model": "resnet-18"},
            teacher={"source": "published", "published": "bdm-at"},
        )  # fmt: skip
        sweep_radii(folder, 0.04 - number / 100, first=0.85, levels=(4, 8, 12))
    return IgdmApp(home)


@pytest.mark.parametrize("size", SIZES[:2], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("pane", ["epsilon", "settings", "published"])
def test_compare_of_a_printed_setting(swept, snap_compare, size, pane):
    number = {"epsilon": "4", "settings": "5", "published": "P"}[pane]
    assert snap_compare(swept, terminal_size=size, run_before=lambda pilot: settled(pilot, number, runs=2))


def test_compare_on_light(compared, snap_compare):
    async def light(pilot):
        pilot.app.theme = "igdm-light"
        await settled(pilot)

    assert snap_compare(compared, terminal_size=(120, 40), run_before=light)


def test_compare_without_colour(compared, snap_compare, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = IgdmApp(compared.home)
    assert snap_compare(app, terminal_size=(120, 40), run_before=lambda pilot: settled(pilot, "w"))
