"""`igdm run` from the first word to the last, with a worker that only plays its part."""

import json
import os
import re
import stat
import sys

import pytest

from core.spec.event_file import EventWriter
from core.spec.events import (
    AttackFinished,
    AttackProgress,
    EpochFinished,
    Record,
    RunFailed,
    RunStarted,
    StepLogged,
    TeacherProgress,
    Warned,
)
from core.spec.run_folder import run_folders
from igdm_tui.cli.live_display import picture
from igdm_tui.cli.plain_display import metrics_text
from igdm_tui.cli.progress import RunProgress

PLAYER = """
import sys, time
from pathlib import Path
from core.spec.event_file import EventWriter
from core.spec.events import *
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
folder, ending = RunFolder(Path(sys.argv[1])), sys.argv[2]
before = folder.read_worker()
me, attempt = ProcessIdentity.of_this(), before[1] + 1 if before else 1
folder.write_worker(me, attempt)
writer = EventWriter(folder.events)
print("\\x1b[2Jhostile", flush=True)
writer.write(RunStarted(attempt=attempt, pid=me.pid, started_at=me.started_at, host=me.host, device="cpu", threads=1,
                        epochs=2, steps_per_epoch=2))
if ending == "gone":
    sys.exit(0)
writer.write(TeacherProgress(state="training", recipe_hash="a", epoch=1, epochs=1, metrics={"loss": 1.0}))
writer.write(TeacherProgress(state="ready", recipe_hash="a", metrics={"clean_accuracy": 0.97}))
writer.write(Warned(message="[/] \\x1b[2J careful"))
for epoch in (1, 2):
    writer.write(StepLogged(epoch=epoch, step=2 * epoch, metrics={"loss": 1 / epoch}))
    writer.write(EpochFinished(epoch=epoch, step=2 * epoch, elapsed_s=1.0, metrics={"loss": 1 / epoch}))
if ending == "failed":
    writer.write(RunFailed(error="loss is nan at epoch 2, step 4"))
    sys.exit(1)
writer.write(EvaluationStarted(evaluation="final", checkpoint="last.pt", attacks=["autoattack"], num_examples=8,
                               epsilon=0.1))
for number, stage in enumerate(("apgd-ce", "square"), 1):
    writer.write(AttackProgress(evaluation="final", attack="autoattack", stage=stage, stage_number=number, num_stages=2,
                                batch=1, batches=1, robust=6 - number, examples=8, seconds=1.0))
writer.write(AttackFinished(evaluation="final", attack="autoattack", metrics={"autoattack_accuracy": 0.5}, correct=4,
                            examples=8, seconds=2.0, flags=["Square was better"]))
writer.write(EvaluationFinished(evaluation="final", metrics={"autoattack_accuracy": 0.5}, seconds=2.0))
writer.write(RunFinished(elapsed_s=3.0))
"""


@pytest.fixture
def worker(tmp_path, monkeypatch):
    """Puts a player in the place of the worker; its ending is chosen by name."""
    script = tmp_path / "player.py"
    script.write_text(PLAYER)

    def choose(ending):
        python = tmp_path / "python"
        real = sys.executable if not sys.executable.startswith(str(tmp_path)) else choose.real
        choose.real = real
        python.write_text(f'#!/bin/sh\nexec "{real}" "{script}" "$4" {ending}\n')
        python.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(python))

    return choose


@pytest.mark.parametrize("name", ["", "   ", "\u00a0\u3000"])
def test_a_name_of_blanks_is_none(igdm, home, worker, config_file, name):
    worker("finished")
    assert igdm("run", str(config_file), "--name", name, "--device", "cpu").code == 0
    (folder,) = run_folders(home)
    assert folder.read_run_json()["name"] == "small"
    assert igdm("clone", folder.run_id, "--name", name, "--seeds", "7", "--dry-run").code == 0


def test_a_run_is_followed_in_plain_lines_to_its_results(igdm, home, worker, config_file):
    worker("finished")
    said = igdm("run", str(config_file), "--seed", "3")
    assert (said.code, said.out) == (0, "")
    (folder,) = run_folders(home)
    for line in (
        f"{folder.run_id}  small  on cpu",
        "teacher ready: Clean 97.00",
        "warning: [/]  careful",
        "epoch 2/2  loss 0.5000",
        "autoattack apgd-ce: 5 of 8 stand",
        "autoattack: AA 50.00  0:02  ! Square was better",
        f"next: igdm show {folder.run_id}",
    ):
        assert line in said.err
    assert "21.5 to 78.5" in said.err
    assert "\x1b" not in said.err
    assert folder.read_run_json()["seed"] == 3
    assert stat.S_IMODE(folder.log.stat().st_mode) == 0o600
    assert "hostile" in folder.log.read_text()


def test_the_run_in_json_goes_to_stdout_alone(igdm, home, worker, config_file):
    worker("finished")
    run = json.loads(igdm("run", str(config_file), "--json", "--name", "1", "--device", "cpu").out)
    assert (run["status"], run["name"], run["metrics"]["autoattack_accuracy"]) == ("finished", "1", 0.5)
    assert run["settings"]["runtime"]["device"] == "cpu"


def test_seeds_run_one_after_another(igdm, home, worker, config_file):
    worker("finished")
    runs = json.loads(igdm("run", str(config_file), "--seeds", "4,2", "--json").out)
    assert [run["seed"] for run in runs] == [4, 2]
    assert runs[0]["settings_hash"] == runs[1]["settings_hash"]
    assert runs[0]["started_at"] < runs[1]["started_at"]


