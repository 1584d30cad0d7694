"""A screen may be left before all of it is there: by a key that was typed ahead, or as the program ends."""

import asyncio

import pytest

from igdm_tui.screens.ask import AskScreen, NoteScreen
from igdm_tui.screens.choose import Choice, ChooseScreen
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.confirm import ConfirmScreen
from igdm_tui.screens.export import ExportScreen
from igdm_tui.screens.help import HelpScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.launch_start import StartScreen
from igdm_tui.screens.queue import QueueScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen

SCREENS = {
    "run": lambda rows: RunScreen(rows[0].id),
    "compare": lambda rows: CompareScreen([row.id for row in rows[:2]]),
    "launch": lambda rows: LaunchScreen(),
    "queue": lambda rows: QueueScreen(),
    "runs": lambda rows: RunsScreen(),
    "help": lambda rows: HelpScreen("runs"),
    "confirm": lambda rows: ConfirmScreen("Really?"),
    "export": lambda rows: ExportScreen(rows[:1]),
    "ask": lambda rows: AskScreen("A name?"),
    "note": lambda rows: NoteScreen("A note", "text"),
    "choose": lambda rows: ChooseScreen("Which?", [Choice("a", "a")], several=False),
    "start": lambda rows: StartScreen({}, rows),
}  # fmt: skip
TURNS = (*range(24), *range(24, 60, 3))  # of the loop until the screen is left; more and more of it is there by then


async def turns_of_the_loop(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_may_be_left_at_once(drive, full_home, name):
    async with drive() as driver:
        runs = driver.app.screen
        for turns in TURNS:
            driver.app.push_screen(SCREENS[name](driver.app.rows))
            await turns_of_the_loop(turns)
            await driver.app.pop_screen()
        assert driver.app.screen is runs
        await driver.until(lambda: driver.shows("lost one"))


@pytest.mark.parametrize("turns", [0, 8, 16, 32])
@pytest.mark.parametrize("name", ["run", "compare", "export"])
async def test_the_program_may_end_as_a_screen_opens(drive, full_home, name, turns):
    async with drive() as driver:
        driver.app.push_screen(SCREENS[name](driver.app.rows))
        await turns_of_the_loop(turns)
        driver.app.exit()
    assert driver.app.return_code == 0


async def test_an_answer_that_comes_too_late_goes_nowhere(drive, full_home):
    async with drive() as driver:
        place, answers = QueueScreen(), []
        await driver.app.push_screen(place)
        for leaves in (False, True):
            dialog = ConfirmScreen("Really?")
            place.ask(dialog, answers.append)
            await driver.pilot.pause()
            dialog.dismiss(True)
            if leaves:
                driver.app.exit()
            await driver.pilot.pause()
            assert answers == [True]


async def test_a_key_that_comes_too_late_does_nothing(drive, full_home):
    async with drive() as driver:
        screen = LaunchScreen()
        await driver.app.push_screen(screen)
        assert screen.check_action("launch", ()) is True
        await driver.app.pop_screen()
        assert screen.check_action("launch", ()) is False
