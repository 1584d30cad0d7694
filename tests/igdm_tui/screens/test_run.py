import json
import re
from dataclasses import replace

import pytest

from core.spec.event_file import EventWriter
from core.spec.events import AttackProgress, EpochFinished, RunFinished, StepLogged
from core.spec.process import ProcessIdentity, this_host
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.widgets.attack_stages import stage_lines
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


@pytest.mark.parametrize(
    ("terms", "drawn"),
    [(("adv_kl",), ["total", "AD"]), (("adv_kl", "clean_kl"), ["total", "AD", "adv_kl", "clean_kl"])],
)
async def test_the_terms_of_a_loss_are_drawn_where_it_has_several(drive, make_run, terms, drawn):
    folder = make_run("aaaa2222", "teacher")
    writer = EventWriter(folder.events)
    for step in (10, 20):
        writer.write(StepLogged(epoch=1, step=step, metrics=dict.fromkeys((*terms, "ad_loss", "loss"), 1 / step)))
    writer.close()
    async with drive() as driver:
        await opened(driver)
        await driver.until(lambda: [line.label for line in chart(driver, "losses").lines] == drawn)


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


async def test_a_killed_run_attacks_no_longer(drive, make_run):
    folder = make_run("aaaa2222", "evaluating", stages_done=2)
    writer = EventWriter(folder.events)
    told = {"stage_number": 3, "num_stages": 4, "batch": 5, "batches": 12, "robust": 200, "examples": 360}
    writer.write(AttackProgress(evaluation="final", attack="autoattack", stage="fab-t", seconds=9.0, **told))
    writer.close()
    async with drive() as driver:
        await opened(driver)
        await driver.press("2")
        await driver.until(lambda: driver.shows("5/12 now"))
        row, data = driver.app.screen.row, driver.app.screen._data
        for stage, goes_on in (("waits for a core", False), (row.stage, True)):
            shown = replace(row, status="running" if goes_on else "queued", stage=stage)
            said = "".join(text for line in stage_lines(shown, data.stages, 80) for text, _ in line)
            assert (" now" in said) == goes_on
        folder.write_worker(ProcessIdentity(pid=2**22 + 1, started_at=1.0, host=this_host()), 1)
        await driver.until(lambda: driver.shows("5/12") and not driver.shows("5/12 now"))
        assert driver.app.screen.row.status == "lost"


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
        await driver.until(lambda: chart(driver, "losses").x_title == "seconds")
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
        for pane in "123456":
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


async def test_the_crosshair_stands_at_the_same_moment_on_all_charts(drive, make_run):
    make_run("aaaa2222")
    async with drive((160, 48)) as driver:
        await opened(driver)
        await driver.press("h", *["H"] * 2)
        at = chart(driver, "losses").crosshair
        await driver.until(lambda: chart(driver, "accuracies").crosshair == pytest.approx(at / 20))
        assert chart(driver, "gradient_cosine").crosshair == pytest.approx(at / 20)
        assert driver.shows("(at epoch")
        await driver.press("0")
        await driver.until(lambda: chart(driver, "accuracies").crosshair is None)


async def test_all_charts_show_the_same_part_of_the_run(drive, make_run):
    make_run("aaaa2222")
    async with drive((160, 48)) as driver:
        await opened(driver)
        await driver.press("+")
        low, high = chart(driver, "losses").window
        assert low > 0
        for name in ("accuracies", "rate"):
            await driver.until(lambda name=name: chart(driver, name).window == pytest.approx((low / 20, high / 20)))
        await driver.press("0")
        await driver.until(lambda: chart(driver, "rate").window is None)


async def test_only_new_points_are_read_of_a_run_that_goes_on(drive, make_run):
    folder = make_run("aaaa2222", "running", epochs_done=3)
    async with drive() as driver:
        await opened(driver)
        curve = chart(driver, "losses").lines[0].curve
        before = len(curve)
        writer = EventWriter(folder.events)
        writer.write(StepLogged(epoch=4, step=999, metrics={"loss": 7.5, "ad_loss": 7.0, "igdm_loss": 0.1}))
        writer.close()
        await driver.until(lambda: len(chart(driver, "losses").lines[0].curve) == before + 1)
        assert chart(driver, "losses").lines[0].curve is curve
        assert driver.shows("total 7.5")


