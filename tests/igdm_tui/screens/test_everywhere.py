"""What holds on every screen: ends of runs are told, text is copied, the palette knows everything, screens remember."""

import json
import os
import sys
import time

import pytest

from core.spec.event_file import EventWriter
from core.spec.events import RunFailed, RunFinished
from igdm_tui import app as app_module
from igdm_tui.app import IgdmApp
from igdm_tui.clipboard import MOST_BYTES, copy_path, desktop_message
from igdm_tui.keys import KEYS
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.help import HelpLines, HelpScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.queue import QueueScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.user_settings import UserSettings, settings_path
from tests.igdm_tui.screens.conftest import Driver, write_run

HOOK = "import json, os, sys; open(sys.argv[1], 'a').write(json.dumps({k: v for k, v in os.environ.items() "
HOOK += "if k.startswith('IGDM_')} | {'words': sys.argv[2:]}) + '\\n')"


def end(folder, event):
    writer = EventWriter(folder.events)
    writer.write(event)
    writer.close()


def rename(folder, name):
    """As somebody's own script might: the form would refuse control characters."""
    card = json.loads(folder.run_json.read_text())
    folder.run_json.write_text(json.dumps(card | {"name": name}))
    return folder


@pytest.fixture
def opened(home):
    """The app with settings of a user; what it writes to the terminal past the screen is kept."""
    from contextlib import asynccontextmanager

    @asynccontextmanager
    async def start(settings: UserSettings):
        app = IgdmApp(home, settings)
        async with app.run_test(size=(80, 24), notifications=True) as pilot:
            driver = Driver(app, pilot)
            driver.written, driver.bells = [], []
            write = app._driver.write
            app._driver.write = lambda data: (driver.written.append(data), write(data))[1]
            app.bell = lambda: driver.bells.append(time.time())
            await driver.until(lambda: app.rows is not None)
            yield driver

    return start


async def test_an_end_is_told_once_with_bell_and_hook_and_earlier_ends_are_not(home, make_run, opened, tmp_path):
    log = tmp_path / "ended.jsonl"
    os.utime(make_run("aaaa2222", "finished", name="old").events, (1, 1))
    going = rename(make_run("bbbb2222", "running", epochs_done=2), "[/] $(reboot) \x1b[2J")
    command = (sys.executable, "-c", HOOK, str(log), "$IGDM_RUN_NAME; reboot")
    async with opened(UserSettings(on_run_end=command)) as driver:
        await driver.until(lambda: len(driver.app.rows) == 2)
        end(going, RunFinished(elapsed_s=3.0))
        await driver.until(lambda: log.exists() and log.read_text().endswith("\n"))
        failed = write_run(home, "cccc2222", "failed", name="quick")  # began and ended between two looks
        await driver.until(lambda: log.read_text().count("\n") == 2)
        failed.events.touch()
        await driver.pilot.pause(0.5)
        assert len(driver.bells) == 2
        told = [text for text in driver.toasts if "old" in text]
        assert not told
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert first["IGDM_RUN_ID"] == "bbbb2222"
    assert first["IGDM_RUN_NAME"] == "[/] $(reboot) "
    assert first["IGDM_RUN_STATUS"] == "finished"
    assert first["IGDM_HOME"] == str(home.path)
    assert first["words"] == ["$IGDM_RUN_NAME; reboot"]
    assert (second["IGDM_RUN_ID"], second["IGDM_RUN_STATUS"]) == ("cccc2222", "failed")


async def test_runs_that_ended_while_nobody_looked_are_not_told(home, make_run, opened):
    folder = make_run("aaaa2222", "finished", name="old")
    os.utime(folder.events, (1, 1))
    async with opened(UserSettings()) as driver:  # the database does not know the run yet
        await driver.until(lambda: driver.app.rows)
        await driver.pilot.pause(0.3)
        assert not driver.toasts
        assert not driver.bells


async def test_a_message_of_the_desktop_is_harmless_and_goes_through_tmux(make_run, opened, monkeypatch):
    monkeypatch.setenv("TMUX", "/tmp/tmux")
    going = rename(make_run("aaaa2222", "running", epochs_done=2), "\x1b]52;c;aGk=\x07evil\x9b2J")
    async with opened(UserSettings(notify="osc9")) as driver:
        await driver.until(lambda: driver.app.rows)
        end(going, RunFailed(error="nan", elapsed_s=1.0))
        await driver.until(lambda: driver.toasts)
        sent = [data for data in driver.written if "]9;" in data]
        assert sent == ["\x1bPtmux;\x1b\x1b]9;evil failed\x07\x1b\\"]
        assert not driver.bells
    assert desktop_message("x", in_tmux=False) == "\x1b]9;x\x07"