@pytest.mark.parametrize(
    ("ending", "told"), [("failed", "loss is nan at epoch 2, step 4"), ("gone", "gone without a word")]
)
def test_a_run_that_does_not_finish_exits_1_and_says_where_to_look(igdm, home, worker, config_file, ending, told):
    worker(ending)
    said = igdm("run", str(config_file))
    (folder,) = run_folders(home)
    assert said.code == 1
    assert told in said.err
    assert str(folder.log) in said.err
    assert f"igdm resume {folder.run_id}" in said.err


def test_a_run_that_failed_goes_on_when_resumed(igdm, home, worker, config_file):
    worker("failed")
    igdm("run", str(config_file))
    (folder,) = run_folders(home)
    with folder.events.open("ab") as file:
        file.write(b'{"torn')
    worker("finished")
    said = igdm("resume", folder.run_id, "--json")
    assert said.code == 0
    assert json.loads(said.out)["status"] == "finished"
    assert "attempt 2" in said.err
    assert "loss is nan" not in said.err, "what the first attempt said is not said again"


def test_detach_answers_with_the_id_alone(igdm, home, worker, config_file):
    worker("finished")
    said = igdm("run", str(config_file), "--detach")
    assert said.code == 0
    assert re.fullmatch(r"[2-9a-z]{8}\n", said.out)
    assert os.listdir(home.runs) == [said.out.strip()]
    assert f"igdm stop {said.out.strip()}" in said.err


def record(m, event):
    return Record(seq=1, t=m, m=m, event=event)


def test_the_live_display_draws_every_phase_without_markup_or_escapes(tmp_path):
    from rich.console import Console

    progress = RunProgress(run_id="aaaa2222", name="[/] \x1b[2Jname")
    stage = {"evaluation": "f", "attack": "autoattack", "num_stages": 4, "batch": 1, "batches": 2, "examples": 8}
    started = RunStarted(
        attempt=2, pid=1, started_at=1.0, host="h", device="cpu", threads=1, epochs=4, steps_per_epoch=10
    )
    events = [
        (0, None, "starting"),
        (10, started, "cpu, attempt 2"),
        (20, TeacherProgress(state="waiting", recipe_hash="a"), "waiting"),
        (30, TeacherProgress(state="training", recipe_hash="a", epoch=0, epochs=4), "0/4"),
        (40, TeacherProgress(state="training", recipe_hash="a", epoch=1, epochs=4), "1/4 1:00 left"),
        (50, TeacherProgress(state="ready", recipe_hash="a", metrics={"clean_accuracy": 0.97}), "ready Clean 97.00"),
        (60, StepLogged(epoch=1, step=10, metrics={"loss": 0.5}), "loss 0.5000"),
        (60, EpochFinished(epoch=1, step=10, elapsed_s=1, metrics={"gradient_cosine": 0.7}), "1/4 0:30 left"),
        (60, Warned(message="[bold]\x9b2Jslow"), "! [bold]slow"),
        (70, AttackProgress(stage="apgd-ce", stage_number=1, robust=6, seconds=3.0, **stage), "75.00 % of 8 stand"),
        (80, AttackProgress(stage="square", stage_number=4, robust=5, seconds=5.0, **stage), "62.50 % of 8 stand"),
        (
            90,
            AttackFinished(
                evaluation="f", attack="autoattack", metrics={"autoattack_accuracy": 0.625}, examples=8, seconds=1.0
            ),
            "AA 62.50",
        ),
        (95, RunFailed(error="[/red] no"), "[/red] no"),
    ]
    for m, event, shown in events:
        if event is not None:
            progress.take(record(float(m), event))
        console = Console(width=100, record=True, file=(tmp_path / "out").open("w"), color_system=None)
        console.print(picture(progress))
        text = console.export_text()
        assert shown in re.sub(" +", " ", re.sub("[━╸╺]+", "", text)), text
        assert not {"\x1b", "\x9b"} & set(text)


def test_a_writer_and_a_follower_agree_on_the_torn_tail(make_run):
    from core.spec.event_file import read_lines

    run = make_run("aaaa2222").start().write(b'{"torn')
    _, offset = read_lines(run.folder.events)
    writer = EventWriter(run.folder.events)
    writer.write(Warned(message="after"))
    writer.close()
    lines, _ = read_lines(run.folder.events, offset)
    assert len(lines) == 1
    assert b"after" in lines[0]


def test_a_stage_under_way_says_how_long_it_will_take_also_when_taken_up_again():
    def report(stage, batch, seconds):
        return AttackProgress(
            evaluation="final", attack="autoattack", stage=stage, stage_number=1, num_stages=2, batch=batch, batches=10,
            robust=5, examples=8, seconds=seconds,
        )  # fmt: skip

    progress = RunProgress(run_id="a", name="b")
    reports = [
        report("apgd-ce", 0, 0.0),
        report("apgd-ce", 10, 9.0),
        report("square", 4, 50.0),
        report("square", 6, 56.0),
    ]
    for seq, event in enumerate(reports, 1):
        progress.take(Record(seq=seq, t=0.0, m=0.0, event=event))
    assert progress.stage_seconds_left(progress.stages["autoattack", "square"]) == 12.0
    assert progress.stage_seconds_left(progress.stages["autoattack", "apgd-ce"]) is None


def test_metrics_of_attacks_with_parameters_are_told_in_one_line():
    told = metrics_text({"pgd20x5_accuracy": 0.5, "own_number": 1.0, "clean_accuracy": 0.9})
    assert told == "Clean 90.00  pgd20x5 50.00  own_number 1.000"
