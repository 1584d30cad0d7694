"""Nothing that is in a home steers the terminal of whoever looks at it: the bytes that the real programs write."""

import pytest

from core.spec.run_folder import RunFolder
from igdm_tui.queue import control
from tests.igdm_tui.hostile.enemy import Enemy, finish, hostile_events, hostile_home, hostile_place, poison
from tests.igdm_tui.terminal import ENTER, LEAVE, Terminal, foreign_commands

pytestmark = pytest.mark.slow

IGDM = ("-m", "igdm_tui.cli.entry")
ENTER_KEY, ESCAPE, PALETTE = "\r", "\x1b", "\x10"


@pytest.fixture
def enemy(request):
    return Enemy(request.param)


@pytest.fixture
def home(tmp_path, enemy, monkeypatch):
    """Two runs that have ended, one at work, one that waits in a queue that starts nothing; all of them hostile."""
    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: False)
    home = hostile_home(tmp_path, enemy)
    for run_id, state, alpha in (("aaaa2222", "finished", 1), ("bbbb2222", "failed", 1), ("cccc2222", "running", 2)):
        hostile_events(poison(home, run_id, state, enemy, epochs_done=9, igdm__alpha=alpha), enemy)
    control.hold(home)
    control.put(poison(home, "dddd2222", "queued", enemy))
    return home


@pytest.fixture
def open_program(tmp_path, enemy, home):
    """Starts `igdm` on that home, in a folder whose presets are hostile too."""
    place = hostile_place(tmp_path, enemy)
    settings = tmp_path / "config" / "igdm-tui" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('notify = "osc9"\n')
    opened = []

    def start(*words, size=(80, 24)):
        opened.append(
            Terminal(
                *IGDM,
                *words,
                "--home",
                str(home.path),
                size=size,
                folder=place,
                XDG_CONFIG_HOME=str(tmp_path / "config"),
            )
        )
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


class Walker:
    """Presses keys and waits for the words that they bring, so that the bytes of every screen are there."""

    def __init__(self, terminal):
        self.terminal, self._escaped = terminal, False

    def go(self, keys, *wanted):
        while self.terminal.read(0.15 if self._escaped else 0.05):  # what is on its way belongs to the keys before
            pass
        self._escaped = keys == ESCAPE  # a key that follows at once would be alt and that key
        since = len(self.terminal.output)
        self.terminal.press(keys)
        self.terminal.read_until(*(word.encode() for word in wanted), since=since)

    def runs(self):
        """Runs: a group unfolded, what differs, search, filter, lists of columns and settings, questions, toasts."""
        self.terminal.read_until(ENTER, b"nameD", b"(2)")
        self.go("Z", "nameA", "nameB")
        self.go("G", "methodA", "tagA", "skipped")
        self.go("d", "against nameA")
        self.go(ESCAPE, "by age")
        self.go("/nameD" + ENTER_KEY, "1 match", "noteD")
        self.go(ESCAPE, "by age")
        self.go("fname~nameC" + ENTER_KEY, "methodC")
        self.go(ESCAPE, "by age")
        self.go("C", "usual ones")
        self.go(ESCAPE, "by age")
        self.go("b", "nothing marked")
        self.go("section", "setting")
        self.go(ESCAPE, "by age")
        self.go("gt", "Tags of nameD")
        self.go(ESCAPE, "by age")
        self.go("N", "Note about nameD")
        self.go(ESCAPE, "by age")
        self.go("m", "More seeds of nameD")
        self.go(ESCAPE, "by age")
        self.go("s", "Take nameD")
        self.go("n", "by age")
        self.go("Gr", "nameA", "resume")

    def run(self):
        """Run: every pane of the run under the cursor, with searches in log and settings."""
        self.go(ENTER_KEY, "Run", "nameA", "1 Curves")
        self.go("2", "flagA", "apgd-ce")
        self.go("3", "endA")
        self.go("g", "logA")
        self.go("/long" + ENTER_KEY, "long")
        self.go("4", "differs from the defaults", "studentA", "deviceA")
        self.go("G", "value")
        self.go("5", "final", "flagA")
        self.go("6", "hostA", "platform", "package", "sha")
        self.go("q", "Runs")

    def compare(self):
        """Compare: every pane, as experiments and as runs; what can be exported of them."""
        self.go("*", "marked")
        self.go("c", "Compare", "nameC", "baseline")
        self.go("t", "nameA", "nameB")
        self.go("1", "flagA")
        for key, word in zip("23456", ("nameA", "against", "epsilon", "only what differs", "published"), strict=True):
            self.go(key, word)
        self.go("E", "Export 4 runs", "first lines", "nameC")
        self.go("\tl", "Markdown")
        for word in ("HTML report", "CSV", "JSON"):
            self.go("l", word)
        self.go(ESCAPE, "Compare")
        self.go("q", "Runs")

    def queue(self):
        """Queue: what runs, waits and has ended."""
        self.go("w", "Queue", "nameC", "nameD", "nameB", "studentD")
        self.go("q", "Runs")

    def launch(self):
        """Launch: a copy of a hostile run, its presets, what it can start from."""
        self.go("e", "Launch", "copy of nameA")
        self.go("\x1bOQ", "fraction")  # F2
        self.go("\x1b[17~", "paper")  # F6
        self.go("bbbb", "bbbb2222 nameB")
        self.go(ESCAPE, "Launch")
        self.go(ESCAPE, "Runs")

    def everywhere(self):
        """The help and the palette."""
        self.go("?", "On this screen")
        self.go(ESCAPE, "Runs")
        self.go(PALETTE, "Search")
        self.go(ESCAPE, "Runs")


