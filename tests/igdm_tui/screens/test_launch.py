import shlex
import time

import pytest

from core.spec.catalogue import METHODS
from core.spec.errors import IgdmError
from core.spec.run_folder import run_folders
from igdm_tui.screens.launch import DEBOUNCE_S, LaunchScreen
from igdm_tui.screens.launch_outlook import look_ahead
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.widgets.fields import FormRow


@pytest.fixture
def started(monkeypatch):
    """Runs are created for real; their workers are not started."""
    folders = []
    monkeypatch.setattr("igdm_tui.screens.launch.start_worker", lambda folder: folders.append(folder) or 1)
    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: None)
    return folders


async def opened(driver) -> LaunchScreen:
    await driver.press("n")
    screen = driver.app.screen
    assert isinstance(screen, LaunchScreen)
    await driver.until(lambda: screen.reading is not None)
    await driver.pilot.pause()
    return screen


async def typed(driver, key: str, text: str) -> None:
    """Clear a field and type into it, key by key."""
    screen = driver.app.screen
    control = screen.form.rows[key].control
    control.focus()
    control.value = ""
    await driver.press(*["space" if letter == " " else letter for letter in text])
    await driver.until(lambda: screen.reading is not None)
    await driver.pilot.pause()


async def test_the_form_starts_valid_from_the_digits_recipe(drive):
    async with drive() as driver:
        screen = await opened(driver)
        assert screen.form.rows["preset"].text == "digits"
        assert driver.shows("✓ ready: 1 run", "igdm run")


async def test_a_field_is_marked_while_it_is_typed(drive, started):
    async with drive((120, 40)) as driver:
        await opened(driver)
        await typed(driver, "attack.epsilon", "300")
        assert driver.shows("✗ epsilon", 'write "8/255", not 8', "Nothing is launched")
        await typed(driver, "attack.epsilon", "8/255")
        await driver.until(lambda: driver.shows("was 0.2"))
        assert not driver.shows("✗ epsilon")


async def test_the_command_follows_the_form_exactly(drive):
    async with drive() as driver:
        screen = await opened(driver)
        await typed(driver, "igdm.alpha", "20")
        await typed(driver, "runtime.seed", "0-2")
        words = shlex.split(screen.command)
        assert words[:3] == ["igdm", "queue", "add"]
        assert "igdm.alpha=20.0" in words or "igdm.alpha=20" in words
        assert words[words.index("--seeds") + 1] == "0,1,2"
        assert "--home" in words
        assert driver.shows("✓ ready: 3 runs")


async def test_nothing_wrong_is_launched_and_the_keys_go_to_the_field(drive, started, home):
    async with drive() as driver:
        screen = await opened(driver)
        await typed(driver, "optim.num_epochs", "0")
        screen.form.rows["name"].control.focus()
        await driver.press("ctrl+l")
        assert started == []
        assert run_folders(home) == []
        assert screen.form.rows["optim.num_epochs"].control.has_focus
        assert any("Not launched" in toast for toast in driver.toasts)


async def test_launching_right_after_typing_checks_first(drive, started):
    async with drive() as driver:
        screen = await opened(driver)
        screen.form.rows["optim.num_epochs"].control.value = "0"
        await driver.press("ctrl+l")
        assert started == []


async def test_a_launch_right_after_typing_goes_on_however_long_the_look_ahead_takes(drive, started, monkeypatch):
    """The form looks at itself a moment after the last key: that must not take the launch's look away."""

    def slow(*arguments):
        time.sleep(4 * DEBOUNCE_S)
        return look_ahead(*arguments)

    monkeypatch.setattr("igdm_tui.screens.launch.look_ahead", slow)
    async with drive() as driver:
        screen = await opened(driver)
        await driver.press("q", "u", "i", "c", "k", "ctrl+l")
        await driver.until(lambda: isinstance(driver.app.screen, RunScreen), seconds=10)
        assert len(started) == 1
        assert screen.form.texts["name"] == "quick"


async def test_one_seed_goes_to_its_run(drive, started, home):
    async with drive() as driver:
        screen = await opened(driver)
        await typed(driver, "name", "first q try?")
        command = screen.command
        await driver.press("ctrl+l")
        await driver.until(lambda: isinstance(driver.app.screen, RunScreen))
        assert [folder.run_id for folder in started] == [driver.app.screen.run_id]
        card = started[0].read_run_json()
        assert card["name"] == "first q try?"
        assert card["command"] == shlex.split(command)
        await driver.until(lambda: driver.shows("first q try?", "queued"))
        await driver.press("q")
        assert driver.app.screen.table.selected.id == started[0].run_id


async def test_several_seeds_wait_in_the_queue_and_go_to_the_list(drive, started, home):
    async with drive() as driver:
        await opened(driver)
        await typed(driver, "runtime.seed", "0,1,2")
        await driver.press("f5")
        await driver.until(lambda: isinstance(driver.app.screen, RunsScreen))
        cards = [folder.read_run_json() for folder in run_folders(home)]
        assert sorted(card["seed"] for card in cards) == [0, 1, 2]
        assert len({card["settings_hash"] for card in cards}) == 1
        assert not started
        await driver.until(lambda: len(driver.app.screen.table.rows) == 3)
        assert driver.app.screen.table.has_focus
        await driver.press("enter")
        assert isinstance(driver.app.screen, RunScreen)


