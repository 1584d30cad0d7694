"""What happens behind the first screen: later screens are there already, and the collector passes over what stays."""

import gc
import sys
import time

from igdm_tui.app import IgdmApp
from igdm_tui.warming import SCREENS


async def test_screens_are_imported_and_what_stays_is_not_collected_again(home, make_run):
    make_run("warm2222")
    gc.unfreeze()
    app = IgdmApp(home)
    async with app.run_test() as pilot:
        until = time.monotonic() + 20
        while not (gc.get_freeze_count() and all(f"igdm_tui.screens.{name}" in sys.modules for name in SCREENS)):
            assert time.monotonic() < until
            await pilot.pause(0.05)
        frozen = gc.get_freeze_count()
        assert frozen > len(gc.get_objects())
    assert gc.get_freeze_count() < frozen


async def test_a_screen_opens_with_the_classes_of_its_size_and_pane(home, make_run):
    from igdm_tui.screens.run import RunScreen

    make_run("warm2222")
    app = IgdmApp(home)
    async with app.run_test(size=(160, 48)) as pilot:
        while app.row("warm2222") is None:
            await pilot.pause(0.02)
        screen = RunScreen("warm2222")
        app.push_screen(screen)
        await pilot.pause()
        assert screen.classes >= {"-multi", "show-curves"}
        assert screen.query_one("#rate").display
        await pilot.press("4")
        assert [name for name in screen.classes if name.startswith("show-")] == ["show-settings"]
        await pilot.resize_terminal(80, 24)
        for _ in range(200):
            if not screen.has_class("-multi"):
                break
            await pilot.pause(0.02)
        assert not screen.has_class("-multi")
        assert not screen.query_one("#rate").display
