"""igdm-tui with real workers, from an empty form to a comparison: in the test's own process, and in a real terminal."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import psutil
import pytest

from core.spec.catalogue import METRICS
from igdm_tui.store import Store
from igdm_tui.widgets.run_table import metric_text
from tests.integration.conftest import PATIENCE_S, wait_for
from tests.moments import held

pytestmark = pytest.mark.slow

QUICK = """
[teacher]
width = 4
blocks = [1, 1]
[teacher.attack]
epsilon = 0.15
step_size = 0.15
num_steps = 1
[teacher.optim]
num_epochs = 1
milestones = []
[student]
width = 4
blocks = [1, 1]
[igdm]
alpha = 3
[attack]
epsilon = 0.15
step_size = 0.15
num_steps = 1
[optim]
num_epochs = 2
milestones = []
[evaluation]
attacks = ["clean", "pgd20", "gradients"]
num_examples = 20
[runtime]
device = "cpu"
threads = 1
"""
HIGHER, LOWER = ("clean_accuracy", "pgd20_accuracy", "gradient_cosine"), ("gradient_distance",)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current folder of a person: one recipe, named as the one that the form starts from."""
    folder = tmp_path / "place"
    (folder / "configs").mkdir(parents=True)
    (folder / "configs" / "digits.toml").write_text(QUICK)
    monkeypatch.chdir(folder)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


@pytest.fixture(autouse=True)
def no_worker_is_left(home):
    """Whatever a failed test has started ends with it."""
    yield
    store = Store.open(home)
    store.ingest()
    going = [row for row in store.runs() if row.status == "running"]
    store.close()
    for row in going:
        psutil.Process(json.loads((row.folder / "worker.json").read_text())["pid"]).kill()


def rows_of(home):
    """All runs as the database has them now, newest first."""
    store = Store.open(home)
    try:
        store.ingest()
        return store.runs()
    finally:
        store.close()


def all_finished(home, count):
    rows = rows_of(home)
    assert not [row for row in rows if row.status in ("failed", "lost", "stopped")], rows
    return len(rows) == count and all(row.status == "finished" for row in rows)


def assert_compared(screen, rows):
    """Both runs stand on the screen with their numbers, the best of each column marked, and what set them apart."""
    lines = screen.split("\n")
    for letter, row in zip("AB", rows, strict=True):
        line = next(line for line in lines if line.split()[:2] == [letter, row.name])
        for name in (*HIGHER, *LOWER):
            values = [other.metrics[name] for other in rows]
            best = len(set(values)) > 1 and row.metrics[name] == (max if name in HIGHER else min)(values)
            # A narrow screen leaves out the columns on the right, never the accuracies.
            if name in HIGHER[:2] or METRICS[name].title in screen:
                assert re.search(
                    rf"\s{re.escape(metric_text(name, row.metrics[name]))}{'[*]' if best else ' '}", line
                ), (
                    name,
                    screen,
                )
    assert re.search(r"igdm\.alpha +[03](\.0)? +[03](\.0)?", screen), screen


async def test_from_the_form_to_a_comparison(place, home, monkeypatch):
    from igdm_tui.app import IgdmApp
    from igdm_tui.screens.compare import CompareScreen
    from igdm_tui.screens.launch import LaunchScreen
    from igdm_tui.screens.run import RunScreen
    from igdm_tui.screens.runs import RunsScreen
    from tests.igdm_tui.screens.conftest import Driver

    app = IgdmApp(home)
    async with app.run_test(size=(120, 36)) as pilot:
        driver = Driver(app, pilot)
        await driver.until(lambda: app.rows is not None)
        for name, alpha in (("plain", "0"), ("with-igdm", "3")):
            await driver.press("n")
            await driver.until(lambda: isinstance(app.screen, LaunchScreen) and app.screen.command)
            form = app.screen
            await driver.press(*name)
            form.form.rows["igdm.alpha"].control.focus()
            await driver.press("end", "backspace", *alpha)
            await driver.until(lambda form=form, name=name: form.form.texts["name"] == name and form.command)
            await driver.press("ctrl+l")
            await driver.until(lambda: isinstance(app.screen, RunScreen))
            run_id = app.screen.run_id
            await driver.until(lambda run_id=run_id: app.row(run_id) and app.row(run_id).status != "queued")
            await driver.until(lambda run_id=run_id: app.row(run_id).status != "running", seconds=PATIENCE_S)
            assert app.row(run_id).status == "finished", driver.text
            await driver.press("2")
            await driver.until(lambda: driver.shows("finished", "PGD-20", "Clean"))
            await driver.press("q")
            await driver.until(lambda: isinstance(app.screen, RunsScreen))
        await driver.until(lambda: driver.shows("plain", "with-igdm", "2 finished"))
        await driver.press("g", "space", "space", "c")
        await driver.until(lambda: isinstance(app.screen, CompareScreen) and driver.shows("igdm.alpha"))
        rows = [app.row(run_id) for run_id in app.screen.run_ids]
        assert {row.igdm_alpha for row in rows} == {0, 3}
        assert_compared(driver.text, rows)


