"""`igdm eval` with real processes: on a finished run and on a file, killed, stopped, gone on with."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

from core.spec.event_file import read_records
from core.spec.events import AttackFinished, AttackProgress, EvaluationFinished, RunFinished
from core.spec.home import Home
from core.spec.run_folder import RunFolder, run_folders
from igdm_tui.store import Store

pytestmark = pytest.mark.slow

TINY = """
[teacher]
source = "none"
[student]
width = 4
blocks = [1, 1]
[method]
name = "pgd-at"
[attack]
epsilon = 0.1
step_size = 0.05
num_steps = 2
[optim]
num_epochs = 6
batch_size = 128
milestones = []
[evaluation]
attacks = ["clean", "pgd20"]
num_examples = 40
checkpoints = ["last"]
validation_every = 0
gradient_every = 0
[runtime]
threads = 1
device = "cpu"
"""
ENTRY = [sys.executable, "-m", "igdm_tui.cli.entry"]
AUTOATTACK = "autoattack:apgd-ce+apgd-t+fab-t"
ATTACKS = ["--attacks", f"clean,cw30,{AUTOATTACK}", "--batch-size", "5", "--num-examples", "24"]
LONG = ["--attacks", "clean,pgd20x20", "--batch-size", "6", "--num-examples", "24"]
NETWORK = ["--model", "resnet", "--width", "4", "--set", "student.blocks=[1,1]", "--dataset", "digits"]
FEW = ["--epsilon", "0.1", "--num-examples", "40", "--set", "runtime.threads=1", "--device", "cpu"]
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of one finished run."""
    place = tmp_path_factory.mktemp("trained")
    (place / "tiny.toml").write_text(TINY)
    command = [*ENTRY, "--home", str(place), "run", str(place / "tiny.toml")]
    subprocess.run(command, check=True, capture_output=True, timeout=PATIENCE_S)
    return run_folders(Home(place))[0].path


@pytest.fixture
def run_id(trained, home):
    shutil.copytree(trained, home.runs / trained.name)
    return trained.name


def verdicts(folder, evaluation):
    """The verdict on every image, attack by attack."""
    found = {}
    for path in (folder.evaluation / evaluation).glob("*.json"):
        if path.name not in ("request.json", "batch_size.json") and ".state" not in path.name:
            found[path.stem] = json.loads(json.loads(path.read_text())["content"])["robust"]
    return found


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def progress_of(folder, stage):
    events = [record.event for record in read_records(folder.events)]
    return [event for event in events if isinstance(event, AttackProgress) and event.stage == stage and event.batch]


def test_killed_and_started_again_it_ends_with_the_verdicts_of_a_quiet_one(igdm, home, run_id):
    folder = RunFolder(home.runs / run_id)
    assert igdm("eval", run_id, *ATTACKS, "--detach").out.strip() == run_id
    wait_until(lambda: progress_of(folder, "apgd-t"))
    os.kill(folder.read_worker()[0].pid, signal.SIGKILL)
    wait_until(lambda: not folder.read_evaluating())
    shown = json.loads(igdm("show", run_id, "--json").out)
    assert shown["status"] == "finished"
    assert shown["evaluations"][-1]["status"] == "unfinished"
    said = igdm("eval", run_id, *ATTACKS, "--json")
    assert said.code == 0, said.err
    judged = json.loads(said.out)
    assert (judged["status"], judged["batch_size"], judged["num_examples"]) == ("finished", 5, 24)
    assert [entry["attack"] for entry in judged["measurements"]] == ["clean", "cw30", AUTOATTACK]
    assert all(
        low <= entry["correct"] / 24 <= high for entry in judged["measurements"] for low, high in [entry["interval"]]
    )
    disturbed = verdicts(folder, judged["evaluation"])
    for path in (folder.evaluation / judged["evaluation"]).glob("*.json"):
        path.unlink()
    assert igdm("eval", run_id, *ATTACKS).code == 0
    assert verdicts(folder, judged["evaluation"]) == disturbed
    assert [record.seq for record in read_records(folder.events)] == list(
        range(1, len(list(read_records(folder.events))) + 1)
    )
    assert sum(isinstance(record.event, RunFinished) for record in read_records(folder.events)) == 1
    assert igdm("resume", run_id).code == 2, "it is finished, whatever was measured since"
    assert igdm("db", "check").code == 0