async def test_a_worker_that_does_not_start_is_told_and_the_form_stays(drive, monkeypatch):
    def refuse(folder):
        raise IgdmError("the worker ended at once [/] (see worker.log)")

    monkeypatch.setattr("igdm_tui.screens.launch.start_worker", refuse)
    async with drive() as driver:
        screen = await opened(driver)
        await driver.press("ctrl+l")
        await driver.until(lambda: driver.toasts)
        assert "Launched 0 of 1 the worker ended at once" in driver.toasts[0]
        assert driver.app.screen is screen


async def test_the_first_field_is_the_name_and_arrows_go_through_the_fields(drive):
    async with drive() as driver:
        screen = await opened(driver)
        assert screen.form.rows["name"].control.has_focus
        await driver.press("down")
        assert screen.form.rows["runtime.seed"].control.has_focus
        await driver.press("up", "shift+tab")
        assert screen.form.rows["preset"].control.has_focus


async def test_a_choice_goes_round_with_l_and_h(drive):
    async with drive() as driver:
        screen = await opened(driver)
        row = screen.form.rows["method.name"]
        row.control.focus()
        names = list(METHODS)
        before = names[names.index("adaad") - 1]
        await driver.press("h")
        assert row.text == before
        await driver.press("l", "right")
        assert row.text == names[(names.index("adaad") + 1) % len(names)]
        while row.text != "standard":
            await driver.press("space")
        await driver.until(lambda: driver.shows("Standard: cross-entropy on clean images"))
        await driver.until(lambda: driver.app.screen.reading is not None)
        assert {problem.key for problem in screen.reading.problems} == {"igdm.alpha"}


async def test_space_goes_through_the_models_and_any_name_can_be_typed(drive):
    async with drive() as driver:
        screen = await opened(driver)
        row = screen.form.rows["student.model"]
        row.control.focus()
        assert row.text == "resnet"
        await driver.press("space")
        assert row.text == "resnet-18"
        await driver.until(
            lambda: driver.shows("ResNet-18: CIFAR ResNet-18") and screen.form.rows["student.width"].size.height == 0
        )
        await typed(driver, "student.model", "my.networks:small")
        assert row.text == "my.networks:small"
        assert screen.reading.problems == ()


async def test_another_data_set_brings_the_fields_it_needs(drive):
    async with drive() as driver:
        screen = await opened(driver)
        assert "data.folder" not in screen.form.rows
        screen.form.rows["data.name"].text = "folder"
        await driver.until(
            lambda: "data.folder" in screen.form.rows and screen.form.rows["data.folder"].size.height == 1
        )
        assert [row.key for row in screen.query(FormRow)] == ["preset", *(spec.key for spec in screen.form.specs)]
        assert {problem.key for problem in screen.reading.problems} == {"data.folder"}
        screen.form.rows["data.name"].text = "digits"
        await driver.until(lambda: screen.form.rows["data.folder"].size.height == 0)


async def test_another_preset_fills_the_form(drive):
    async with drive() as driver:
        screen = await opened(driver)
        screen.form.rows["preset"].control.focus()
        screen.form.rows["preset"].text = "defaults"
        await driver.until(lambda: screen.form.rows["optim.num_epochs"].text == "200")
        assert screen.form.rows["attack.epsilon"].text == "8/255"


async def test_f2_shows_every_setting(drive):
    async with drive() as driver:
        screen = await opened(driver)
        assert "optim.momentum" not in screen.form.rows
        await driver.press("f2")
        row = screen.form.rows["optim.momentum"]
        assert row.size.height == 1
        assert [row.key for row in screen.query(FormRow)] == ["preset", *(spec.key for spec in screen.form.specs)]
        await driver.press("f2")
        assert row.size.height == 0


async def test_a_wrong_setting_is_shown_even_when_it_is_not_usual(drive, make_run):
    make_run("aaaa2222", optim__momentum=0.5)
    async with drive() as driver:
        await driver.press("e")
        screen = driver.app.screen
        await driver.press("f2")
        screen.form.rows["optim.momentum"].text = "2"
        await driver.press("f2")
        await driver.until(lambda: screen.form.rows["optim.momentum"].size.height == 1)
        assert screen.form.rows["optim.decay"].size.height == 0
        await driver.press("f3")
        assert screen.form.rows["optim.momentum"].control.has_focus


async def test_a_copy_starts_from_the_runs_own_settings(drive, make_run, started):
    make_run("aaaa2222", igdm__alpha=33.0, name="the one", runtime__seed=4)
    async with drive() as driver:
        await driver.press("e")
        screen = driver.app.screen
        await driver.until(lambda: screen.reading is not None)
        assert screen.form.rows["igdm.alpha"].text == "33"
        assert screen.form.rows["name"].text == "the one"
        assert screen.form.rows["runtime.seed"].text == "4"
        assert driver.shows("copy of the one")


