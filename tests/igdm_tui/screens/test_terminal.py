"""The program in a terminal of its own: how it begins, and that it leaves the terminal as it was."""

import signal
import subprocess
import sys

import pytest

from igdm_tui import preferences
from tests.igdm_tui.terminal import ENTER, Terminal

START = "import sys; from pathlib import Path; from core.spec.home import Home; from igdm_tui.app import run_app\n"
START += "sys.exit(run_app(Home(Path(sys.argv[1]))))"


@pytest.fixture
def terminal(home, make_run):
    make_run("aaaa2222", name="seen")
    started = Terminal("-c", START, str(home.path))
    started.read_until(ENTER)
    started.read_until(b"seen")
    yield started
    started.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_terminal_clean(terminal, number, code):
    terminal.process.send_signal(number)
    assert terminal.end() == code
    assert b"Traceback" not in terminal.output


def test_q_leaves_with_code_0(terminal):
    terminal.press("q")
    assert terminal.end() == 0


def test_keys_typed_while_it_starts_are_no_search(home, make_run):
    make_run("aaaa2222", name="seen")
    preferences.save("runs", {"homes": {str(home.path): {"search": "seen"}}}, tell=pytest.fail)
    started = Terminal("-c", START, str(home.path))
    try:
        started.read_until(ENTER)
        started.press("GGG")
        started.read_until(b"1 match")
        started.press("?")
        started.read_until(b"On this screen")
    finally:
        started.close()


def test_leaving_says_that_runs_go_on(home, make_run):
    make_run("aaaa2222", "running", name="seen")
    started = Terminal("-c", START, str(home.path))
    started.read_until(b"seen")
    started.press("q")
    started.end()
    started.read_until(b"1 run goes on")
    started.close()


def test_the_program_starts_with_torch_made_unimportable(home, make_run):
    make_run("aaaa2222", name="seen")
    program = """
import asyncio, sys
from pathlib import Path

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "numpy", "sklearn", "pyautoattack"):
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Refuse())
from core.spec.home import Home
from igdm_tui.app import IgdmApp

async def main():
    app = IgdmApp(Home(Path(sys.argv[1])))
    async with app.run_test(size=(80, 24)) as pilot:
        for keys in (["enter", "2", "3", "4"], ["q"], ["e"], ["escape"], ["question_mark"]):
            while not app.rows:
                await pilot.pause(0.05)
            await pilot.press(*keys)
            await pilot.pause(0.2)
    heavy = {"torch", "numpy", "sklearn"} & set(sys.modules)
    assert not heavy, heavy
    assert not app._exception, app._exception

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(home.path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
