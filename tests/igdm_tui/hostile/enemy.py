"""A home whose every text was written by an enemy of the terminal that shows it."""

import json
import os
import random
from pathlib import Path

from core.spec.event_file import EventWriter
from core.spec.events import CheckpointSaved, EpochFinished, RunFinished, StepLogged, Warned
from core.spec.home import Home
from core.spec.run_folder import RunFolder
from tests.igdm_tui.screens.conftest import write_run

# Commands that neither the program nor Textual ever writes: what is found of them in the output was injected.
COMMANDS = (
    "\x1b[5;31;43m", "\x1b[2J", "\x1b[77;777H", "\x1b[6n", "\x1b[>0q", "\x1b[8;1;1t", "\x1b[?1047h", "\x1bc", "\x1b(0",
    "\x1b]52;c;RVZJTA==\x07", "\x1b]52;c;RVZJTA==\x1b\\", "\x1b]0;EVIL\x07", "\x1b]4;1;rgb:00/00/00\x1b\\",
    "\x1b]8;;http://evil.invalid\x1b\\EVIL\x1b]8;;\x1b\\", "\x1bP$qm\x1b\\", "\x1bP+q544e\x1b\\", "\x1b_Gi=1\x1b\\",
    "\x1b^pm\x1b\\", "\x1bXsos\x1b\\", "\x9b5;31m", "\x9b6n", "\x9d52;c;RVZJTA==\x9c", "\x90$qm\x9c", "\x9f\x98\x9e",
    "\x85", "\x8d", "\x0e\x0f", "\x05", "\x08" * 9, "\x7f", "\0", "\r", "\x0b\x0c",
)  # fmt: skip
WORDS = (
    "[/]", "[bold]x[/bold]", "[@click=app.quit]x[/]", "[link=http://evil.invalid]x[/link]", "$(reboot)`reboot`",
    "\u202egnp.exe\u202c", "\u2066x\u2069\u200f\u061c", "\u6f22\u5b57" * 9, "e\u0301\u0301",
    "\U0001f469\u200d\U0001f467", "=1+1", "\\input{x}", "a\nb", "\t", "%s{}", "x" * 300,
)  # fmt: skip
LONG = "y" * 100_000
NESTED = ("\x1b\x1b]52;c;RVZJTA==\x07", "\x1b[\x1b[5m5m", "\x1b]0;\x9b5m\x07", "\x1b[31", "\x1b]52;c;RVZJ")


class Enemy:
    """Draws texts; the same seed draws the same. Each begins with a word that can be waited for on the screen."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._left = list(COMMANDS + NESTED)
        self._chance.shuffle(self._left)

    def text(self, word: str) -> str:
        """One to four commands, each drawn once before any is drawn twice, among other words."""
        chosen = [self._command() for _ in range(self._chance.randint(1, 4))] + self._chance.sample(WORDS, 2)
        self._chance.shuffle(chosen)
        return word + "".join(chosen)

    def long_text(self, word: str) -> str:
        return f"{self.text(word)}{LONG}{self._command()}"

    def _command(self) -> str:
        if not self._left:
            self._left = list(COMMANDS + NESTED)
            self._chance.shuffle(self._left)
        return self._left.pop()


def poison(home: Home, run_id: str, state: str, enemy: Enemy, **options: object) -> RunFolder:
    """A run whose name, labels, settings, card, events and log are hostile. They begin with nameA, tagA, ..."""
    letter = run_id[0].upper()
    folder = write_run(
        home, run_id, state, error=enemy.text(f"error{letter}"), warning=enemy.long_text(f"warning{letter}"),
        flags=(enemy.text(f"flag{letter}"),), **options,
    )  # fmt: skip
    card = json.loads(folder.run_json.read_text())
    card |= {
        "name": enemy.text(f"name{letter}"),
        "command": ["igdm", enemy.text("command")],
        "host": enemy.text(f"host{letter}"),
        "git": {"sha": enemy.text("sha"), "dirty": True},
        "versions": {enemy.text("package"): enemy.text("version")},
        "gpus": [enemy.text("gpu")],
        "platform": enemy.text("platform"),
    }
    card["settings"]["name"] = card["name"]
    for section, key in (("student", "model"), ("teacher", "model"), ("method", "name"), ("data", "name")):
        card["settings"].setdefault(section, {})[key] = enemy.text(f"{section}{letter}")
    card["settings"]["runtime"]["device"] = enemy.text(f"device{letter}")
    card["settings"][enemy.text("section")] = {enemy.text("key"): enemy.long_text("value")}
    folder.run_json.write_text(json.dumps(card))
    labels = {"tags": [enemy.text(f"tag{letter}"), enemy.text("tagB")], "note": enemy.long_text(f"note{letter}")}
    (folder.path / "labels.json").write_text(json.dumps(labels | {"archived": False}))
    lines = [enemy.text(f"log{letter}"), enemy.long_text("long"), *COMMANDS, f"end{letter}"]
    folder.log.write_bytes("\n".join(lines).encode() + b"\xff\xfe\x9b5m\x9d52;c;RVZJTA==\x9c\x1b]52;c;eA==\x07\n")
    return folder


def hostile_events(folder: RunFolder, enemy: Enemy) -> None:
    """Losses, attacks and files with hostile names, an event nobody knows, and a line that is none."""
    name = enemy.text("lossName")
    writer = EventWriter(folder.events)
    for step in range(1, 10):
        writer.write(StepLogged(epoch=31, step=900 + step, metrics={"loss": 1.0, name: step / 9}))
    writer.write(EpochFinished(epoch=31, step=950, elapsed_s=1.0, metrics={name: 0.5, enemy.text("metric"): 1.0}))
    writer.write(CheckpointSaved(epoch=31, step=950, file=enemy.text("file")))
    writer.write(Warned(message=enemy.text("said")))
    writer.close()
    unknown = {"seq": writer.seq + 1, "t": 1.8e9, "m": 1e6, "type": enemy.text("type")}
    with folder.events.open("ab") as file:
        file.write(json.dumps(unknown).encode() + b"\n" + enemy.text("line").encode() + b"\n")


def hostile_place(parent: Path, enemy: Enemy) -> Path:
    """A current folder with presets and a home that have hostile names."""
    place = parent / "place"
    (place / "configs").mkdir(parents=True)
    (place / "configs" / f"{_file_name(enemy.text('preset'))}.toml").write_text("[igdm]\nalpha = 5\n")
    (place / "configs" / "wrong.toml").write_text(f"[{json.dumps(enemy.text('section'))}]\nx = 1\n")
    return place


def hostile_home(parent: Path, enemy: Enemy) -> Home:
    """An empty home with a hostile name, which holds run folders that are none."""
    home = Home(parent / _file_name(enemy.text("home"))).ensure()
    (home.runs / _file_name(enemy.text("folder"))).mkdir()
    return home


def _file_name(text: str) -> str:
    return os.fsdecode(os.fsencode(text.replace("/", "").replace("\0", ""))[:200])


def finish(folder: RunFolder) -> None:
    """The run ends now."""
    writer = EventWriter(folder.events)
    writer.write(RunFinished(elapsed_s=9.0))
    writer.close()