def test_what_another_evaluation_found_is_not_measured_again(igdm, home, run_id):
    said = igdm("eval", run_id, "--attacks", "clean,pgd20,fgsm")
    assert said.code == 0, said.err
    events = [record.event for record in read_records(RunFolder(home.runs / run_id).events)]
    ended = next(place for place, event in enumerate(events) if isinstance(event, RunFinished))
    later = events[ended:]
    assert {event.attack for event in later if isinstance(event, AttackProgress)} == {"fgsm"}
    assert [event.attack for event in later if isinstance(event, AttackFinished)] == ["clean", "pgd20", "fgsm"]
    shown = igdm("show", run_id).out
    assert "FGSM %" in shown
    assert "clean pgd20 fgsm" in shown


def test_ctrl_c_keeps_its_place_and_the_same_command_goes_on(igdm, home, run_id):
    longer = ["--attacks", "clean,pgd20x40", "--batch-size", "6", "--num-examples", "24"]
    command = [*ENTRY, "eval", run_id, *longer]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while not re.match(r"pgd20x40 pgd20 ([2-9]|[12]\d)\b", line := process.stderr.readline()):
            assert line, "it ended before it could be stopped"
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130, "")
    assert "the same command goes on" in rest
    folder = RunFolder(home.runs / run_id)
    first = len(progress_of(folder, "pgd20 1"))
    assert igdm("eval", run_id, *longer).code == 0
    assert len(progress_of(folder, "pgd20 1")) == first, "a finished stage is not walked again"
    assert isinstance([record.event for record in read_records(folder.events)][-1], EvaluationFinished)


def test_a_run_that_is_being_written_is_refused(igdm, home, run_id):
    folder = RunFolder(home.runs / run_id)
    assert igdm("eval", run_id, *LONG, "--detach").code == 0
    said = igdm("eval", run_id, "--suite", "quick")
    assert said.code == 3
    assert "is being evaluated" in said.err
    said = igdm("stop", run_id)
    assert said.code == 0
    assert "igdm eval" in said.err
    assert folder.read_evaluating() == ""


def test_a_file_is_a_run_without_training(igdm, home, run_id, tmp_path):
    file = tmp_path / "weights.pt"
    file.write_bytes((home.runs / run_id / "checkpoints" / "last.pt").read_bytes())
    said = igdm("eval", "--checkpoint", str(file), *NETWORK, *FEW, "--suite", "quick", "--json")
    assert said.code == 0, said.err
    judged = json.loads(said.out)
    own = json.loads(igdm("show", run_id, "--json").out)["metrics"]
    assert judged["metrics"]["pgd20_accuracy"] == own["pgd20_accuracy"], "the same weights, images and attack"
    assert judged["checkpoint"] == "weights.pt"
    shown = json.loads(igdm("show", judged["run"], "--json").out)
    assert (shown["status"], shown["name"], shown["metrics"]) == ("finished", "weights.pt", judged["metrics"])
    again = igdm("eval", "--checkpoint", str(file), *NETWORK, *FEW, "--suite", "quick", "--json")
    assert json.loads(again.out) == judged
    assert len(run_folders(home)) == 2
    more = igdm("eval", judged["run"], "--attacks", "fgsm")
    assert more.code == 0, more.err
    assert igdm("db", "check").code == 0


def test_bad_input_is_one_sentence_and_leaves_nothing(igdm, home, run_id, tmp_path):
    file = home.runs / run_id / "checkpoints" / "last.pt"
    wide = ["--model", "resnet", "--width", "8", "--set", "student.blocks=[1,1]", "--dataset", "digits"]
    for words, told in (
        (["--checkpoint", str(file), *wide], "does not fit the network"),
        (["--checkpoint", str(file), *NETWORK, "--num-examples", "9999"], "the test set has 359 images"),
        ([run_id, "--num-examples", "9999"], "the test set has 359 images"),
        ([run_id, "--checkpoint", "best"], "choose --checkpoint last"),
        ([run_id, "--device", "tpu"], "--device: 'tpu' is no device (choose auto, cpu, cuda"),
    ):
        said = igdm("eval", *words)
        assert said.code == 2, said.err
        assert told in said.err
        assert "Traceback" not in said.err
        assert said.out == ""
    assert len(run_folders(home)) == 1
    shown = json.loads(igdm("show", run_id, "--json").out)
    assert shown["status"] == "finished"
    assert [entry["status"] for entry in shown["evaluations"]] == ["finished", "failed", "failed"]


