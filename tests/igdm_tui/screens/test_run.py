import re

import pytest

from core.spec.event_file import EventWriter
from core.spec.events import EpochFinished, RunFinished
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.widgets.line_chart import LineChart
from igdm_tui.widgets.log_tail import LogTail


def chart(driver, name: str) -> LineChart:
    return driver.app.screen.query_one(f"#{name}", LineChart)


async def opened(driver) -> None:
    await driver.press("enter")
    await driver.until(lambda: driver.app.screen._data is not None)
    await driver.pilot.pause()


async def test_curves_show_losses_gradients_and_accuracies(drive, make_run):
    make_run("aaaa2222")
    async with drive() as driver:
        await opened(driver)
        assert driver.shows("loss", "AD", "IGDM", "GD (lower is better)", "GC (higher is better)", "validation")
        assert [line.label for line in chart(driver, "losses").lines] == ["total", "AD", "IGDM"]
        assert len(chart(driver, "gradient_cosine").lines[0].ys) == 30


async def test_the_head_says_how_the_run_stands(drive, make_run):
    make_run("aaaa2222", "running", epochs_done=12)
    async with drive() as driver:
        await opened(driver)
        assert driver.shows("● running", "epoch 13/30", "gone", "left", "cpu", "teacher Clean 98.06 PGD-20 80.28")


async def test_the_teacher_is_followed_while_it_trains(drive, make_run):
    make_run("aaaa2222", "teacher")
    async with drive() as driver:
        await opened(driver)
        assert driver.shows("teacher 4/30", "the student is next")


async def test_new_events_reach_the_screen(drive, make_run):
    folder = make_run("aaaa2222", "running", epochs_done=3)
    async with drive() as driver:
        await opened(driver)
        assert len(chart(driver, "gradient_cosine").lines[0].ys) == 3
        writer = EventWriter(folder.events)
        writer.write(EpochFinished(epoch=4, step=80, elapsed_s=1.0, metrics={"gradient_cosine": 0.9, "loss": 0.5}))
        writer.close()
        await driver.until(lambda: len(chart(driver, "gradient_cosine").lines[0].ys) == 4)
        assert driver.shows("0.9000")


async def test_autoattack_stages_show_the_robust_accuracy_falling(drive, make_run):
    make_run("aaaa2222", "evaluating", stages_done=2)
    async with drive() as driver:
        await opened(driver)
        await driver.press("2")
        assert driver.shows("AutoAttack", "apgd-ce", "75.56 %", "272/360", "done", "apgd-t", "fab-t", "waiting")
        falling = chart(driver, "falling").lines[0]
        assert list(falling.ys) == sorted(falling.ys, reverse=True)


async def test_final_results_stand_beside_the_teachers_and_flags_beside_them(drive, make_run):
    make_run("aaaa2222", flags=("Square was better [/] than the others",))
    async with drive() as driver:
        await opened(driver)
        await driver.press("2")
        assert driver.shows("Clean", "97.22 %", "teacher 98.06", "AA", "72.22 %", "GC", "0.650")
        assert driver.shows("! autoattack: Square was better [/] than the others")


async def test_the_log_is_followed_and_harmless(drive, make_run):
    folder = make_run("aaaa2222", "running", log="".join(f"line {i}\n" for i in range(100)))
    async with drive() as driver:
        await opened(driver)
        await driver.press("3")
        await driver.until(lambda: driver.shows("line 99"))
        with folder.log.open("ab") as file:
            file.write(b"\x1b[2J\x1b]52;c;aGk=\x07 5%|#\r 50%|##\r100%|###\n[/] done \x9b2J\xff\n")
        await driver.until(lambda: driver.shows("[/] done"))
        assert driver.shows("100%|###")
        assert "50%" not in driver.text
        assert not {"\x1b", "\x07", "\x9b"} & set(driver.app.screen.query_one(LogTail).text)


async def test_scrolling_up_in_the_log_holds_still(drive, make_run):
    folder = make_run("aaaa2222", "running", log="".join(f"line {i}\n" for i in range(100)))
    async with drive() as driver:
        await opened(driver)
        await driver.press("3")
        await driver.until(lambda: driver.shows("line 99"))
        await driver.press("g")
        await driver.until(lambda: driver.shows("line 0"))
        with folder.log.open("ab") as file:
            file.write(b"line 100\n")
        log = driver.app.screen.query_one(LogTail)
        await driver.until(lambda: "line 100" in log.text)
        assert driver.shows("line 0 ")
        await driver.press("G")
        await driver.until(lambda: driver.shows("line 100"))


