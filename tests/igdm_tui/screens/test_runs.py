from dataclasses import replace

import pytest

from igdm_tui.live import ELAPSED_S, RunsChanged, _has_moved
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.store import Store

SIZES = [(60, 16), (80, 24), (120, 36), (160, 48)]


def names(driver) -> list[str]:
    return [row.id[0] for row in driver.app.screen.table.rows]


async def test_an_empty_home_shows_the_first_step(drive, home):
    async with drive() as driver:
        await driver.until(lambda: driver.shows("No runs yet", "Press n", "igdm run configs/digits.toml"))


async def test_runs_are_listed_newest_first_with_status_in_words(drive, full_home):
    async with drive() as driver:
        assert names(driver) == ["f", "e", "d", "c", "b", "a"]
        assert driver.shows("✓ finished", "● running", "✗ failed", "■ stopped", "? lost")
        assert driver.shows("97.22", "72.22", "epoch 13/30")


@pytest.mark.parametrize("size", SIZES)
async def test_every_size_shows_names_and_keys(drive, full_home, size):
    async with drive(size) as driver:
        assert driver.shows("too hot", "enter open", "? help")
        assert all(len(line) == size[0] for line in driver.lines)


async def test_a_wide_terminal_shows_all_columns(drive, full_home):
    async with drive((160, 48)) as driver:
        header = driver.lines[1]
        for title in ("status", "name", "method", "alpha", "student", "seed", "progress", "left", "Clean", "PGD-20"):
            assert title in header
        assert driver.shows("6 runs · 1 running · 2 finished · 1 stopped · 1 failed · 1 lost")


async def test_columns_that_do_not_fit_come_with_l_and_go_with_h(drive, full_home):
    async with drive() as driver:
        assert "alpha" not in driver.lines[1]
        await driver.press("l")
        assert "alpha" in driver.lines[1]
        await driver.press("h")
        assert "alpha" not in driver.lines[1]


async def test_the_cursor_moves_with_arrows_and_vim_keys(drive, full_home):
    async with drive() as driver:
        table = driver.app.screen.table
        await driver.press("j", "down", "k")
        assert table.cursor == 1
        await driver.press("G")
        assert table.cursor == 5
        await driver.press("g")
        assert table.cursor == 0


async def test_a_failed_run_says_why_below(drive, full_home):
    async with drive() as driver:
        await driver.press("j", "j")
        assert driver.shows("✗ loss is nan at epoch 3, step 41 (ad_loss)")


async def test_a_warning_of_the_selected_run_is_shown(drive, make_run):
    make_run("aaaa2222", warning="igdm.beta is not 1")
    async with drive() as driver:
        await driver.until(lambda: driver.shows("! igdm.beta is not 1"))


async def test_enter_opens_a_run_and_q_comes_back(drive, full_home):
    async with drive() as driver:
        await driver.press("j", "enter")
        assert isinstance(driver.app.screen, RunScreen)
        assert driver.app.screen.run_id == "eeee2222"
        await driver.press("q")
        assert isinstance(driver.app.screen, RunsScreen)


async def test_space_marks_and_c_compares(drive, full_home):
    async with drive() as driver:
        await driver.press("G", "space", "k", "space")
        assert driver.shows("2 marked")
        await driver.press("c")
        assert isinstance(driver.app.screen, CompareScreen)
        assert driver.app.screen.run_ids == ["bbbb2222", "aaaa2222"]


async def test_one_mark_is_compared_with_the_cursor(drive, full_home):
    async with drive() as driver:
        await driver.press("space", "c")
        assert isinstance(driver.app.screen, CompareScreen)


async def test_comparing_nothing_says_how(drive, full_home):
    async with drive() as driver:
        await driver.press("c")
        assert "Mark two or more runs" in driver.toasts[0]


async def test_escape_drops_the_marks(drive, full_home):
    async with drive() as driver:
        await driver.press("space", "escape")
        assert not driver.app.screen.table.marked


async def test_search_narrows_while_typing_and_escape_ends_it(drive, full_home):
    async with drive() as driver:
        await driver.press("slash", *"ard")
        assert names(driver) == ["e"]
        await driver.press("enter", "j")
        assert names(driver) == ["e"]
        await driver.press("escape")
        assert len(names(driver)) == 6