async def test_a_hook_that_cannot_start_is_told(make_run, opened):
    going = make_run("aaaa2222", "running", epochs_done=2)
    async with opened(UserSettings(notify="none", on_run_end=("/no/such/program",))) as driver:
        await driver.until(lambda: driver.app.rows)
        end(going, RunFinished(elapsed_s=3.0))
        await driver.until(lambda: any("/no/such/program cannot be started" in text for text in driver.toasts))
        assert not driver.bells


async def test_a_lost_worker_is_told_after_a_moment(make_run, opened, monkeypatch):
    monkeypatch.setattr(app_module, "LOST_S", 0.2)
    going = make_run("aaaa2222", "running", epochs_done=2, name="gone")
    async with opened(UserSettings()) as driver:
        await driver.until(lambda: driver.app.rows and driver.app.rows[0].status == "running")
        worker = json.loads((going.path / "worker.json").read_text())
        (going.path / "worker.json").write_text(json.dumps(worker | {"pid": 2**22 + 1, "started_at": 1.0}))
        driver.app.follower.wake()
        await driver.until(lambda: any("gone is lost" in text for text in driver.toasts))


async def test_copied_text_is_in_a_file_and_long_text_only_there(drive):
    async with drive() as driver:
        driver.app.copy("igdm run x", "The command")
        await driver.until(lambda: any("copied.txt" in text for text in driver.toasts))
        assert driver.app.clipboard == "igdm run x"
        assert copy_path().read_text() == "igdm run x"
        assert oct(copy_path().stat().st_mode)[-3:] == "600"
        driver.app.copy("é" * MOST_BYTES, "The table")
        await driver.until(lambda: any("too long for a clipboard" in text for text in driver.toasts))
        assert driver.app.clipboard == "igdm run x"
        assert copy_path().read_text() == "é" * MOST_BYTES


async def open_place(driver, place):
    keys = {"runs": (), "run": ("enter",), "launch": ("n",), "queue": ("w",), "compare": ("space", "space", "c")}[place]
    await driver.press("g", *keys)
    kinds = {"runs": RunsScreen, "run": RunScreen, "launch": LaunchScreen, "queue": QueueScreen}
    await driver.until(lambda: isinstance(driver.app.screen, kinds.get(place, CompareScreen)))
    await driver.pilot.pause(0.1)


@pytest.mark.parametrize("place", ["runs", "run", "launch", "queue", "compare"])
async def test_the_palette_knows_every_key_and_every_place(full_home, drive, place):
    async with drive() as driver:
        await open_place(driver, place)
        titles = [command.title for command in driver.app.get_system_commands(driver.app.screen)]
    assert {key.help for key in KEYS[place]} <= set(titles)
    assert set(titles) >= {
        "Runs", "Launch a run", "Queue", "Compare the marked runs", "Export runs", "Change the theme", "User settings",
        "Keys of this screen", "Leave",
    }  # fmt: skip


@pytest.mark.parametrize("size", [(60, 16), (77, 24), (80, 24)])
@pytest.mark.parametrize("place", ["runs", "launch"])
async def test_the_help_is_whole_at_every_size(drive, place, size):
    async with drive(size) as driver:
        driver.app.push_screen(HelpScreen(place))
        await driver.until(lambda: driver.shows(f"Keys: {place.capitalize()}", "esc closes"))
        await driver.pilot.pause()
        box = [line.rstrip() for line in driver.lines if line.strip().startswith(("╭", "│", "╰"))]
        assert all(line.endswith(("╮", "│", "╯")) for line in box)
        shown = driver.app.screen.query_one(HelpLines)
        assert max(map(len, shown.text.split("\n"))) <= shown.scrollable_content_region.width
        said = " ".join(shown.text.split())
        assert all(key.help in said for key in KEYS[place])


async def test_every_place_of_the_palette_can_be_reached_from_everywhere(full_home, drive):
    async with drive() as driver:
        app = driver.app
        for place in ("run", "queue", "launch"):
            await open_place(driver, place)
            commands = {command.title: command.callback for command in app.get_system_commands(app.screen)}
            commands["Queue"]()
            await driver.until(lambda: isinstance(app.screen, QueueScreen))
            commands["Launch a run"]()
            await driver.until(lambda: isinstance(app.screen, LaunchScreen))
            commands["Runs"]()
            await driver.until(lambda: isinstance(app.screen, RunsScreen))


async def test_the_chosen_theme_is_kept_and_the_users_own_goes_before_it(drive, home):
    async with drive() as driver:
        assert driver.app.theme == "igdm-dark"
        driver.app.theme = "igdm-light"
        await driver.pilot.pause(0.3)
    async with drive() as driver:
        assert driver.app.theme == "igdm-light"
    assert IgdmApp(home, UserSettings(theme="nord")).theme == "nord"


async def test_user_settings_are_laid_out_and_named(drive, monkeypatch):
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.delenv("VISUAL", raising=False)
    async with drive() as driver:
        await driver.app.action_user_settings()
        await driver.until(lambda: any(str(settings_path()) in text for text in driver.toasts))
    assert "# notify =" in settings_path().read_text()
