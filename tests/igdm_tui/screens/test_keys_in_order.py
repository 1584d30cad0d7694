"""Keys that come in one burst, as from a program that types: each acts on what the one before it left."""

import pytest
from textual import events
from textual.keys import _character_to_key

from core.spec.run_folder import RunFolder
from igdm_tui.screens.ask import AskScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.queue import QueueScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.store.labels import read_labels


@pytest.fixture
def rush(drive):
    """Posts words letter by letter, and named keys, without a pause between them; waits for the last only."""

    async def rushed(driver, *words: str) -> None:
        for word in words:
            single = word in ("tab", "enter", "escape", "space", "down", "f6")
            for key in [word] if single else word:
                name = key if single else _character_to_key(key)
                character = {"space": " ", "enter": "\r", "tab": "\t"}.get(key) if single else key
                driver.app.post_message(events.Key(name, character))
        await driver.pilot.pause()
        await driver.until(lambda: not driver.app.keys_wait)
        await driver.pilot.pause()

    return rushed


async def test_tab_completes_what_was_typed_before_it_and_q_after_enter_is_no_letter(drive, full_home, rush):
    async with drive() as driver:
        await rush(driver, "fmeth", "tab", "=ar", "tab", "enter", "q")
        assert driver.app.return_code == 0, "q left the program"
        assert driver.app.screen_stack[-1].filter_line.text == "method=ard"


async def test_a_search_ends_with_enter_before_the_next_letters(drive, full_home, rush):
    async with drive() as driver:
        await rush(driver, "/ard", "enter", "w")
        assert isinstance(driver.app.screen, QueueScreen)
        runs = next(screen for screen in driver.app.screen_stack if isinstance(screen, RunsScreen))
        assert runs.search == "ard"


async def test_letters_after_the_key_of_a_dialog_stand_in_its_line(drive, full_home, rush):
    async with drive() as driver:
        run_id = driver.app.screen.table.selected.row.id
        await rush(driver, "tpaper", "enter", "tjunk", "escape", "j")
        await driver.until(lambda: driver.app.row(run_id).tags == ("paper",))
        assert read_labels(RunFolder(full_home.runs / run_id)).tags == ("paper",)
        assert not isinstance(driver.app.screen, AskScreen)
        assert driver.app.screen.table.cursor == 1


async def test_a_list_is_narrowed_before_enter_takes_from_it(drive, full_home, rush):
    async with drive() as driver:
        await rush(driver, "Snam", "enter", "A")
        assert driver.app.screen.table.sort_key == "name"
        assert driver.app.screen.archived


async def test_words_are_found_in_a_log_and_the_next_key_goes_on(drive, home, make_run, rush):
    make_run("aaaa2222", log="one hit\nnothing\nanother hit\nlast\n")
    async with drive() as driver:
        await driver.press("enter", "3")
        assert isinstance(driver.app.screen, RunScreen)
        await driver.until(lambda: driver.shows("another hit"))
        await rush(driver, "/hit", "enter", "n")
        assert driver.shows("hit: 2/2")


async def test_a_form_is_filled_by_words_typed_while_the_tables_are_read(drive, full_home, rush):
    async with drive((120, 40)) as driver:
        await driver.press("n")
        screen = driver.app.screen
        assert isinstance(screen, LaunchScreen)
        await rush(driver, "f6", "table02", "space", "iad", "enter")
        await driver.until(lambda: screen.form.rows["data.name"].text == "cifar-100")
        assert screen.form.rows["method.name"].text.startswith("iad")


async def test_keys_that_come_when_no_screen_is_left_do_nothing(drive, full_home):
    async with drive() as driver:
        for screens in (0, 1):
            stack = driver.app._screen_stack
            left, stack[:] = list(stack), stack[:screens]
            await driver.app.on_event(events.Key("j", "j"))
            stack[:] = left
        await driver.until(lambda: not driver.app.keys_wait)
        assert driver.app.screen.table.cursor == 1, "the second was taken"