async def test_a_search_without_result_says_so(drive, full_home):
    async with drive() as driver:
        await driver.press("slash", *"nowhere")
        assert driver.shows("No run has all of these words", "esc ends the search")


async def test_o_sorts_by_the_next_column_and_capital_o_reverses(drive, full_home):
    async with drive() as driver:
        screen = driver.app.screen
        while screen.table.sort_key != "autoattack_accuracy":
            await driver.press("o")
        assert names(driver)[:2] == ["b", "a"]
        await driver.press("O")
        assert names(driver)[:2] == ["a", "b"]
        assert len(names(driver)) == 6
        assert driver.shows("by AA")


async def test_the_cursor_stays_on_its_run_while_others_arrive(drive, full_home, make_run):
    async with drive() as driver:
        await driver.press("j")
        assert driver.app.screen.table.selected.id == "eeee2222"
        make_run("zzzz2222", created_at="2026-11-20T11:00:00.000Z")
        await driver.until(lambda: len(names(driver)) == 7)
        assert driver.app.screen.table.selected.id == "eeee2222"


async def test_a_new_run_appears_by_itself_in_an_empty_home(drive, make_run):
    async with drive() as driver:
        make_run("aaaa2222")
        await driver.until(lambda: driver.shows("adaad+igdm10"))
        await driver.press("enter")
        assert isinstance(driver.app.screen, RunScreen)


async def test_numbers_that_move_are_drawn_once_a_second_and_an_end_at_once(drive, full_home, monkeypatch):
    drawn = []
    async with drive() as driver:
        screen, app = driver.app.screen, driver.app
        monkeypatch.setattr(screen, "show_runs", lambda: drawn.append(app.rows))
        before = app.rows
        for loss in range(5):
            app.on_runs_changed(RunsChanged([replace(row, metrics={"loss": float(loss)}) for row in before], {}))
        newest = app.rows
        assert len(drawn) <= 1
        await driver.until(lambda: drawn and drawn[-1] is newest)
        assert len(drawn) <= 2
        app.on_runs_changed(RunsChanged([replace(row, status="finished") for row in before], {}))
        assert drawn[-1] is app.rows


def test_a_row_on_which_only_time_went_by_is_drawn_now_and_then(make_run, home):
    make_run("aaaa2222")
    with Store.open(home) as store:
        store.ingest()
        (row,) = store.runs()
    assert not _has_moved(row, replace(row, elapsed_s=row.elapsed_s + 1))
    assert _has_moved(row, replace(row, elapsed_s=row.elapsed_s + ELAPSED_S))
    assert _has_moved(row, replace(row, epoch=row.epoch + 1))
    assert _has_moved(None, row)


async def test_n_opens_the_form_and_escape_comes_back(drive, full_home):
    async with drive() as driver:
        await driver.press("n")
        assert isinstance(driver.app.screen, LaunchScreen)
        await driver.press("escape")
        assert isinstance(driver.app.screen, RunsScreen)


async def test_e_takes_the_selected_run_into_the_form(drive, full_home):
    async with drive() as driver:
        await driver.press("j", "e")
        assert isinstance(driver.app.screen, LaunchScreen)
        assert driver.app.screen.form.rows["method.name"].text == "ard"


async def test_stopping_asks_first_and_no_leaves_it(drive, full_home, monkeypatch):
    stopped = []
    monkeypatch.setattr(
        "igdm_tui.launch.stop_run", lambda folder: stopped.append(folder.run_id) or "stopped after a checkpoint"
    )
    async with drive() as driver:
        await driver.press("j", "j", "j", "s")
        assert driver.shows("Stop adaad+igdm10 resnet16 s1?")
        await driver.press("n")
        assert stopped == []
        await driver.press("s", "y")
        await driver.until(lambda: stopped == ["cccc2222"])
        await driver.until(lambda: driver.toasts)
        assert "stopped after a checkpoint" in driver.toasts[0]


async def test_a_finished_run_is_not_stopped(drive, full_home):
    async with drive() as driver:
        await driver.press("G", "s")
        assert "nothing to stop" in driver.toasts[0]