class Terminal:
    """A shell in a tmux server of its own, 80 x 24."""

    def __init__(self, name, place, home):
        self.name = name
        (place / "ui").write_text(f'exec "{sys.executable}" -m igdm_tui.cli.entry tui --home "{home.path}"\n')
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TMUX")}
        command = ["tmux", "-L", name, "-f", os.devnull, "new-session", "-d", "-x", "80", "-y", "24", "sh"]
        subprocess.run(command, cwd=place, env=environment | {"TERM": "xterm-256color"}, check=True)
        self.server, self.shell = (int(pid) for pid in self.ask("#{pid} #{pane_pid}").split())

    def begin(self):
        """A prompt that can be waited for."""
        self.type("PS1='rea''dy> '")
        self.press("Enter")
        self.until("ready>")

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-L", self.name, *arguments], capture_output=True, text=True, check=True)
        return done.stdout

    def ask(self, what):
        return self.tmux("display-message", "-p", what).strip()

    @property
    def text(self):
        return self.tmux("capture-pane", "-p")

    def until(self, *wanted, seconds=PATIENCE_S):
        """Wait until the screen shows all of these."""
        deadline = time.monotonic() + seconds
        while not all(words in self.text for words in wanted):
            assert time.monotonic() < deadline, f"{wanted} never came; the screen shows:\n{self.text}"
            time.sleep(0.05)

    def press(self, *keys):
        """Keys by tmux's names, at the pace of a hand."""
        for key in keys:
            self.tmux("send-keys", key)
            time.sleep(0.1)

    def type(self, text):
        self.tmux("send-keys", "-l", text)
        time.sleep(0.1)

    def open(self):
        """Start igdm-tui from the shell."""
        self.type("sh ./ui")
        self.press("Enter")
        self.until("Runs", "help")

    def launch(self, name, **texts):
        """Fill the form and start the run; it is on the screen then."""
        self.press("n")
        self.until("Launch", "ready: 1 run")
        self.type(name)
        for key, text in texts.items():
            self.go_to(key.replace("__", "."))
            self.press("C-u", *text)
        self.until(f"--name {name}")
        self.press("C-l")
        self.until(f" Run   {name}")

    def go_to(self, key):
        """Down the form to the field of this setting; the form says below what it is at."""
        for _ in range(60):
            if (here := self.field) == key:
                return
            self.press("Down")
            wait_for(lambda here=here: self.field not in ("", here))
        pytest.fail(f"no field {key}; the screen shows:\n{self.text}")

    @property
    def field(self):
        found = re.search(r"^ ?([a-z_.]+): ", self.text, re.MULTILINE)
        return found[1] if found else ""

    def end_server(self):
        """As when the machine's administrator, or a full memory, ends it."""
        os.kill(self.server, signal.SIGKILL)


@pytest.fixture
def terminals(place, home):
    """Opens terminals; every tmux server ends with the test."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed: the program is not tried in a real terminal")
    opened = []

    def open_terminal():
        opened.append(Terminal(f"igdm-test-{os.getpid()}-{time.monotonic_ns()}", place, home))
        opened[-1].begin()
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        with suppress(ProcessLookupError):
            terminal.end_server()


def test_in_a_real_terminal_from_the_form_to_a_comparison(terminals, home):
    terminal = terminals()
    terminal.open()
    for name, alpha in (("plain", "0"), ("other", "3")):
        terminal.launch(name, igdm__alpha=alpha)
        terminal.until("finished")
        terminal.press("q")
        terminal.until("Runs", name)
    assert all_finished(home, 2)
    terminal.press("g", "Space", "Space", "c")
    terminal.until("Compare", "baseline A", "Published")
    terminal.press("5")
    terminal.until("igdm.alpha")
    assert_compared(terminal.text, rows_of(home))
    terminal.press("q")
    terminal.until("Runs")
    terminal.press("q")
    terminal.until("ready>")
    assert terminal.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"


def test_a_run_goes_on_when_its_terminal_is_gone(terminals, home):
    first = terminals()
    first.open()
    first.launch("goes-on", optim__num_epochs="8")
    wait_for(lambda: rows_of(home)[0].status == "running")
    with held(json.loads((rows_of(home)[0].folder / "worker.json").read_text())["pid"]):
        first.end_server()
        assert rows_of(home)[0].status == "running"
    second = terminals()
    second.open()
    second.until("goes-on", "finished")
    assert all_finished(home, 1)
    assert rows_of(home)[0].attempt == 1


def test_terminated_it_leaves_a_usable_terminal(terminals):
    terminal = terminals()
    terminal.open()
    assert terminal.ask("#{alternate_on}") == "1"
    (program,) = psutil.Process(terminal.shell).children()
    program.send_signal(signal.SIGTERM)
    terminal.until("ready>")
    assert terminal.ask("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"
    terminal.type("echo $?-us''able")
    terminal.press("Enter")
    terminal.until(f"{128 + signal.SIGTERM}-usable")
