"""igdm-tui does not outlive its terminal, whichever of the two signals of a hang-up comes first, or neither."""

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress

import psutil
import pytest

from tests.integration.conftest import wait_for

pytestmark = pytest.mark.slow

HANG_UP = 128 + signal.SIGHUP


@pytest.fixture
def program(home):
    """igdm-tui on the terminal it controls, drawn once; and the other end of that terminal."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "igdm_tui.cli.entry", "tui", "--home", str(home.path)]
    os.set_blocking(master, False)

    def start(**options):
        process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=os.environ | {"TERM": "xterm-256color"}, **options
        )
        os.close(slave)
        drawn = b""

        def has_drawn():
            nonlocal drawn
            with suppress(BlockingIOError):
                drawn += os.read(master, 65536)
            return b"\x1b[?1049h" in drawn and b"Runs" in drawn

        wait_for(has_drawn, process)
        processes.append(process)
        return process, master

    processes: list[subprocess.Popen] = []
    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
            process.wait()


def take_terminal():
    """A session of its own, led by this process, with standard input as its terminal."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.mark.parametrize("_time", range(3))
def test_a_hang_up_ends_it(program, _time):
    process, master = program(preexec_fn=take_terminal)
    os.close(master)
    assert process.wait(timeout=120) == HANG_UP


def test_a_terminal_that_goes_without_a_signal_ends_it_too(program):
    process, master = program(start_new_session=True)  # the terminal is nobody's: no signal is sent
    assert psutil.Process(process.pid).terminal() is None
    os.close(master)
    assert process.wait(timeout=120) == HANG_UP


def test_a_signal_leaves_it_in_order_while_the_terminal_is_there(program):
    process, _ = program(preexec_fn=take_terminal)
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=120) == HANG_UP