async def test_resuming_starts_a_stopped_run_and_errors_name_it(drive, full_home, monkeypatch):
    from core.spec.errors import IgdmError

    def refuse(folder):
        raise IgdmError(f"{folder.run_id}: is running [/] (wait)")

    async with drive() as driver:
        monkeypatch.setattr("igdm_tui.launch.resume_run", lambda folder: 1)
        await driver.press("j", "r")
        await driver.until(lambda: any("goes on from its last checkpoint" in toast for toast in driver.toasts))
        monkeypatch.setattr("igdm_tui.launch.resume_run", refuse)
        await driver.press("r")
        await driver.until(lambda: any("Could not resume ard+igdm10" in toast for toast in driver.toasts))


async def test_help_lists_the_keys_of_the_screen(drive, full_home):
    async with drive((80, 40)) as driver:
        await driver.press("question_mark")
        assert driver.shows("Keys: Runs", "Open the selected run", "Compare the marked runs", "Next row")
        await driver.press("escape")
        assert isinstance(driver.app.screen, RunsScreen)


async def test_the_palette_offers_the_actions_of_the_screen(drive, full_home):
    async with drive() as driver:
        titles = [command.title for command in driver.app.get_system_commands(driver.app.screen)]
        assert "Describe and launch a new run" in titles
        await driver.press("ctrl+p")
        await driver.press(*"describe")
        await driver.until(lambda: driver.shows("Describe and launch a new run"))
        await driver.press("enter", "enter")
        await driver.until(lambda: isinstance(driver.app.screen, LaunchScreen))


async def test_a_terminal_that_is_too_small_says_so(drive, full_home):
    async with drive((50, 12)) as driver:
        assert driver.shows("too small", "60 x 16")
        await driver.pilot.resize_terminal(80, 24)
        await driver.until(lambda: driver.shows("enter open"))


async def test_hostile_names_neither_crash_nor_steer(drive, make_run):
    evil = "[/] [bold red]x[/nope] \u2066 [@click=app.quit]q"
    make_run("aaaa2222", "failed", epochs_done=1, error="\x1b[2J\x1b]52;c;aGk=\x07 [/] boom \x9b31m\u202e")
    folder = make_run("bbbb2222")
    text = folder.run_json.read_text()
    folder.run_json.write_text(
        text.replace('"name": "adaad+igdm10 resnet16 s0"', f'"name": "{evil}\\u001b[31m\\u0000"')
    )
    async with drive((160, 48)) as driver:
        for keys in (["j"], ["enter"], ["4"], ["q"], ["space", "k", "space", "c"], ["q"], ["e"], ["escape"], ["s"]):
            await driver.press(*keys)
            assert not {"\x1b", "\x9b", "\u202e", "\x00", "\x07"} & set(driver.text)


async def test_a_wide_glyph_in_a_name_keeps_columns_aligned(drive, make_run):
    make_run("aaaa2222", name="模型模型模型模型模型模型模型模型模型")
    make_run("bbbb2222", name="plain")
    async with drive((160, 48)) as driver:
        assert driver.shows("模型")


async def test_leaving_with_q_ends_the_app_and_only_the_app(drive, full_home):
    async with drive() as driver:
        await driver.press("q")
        await driver.until(lambda: not driver.app.is_running)
        follower = driver.app.follower
    follower.join(5)
    assert not follower.is_alive()


async def test_ctrl_c_stops_nothing(drive, full_home):
    async with drive() as driver:
        await driver.press("ctrl+c")
        assert driver.app.is_running
        assert "stops nothing" in driver.toasts[0]


async def test_a_newer_database_is_a_message_not_a_crash(drive, home, make_run, monkeypatch):
    from core.spec.errors import IgdmError
    from igdm_tui.store import Store

    make_run("aaaa2222")
    opened = Store.open
    calls = []

    def busy_once(home):
        calls.append(1)
        if len(calls) == 1:
            raise IgdmError("experiments.db: made by a newer igdm-tui [/] (upgrade)")
        return opened(home)

    monkeypatch.setattr("igdm_tui.live.RETRY_S", 0.05)
    monkeypatch.setattr(Store, "open", busy_once)
    async with drive() as driver:
        assert any("Runs cannot be followed now: experiments.db: made by a newer" in toast for toast in driver.toasts)


async def test_epochs_of_three_digits_are_whole_at_80_columns(home, make_run, drive):
    make_run("aaaa2222", "running", epochs_done=105, optim__num_epochs=150)
    async with drive() as driver:
        assert driver.shows(" epoch 105/150 ")