async def test_help_is_f1_because_a_question_mark_is_text(drive):
    async with drive() as driver:
        screen = await opened(driver)
        await driver.press("question_mark")
        assert screen.form.rows["name"].text == "?"
        await driver.press("f1")
        assert driver.shows("Keys: Launch")


async def test_a_warning_is_shown_and_does_not_stop_the_launch(drive, started):
    async with drive() as driver:
        await opened(driver)
        await typed(driver, "optim.num_epochs", "3")
        assert driver.shows("! optim.milestones [20, 26] come after the last epoch")
        await driver.press("ctrl+l")
        await driver.until(lambda: len(started) == 1)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 48)])
async def test_every_size_keeps_verdict_and_command_in_sight(drive, size):
    async with drive(size) as driver:
        await opened(driver)
        assert driver.shows("✓ ready", "igdm run", "ctrl+l launch", "name")


async def test_a_preset_that_cannot_be_read_is_a_message(drive, in_a_folder_of_its_own):
    (in_a_folder_of_its_own / "configs" / "digits.toml").write_text("not toml [/")
    async with drive() as driver:
        await opened(driver)
        assert any("This preset cannot be read" in toast for toast in driver.toasts)


async def test_a_wrong_setting_of_a_copied_run_gets_a_row(drive, make_run):
    folder = make_run("aaaa2222")
    folder.run_json.write_text(folder.run_json.read_text().replace('"momentum": 0.9', '"momentum": 9'))
    async with drive() as driver:
        await driver.press("e")
        screen = driver.app.screen
        await driver.until(lambda: "optim.momentum" in screen.form.rows)
        await driver.press("f3")
        await driver.until(lambda: screen.focused is not None and driver.shows("momentum"))


async def test_a_long_text_is_readable_and_arrows_leave_it(drive):
    async with drive() as driver:
        screen = await opened(driver)
        control = screen.form.rows["evaluation.attacks"].control
        control.focus()
        await driver.press("home")
        await driver.until(lambda: driver.shows("clean, pgd20, autoattack"))
        await driver.press("end")
        await driver.until(lambda: driver.shows("autoattack, gradients"))
        await driver.press("down")
        assert screen.form.rows["evaluation.num_examples"].control.has_focus


async def test_typing_into_a_field_replaces_what_stood_there(drive):
    async with drive() as driver:
        screen = await opened(driver)
        screen.form.rows["runtime.seed"].control.focus()
        await driver.press("4", "2")
        assert screen.form.rows["runtime.seed"].text == "42"


async def test_several_methods_are_chosen_from_a_list(drive):
    async with drive() as driver:
        screen = await opened(driver)
        screen.form.rows["method.name"].control.focus()
        await driver.press("v", *"trades", "space", "enter")
        await driver.until(lambda: screen.reading is not None and screen.reading.count == 2)
        assert screen.form.rows["method.name"].text == "adaad | trades"
        assert driver.shows("✓ ready: 2 runs (2 method.name)", "for method_name in")


async def test_a_choice_of_several_that_is_left_changes_nothing(drive):
    async with drive() as driver:
        screen = await opened(driver)
        screen.form.rows["method.name"].control.focus()
        await driver.press("v", "down", "space", "escape")
        assert screen.form.rows["method.name"].text == "adaad"


async def test_the_form_is_filled_from_a_published_row(drive):
    async with drive((120, 40)) as driver:
        screen = await opened(driver)
        await driver.press("f6")
        await driver.until(lambda: driver.shows("darwin-standard#1"))
        await driver.press(*"table02", "space", *"ard", "space", *"ltd")
        await driver.press("down", "enter")
        await driver.until(lambda: screen.form.rows["data.name"].text == "cifar-100")
        assert screen.form.rows["method.name"].text == "ard"
        await driver.until(lambda: driver.shows("printed in ICLR 2025"))


async def test_a_run_that_exists_already_is_named(drive, make_run):
    make_run("twin0001", "finished", name="the one")
    async with drive((120, 40)) as driver:
        await driver.until(lambda: driver.shows("the one"))
        await driver.press("e")
        await driver.until(lambda: driver.shows("same settings and seed as twin0001 (finished)", "takes about"))


async def test_seeds_that_are_here_already_are_left_out(drive, started, home, make_run):
    make_run("twin0001", "finished", name="the one")
    async with drive() as driver:
        await driver.until(lambda: driver.shows("the one"))
        await driver.press("e")
        screen = driver.app.screen
        await driver.until(lambda: screen.reading is not None)
        await typed(driver, "runtime.seed", "0,1")
        await driver.until(lambda: driver.shows("1 of 2 are started"))
        await driver.press("ctrl+l")
        await driver.until(lambda: driver.app.screen is not screen)
        assert sorted(folder.read_run_json()["seed"] for folder in run_folders(home)) == [0, 1]


async def test_one_run_may_wait_in_the_queue(drive, started, home):
    async with drive() as driver:
        await opened(driver)
        await driver.press("f7")
        await driver.until(lambda: len(run_folders(home)) == 1)
        assert not started
