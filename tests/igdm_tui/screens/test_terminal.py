"""The program in a terminal of its own: how it begins, and that it leaves the terminal as it was."""

import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

START = "import sys; from pathlib import Path; from core.spec.home import Home; from igdm_tui.app import run_app\n"
START += "sys.exit(run_app(Home(Path(sys.argv[1]))))"
ENTER, LEAVE, MOUSE_OFF = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?1000l"


class Terminal:
    """A program under a pseudo terminal of 80 x 24."""

    def __init__(self, *arguments: str) -> None:
        master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
        command = [sys.executable, "-c", START, *arguments]
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.master, self.output = master, b""

    def read_until(self, wanted: bytes, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while wanted not in self.output:
            assert time.monotonic() < deadline, f"{wanted!r} never came: {self.output[-2000:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.output += os.read(self.master, 65536)
                except OSError:
                    assert wanted in self.output, f"{wanted!r} never came: {self.output[-2000:]!r}"

    def end(self) -> int:
        self.read_until(LEAVE)
        self.read_until(MOUSE_OFF)
        return self.process.wait(20)


@pytest.fixture
def terminal(home, make_run):
    make_run("aaaa2222", name="seen")
    started = Terminal(str(home.path))
    started.read_until(ENTER)
    started.read_until(b"seen")
    yield started
    if started.process.poll() is None:
        started.process.kill()
        started.process.wait()
    os.close(started.master)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_leaves_the_terminal_clean(terminal, number, code):
    terminal.process.send_signal(number)
    assert terminal.end() == code
    assert b"Traceback" not in terminal.output


def test_q_leaves_with_code_0(terminal):
    os.write(terminal.master, b"q")
    assert terminal.end() == 0


def test_leaving_says_that_runs_go_on(home, make_run):
    make_run("aaaa2222", "running", name="seen")
    started = Terminal(str(home.path))
    started.read_until(b"seen")
    os.write(started.master, b"q")
    started.end()
    started.read_until(b"1 run goes on")
    os.close(started.master)


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