MINE = """
import torch
from torch import nn

class Quantiser(nn.Module):
    def forward(self, images):
        return torch.round(images * 4) / 4

class Broken(nn.Module):
    def forward(self, logits):
        return logits / 0.0 * 0.0

def made(classes, *more):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes), *more)

def few(**_): return made(4)
def soft(**_): return made(10, nn.Softmax(dim=1))
def plain(**_): return made(10)
def broken(**_): return made(10, Broken())
def quantised(**_): return nn.Sequential(Quantiser(), nn.Flatten(), nn.Linear(64, 10))
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Words that name a file with the random weights of one layer, and the network of it, one of those in MINE."""
    import torch

    (tmp_path / "mine.py").write_text(MINE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    torch.manual_seed(0)

    def words(name, classes=10):
        layer, path = 2 if name == "quantised" else 1, tmp_path / f"{name}.pt"
        torch.save({f"{layer}.weight": torch.randn(classes, 64), f"{layer}.bias": torch.zeros(classes)}, path)
        return ["--checkpoint", str(path), "--model", f"mine:{name}", "--dataset", "digits", *FEW]

    return words


def test_masked_gradients_are_flagged_wherever_the_number_is_shown(igdm, home, mine):
    ids = []
    for name in ("quantised", "plain"):
        said = igdm("eval", *mine(name), "--suite", "quick", "--json")
        assert said.code == 0, said.err
        ids.append(json.loads(said.out)["run"])
    flag = "no input gradient: gradient-based attacks are blind there"
    assert flag in igdm("show", ids[0]).out
    assert flag not in igdm("show", ids[1]).out
    assert flag in igdm("compare", *ids).out
    flags = [row["flags"] for row in json.loads(igdm("show", ids[0], "--json").out)["evaluations"][0]["measurements"]]
    assert flags[0] == []
    assert flag in flags[1][0]


def test_a_file_that_is_refused_leaves_nothing_in_the_database_of_an_open_program(igdm, home, run_id, monkeypatch):
    real = shutil.rmtree

    def seen_before(path):
        with Store.open(home) as store:
            store.ingest()
            assert len(store.runs()) == 2
        real(path)

    monkeypatch.setattr("igdm_tui.cli.evaluation.shutil.rmtree", seen_before)
    said = igdm("eval", "--checkpoint", "/etc/hostname", *NETWORK, *FEW)
    assert said.code == 2
    assert "/etc/hostname" in said.err
    assert [row["id"] for row in json.loads(igdm("ls", "--json").out)] == [run_id]


def test_a_network_that_returns_nan_is_refused_and_leaves_nothing(igdm, home, run_id, mine):
    said = igdm("eval", *mine("broken"), "--suite", "quick")
    assert said.code == 2
    assert "returns NaN or infinity for 40 of the first 40 clean images" in said.err
    assert "Traceback" not in said.err
    assert len(run_folders(home)) == 1
    import torch

    path = home.runs / run_id / "checkpoints" / "last.pt"
    state = torch.load(path, weights_only=True)
    state["model"]["linear.bias"].fill_(float("nan"))
    torch.save(state, path)
    said = igdm("eval", run_id, "--attacks", "fgsm")
    assert said.code == 2
    assert "1 tensors hold NaN or infinity (linear.bias)" in said.err
    shown = json.loads(igdm("show", run_id, "--json").out)["evaluations"][-1]
    assert (shown["status"], shown["measurements"]) == ("failed", [])


def test_transfer_takes_its_network_from_the_command(igdm, home, run_id, mine):
    source = mine("plain")[1]
    said = igdm("eval", run_id, "--attacks", "vmi")
    assert said.code == 2
    assert "--transfer-source FILE" in said.err
    for words, told in (
        (["--transfer-source", f"{source}.gone"], "no such file"),
        (["--transfer-model", "mine:plain"], "only with --transfer-source"),
        (["--transfer-source", source, "--transfer-model", "resnet-81"], "did you mean 'resnet-18'"),
    ):
        said = igdm("eval", run_id, "--attacks", "vmi", *words)
        assert said.code == 2
        assert told in said.err
    named = ["--transfer-source", source, "--transfer-model", "mine:plain"]
    said = igdm("eval", run_id, "--attacks", "clean,vmi", "--num-examples", "20", *named, "--json")
    assert said.code == 0, said.err
    clean, vmi = json.loads(said.out)["measurements"]
    assert vmi["attack"] == "vmi"
    assert vmi["correct"] <= clean["correct"]
    said = igdm("eval", *mine("soft"), "--attacks", "vmi", "--num-examples", "5", *named)
    assert said.code == 0, said.err


def test_a_network_with_too_few_classes_or_probabilities_is_told(igdm, home, mine):
    said = igdm("eval", *mine("few", classes=4), "--suite", "quick")
    assert said.code == 2
    assert "the network has classes 0 to 3" in said.err
    said = igdm("eval", *mine("soft"), "--suite", "quick")
    assert said.code == 0, said.err
    assert "flag: pgd20: the network returns probabilities" in said.err
    assert "probabilities" in igdm("show", "latest").out