async def test_settings_mark_what_is_not_the_default(drive, make_run):
    make_run("aaaa2222")
    async with drive((160, 48)) as driver:
        await opened(driver)
        await driver.press("4")
        text = driver.app.screen.query_one("#settings").text
        assert "* alpha" in text
        assert "  beta" in text
        assert re.search(r"\* epsilon +0\.2\n", text)


async def test_x_shows_losses_over_epochs_and_y_on_a_log_axis(drive, make_run):
    make_run("aaaa2222")
    async with drive() as driver:
        await opened(driver)
        steps = len(chart(driver, "losses").lines[0].ys)
        await driver.press("x")
        await driver.until(lambda: len(chart(driver, "losses").lines[0].ys) == 30)
        assert steps == 60
        await driver.press("y")
        assert driver.shows("loss (log)")


async def test_z_shows_one_chart_alone_and_q_goes_back_one_step_at_a_time(drive, make_run):
    make_run("aaaa2222")
    async with drive() as driver:
        await opened(driver)
        await driver.press("tab", "z")
        assert chart(driver, "accuracies").size.width > 70
        assert not driver.shows("GD (lower")
        await driver.press("q")
        assert driver.shows("GD (lower")
        await driver.press("q")
        assert isinstance(driver.app.screen, RunsScreen)


async def test_a_large_terminal_shows_curves_attack_and_log_together(drive, make_run):
    make_run("aaaa2222", "evaluating", log="hello from the worker\n")
    async with drive((160, 48)) as driver:
        await opened(driver)
        await driver.until(lambda: driver.shows("GC (higher", "apgd-ce", "hello from the worker"))
        await driver.press("4")
        assert driver.shows("GC (higher", "apgd-ce", "differs from the default")


@pytest.mark.parametrize("state", ["queued", "teacher", "running", "evaluating", "failed", "stopped", "lost"])
@pytest.mark.parametrize("size", [(60, 16), (160, 48)])
async def test_every_state_is_shown_in_every_pane(drive, make_run, state, size):
    make_run("aaaa2222", state, epochs_done=1)
    async with drive(size) as driver:
        await opened(driver)
        for pane in "1234":
            await driver.press(pane)
        shown = {"teacher": "running", "evaluating": "running"}.get(state, state)
        assert driver.shows(shown)
        assert not driver.toasts


async def test_a_run_that_ends_is_shown_as_finished(drive, make_run):
    folder = make_run("aaaa2222", "running", epochs_done=3)
    async with drive() as driver:
        await opened(driver)
        writer = EventWriter(folder.events)
        writer.write(RunFinished(elapsed_s=5.0))
        writer.close()
        await driver.until(lambda: driver.shows("✓ finished"))


async def test_stop_resume_and_copy_work_from_here_too(drive, make_run, monkeypatch):
    done = []
    monkeypatch.setattr("igdm_tui.launch.stop_run", lambda folder: done.append("stop"))
    make_run("aaaa2222", "running", epochs_done=3)
    async with drive() as driver:
        await opened(driver)
        await driver.press("s", "y")
        await driver.until(lambda: done == ["stop"])
        await driver.press("r")
        assert any("nothing to resume" in toast for toast in driver.toasts)
        await driver.press("e")
        assert isinstance(driver.app.screen, LaunchScreen)


async def test_a_reading_that_fails_is_told_once_and_the_screen_lives(drive, make_run, monkeypatch):
    make_run("aaaa2222", "running")

    def broken(*_, **__):
        raise RuntimeError("[/] disk is gone")

    monkeypatch.setattr("igdm_tui.screens.run.read_run", broken)
    async with drive() as driver:
        await driver.press("enter")
        await driver.until(lambda: driver.toasts)
        driver.app.screen.show_runs()
        await driver.pilot.pause(0.1)
        assert len(driver.toasts) == 1
        assert "Could not read adaad+igdm10" in driver.toasts[0]
        assert "disk is gone" in driver.toasts[0]