async def test_words_are_found_in_the_settings_and_in_the_log(drive, make_run):
    make_run("aaaa2222", log="".join(f"line {n}\n" for n in range(500)) + "the needle\n" + "more\n" * 300)
    async with drive() as driver:
        await opened(driver)
        await driver.press("4", "slash", *"MILESTONES", "enter")
        text = driver.app.screen.query_one("#settings").text.lower()
        count = sum("milestones" in line for line in text.split("\n"))
        assert count >= 2
        await driver.until(lambda: driver.shows(f"MILESTONES: 1/{count}"))
        await driver.press("n")
        assert driver.shows(f"MILESTONES: 2/{count}")
        await driver.press("N")
        assert driver.shows(f"MILESTONES: 1/{count}", "milestones")
        await driver.press("3")
        await driver.until(lambda: driver.shows("more"))
        assert not driver.shows("the needle")
        await driver.press("slash", *"needle", "enter")
        await driver.until(lambda: driver.shows("the needle"))
        await driver.press("f")
        await driver.until(lambda: not driver.shows("the needle"))
        await driver.press("slash", *"nowhere", "enter")
        await driver.until(lambda: driver.shows("not found"))


async def test_escape_ends_a_search_before_it_leaves(drive, make_run):
    make_run("aaaa2222")
    async with drive() as driver:
        await opened(driver)
        await driver.press("4", "slash", "q", "escape")
        assert driver.app.screen.run_id == "aaaa2222"
        assert not driver.app.screen.has_class("-finding")
        await driver.press("escape")
        assert isinstance(driver.app.screen, RunsScreen)


async def test_evaluations_are_listed_with_intervals_and_parameters(drive, make_run):
    make_run("aaaa2222", flags=("Square was better than the others",))
    async with drive((120, 40)) as driver:
        await opened(driver)
        await driver.press("5")
        await driver.until(lambda: driver.shows("final", "Clean", "350/360", "[95.0, 98.5]"))
        assert driver.shows("pyautoattack 0.2.0", "! Square was better")


async def test_where_a_run_comes_from_and_its_checkpoints(drive, make_run):
    folder = make_run("aaaa2222")
    folder.checkpoints.mkdir()
    for name, size in (("last.pt", 2_500_000), ("best.pt", 1200), ("previous.pt", 10)):
        (folder.checkpoints / name).write_bytes(b"x" * size)
    card = json.loads(folder.run_json.read_text())
    card |= {"git": {"sha": "0123456789abcdef", "dirty": True}, "versions": {"torch": "9.9"}, "python": "3.11.7"}
    folder.run_json.write_text(json.dumps(card))
    async with drive((120, 40)) as driver:
        await opened(driver)
        await driver.press("6")
        await driver.until(lambda: driver.shows("0123456789ab with changes", "torch", "9.9", "igdm run configs"))
        text = driver.app.screen.query_one("#origin").text
        rows = {line.split()[0]: line for line in text.split("\n") if " ago" in line}
        assert "epoch 30" in rows["last"]
        assert "2.5 MB" in rows["last"]
        assert "epoch 29" in rows["previous"]
        assert "epoch 30" in rows["best"]
        assert "1.2 kB" in rows["best"]


async def test_the_head_says_learning_rate_speed_and_memory(drive, make_run):
    folder = make_run("aaaa2222", "running", epochs_done=3)
    writer = EventWriter(folder.events)
    metrics = {"learning_rate": 0.05, "images_per_s": 1234.0, "memory_gb": 3.21}
    writer.write(EpochFinished(epoch=4, step=80, elapsed_s=1.0, metrics=metrics))
    writer.close()
    async with drive((160, 48)) as driver:
        await opened(driver)
        await driver.until(lambda: driver.shows("lr 0.05", "1,234 img/s", "3.21 GB"))
        assert driver.shows("learning rate", "images per second")