@pytest.mark.parametrize(("enemy", "size"), [(1, (80, 24)), (2, (160, 48))], indirect=["enemy"])
def test_no_command_of_the_data_reaches_a_terminal_on_any_screen(open_program, home, size):
    terminal = open_program("tui", size=size)
    walker = Walker(terminal)
    for walk in (walker.runs, walker.run, walker.compare, walker.queue, walker.launch, walker.everywhere):
        walk()
        assert foreign_commands(terminal.whole_output, size) == [], walk.__name__
    finish(RunFolder(home.runs / "cccc2222"))
    terminal.read_until(b"\x1b]9;")
    terminal.press("q")
    assert terminal.end() == 0
    assert foreign_commands(terminal.output, size) == []
    assert terminal.output.count(LEAVE) == 1


A, C = "aaaa2222", "cccc2222"
COMMAND_LINES = (
    ("ls",), ("ls", "--filter", "tag~tag"), ("ls", "--filter", "name=\x1b[5m"), ("ls", "--\x9b5m"), ("show", A),
    ("show", "bbbb2222"), ("show", A, "--json"), ("show", "\x1b]52;c;RVZJTA==\x07"), ("--debug", "show", "x"),
    ("compare", A, "bbbb2222", C, "dddd2222"), ("compare", A, C, "--baseline", A, "--paper"),
    ("compare", A, C, "--csv"), ("compare", A, C, "--latex"), ("compare", A, C, "--markdown"),
    ("compare", A, C, "--json"), ("export", A, "--to", "html"), ("export", A, "--to", "json"),
    ("export", A, "--to", "svg"), ("export", A, "--to", "csv"), ("export", A, "--to", "csv", "--table", "evaluations"),
    ("export", A, "--to", "latex"), ("queue", "ls"), ("config", "presets"),
    ("config", "validate", "configs/wrong.toml"), ("teachers", "ls"), ("where",), ("doctor",),
    ("doctor", "--systemd"), ("db", "check"), ("db", "rebuild"), ("resume", A), ("stop", "dddd2222"),
)  # fmt: skip


@pytest.mark.parametrize("enemy", [3], indirect=True)
def test_no_command_of_the_data_reaches_a_terminal_from_the_command_line(open_program, enemy):
    told = {}
    for words in COMMAND_LINES:
        terminal = open_program(*words)
        output = terminal.all_output()
        assert output.strip(), words
        assert b"unexpected error" not in output, output
        told[words] = foreign_commands(output, terminal.size)
    assert {words: found for words, found in told.items() if found} == {}
