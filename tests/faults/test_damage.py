"""What is damaged, hostile or odd never keeps the rest from being shown, and nothing else is touched."""

import json
import os
import random
import shutil
import socket
import time
from contextlib import suppress

import pytest
import torch
from hypothesis import HealthCheck, given, strategies
from hypothesis import settings as hypothesis_settings

from core.spec.errors import IgdmError
from core.spec.event_file import EventWriter, read_records
from core.spec.events import RunStopped, Warned
from core.spec.home import Home
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.training.checkpoint import LAST, PREVIOUS, load_checkpoint, save_checkpoint
from igdm_tui.launch import start_worker, stop_run
from igdm_tui.launch.process import require_resumable
from igdm_tui.store import Store, rebuild
from tests.igdm_tui.conftest import run_maker

LARGE = bool(os.environ.get("IGDM_FAULTS_LARGE"))  # set by make test-faults
FUZZ, MANY = (1000, 10_000) if LARGE else (20, 200)
FILES = (
    "events.jsonl", "run.json", "labels.json", "worker.json", "config.toml", "heartbeat", "slurm.json",
    "slurm_state.json", "evaluation", "worker.log", "worker.lock",
)  # fmt: skip
WORKER = '{{"pid": {pid}, "started_at": {started_at}, "host": "{host}", "attempt": {attempt}, "since_boot": {since}}}'
NUMBERS = ("-1", "0", "1e400", "1" + 30 * "0", "NaN", "null", '"../../x"', "true", "[1]")
TEXTS = ["", "null", "[]", "7", '"x"', "{}", "[" * 100_000, "\udcff\udc80", '{"since_boot": "\\u0000"}'] + [
    WORKER.format(**{"pid": 5, "started_at": 1, "attempt": 1, "since": '"a:1"', "host": socket.gethostname()} | change)
    for key in ("pid", "started_at", "attempt", "since")
    for number in NUMBERS
    for change in ({key: number}, {key: number, "since": '""'})
]


def make_odd(path, kind):
    """Put something at a path that should be a plain file."""
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    {
        "folder": path.mkdir,
        "endless link": lambda: path.symlink_to(path.name),
        "link to nowhere": lambda: path.symlink_to("/nonexistent/x"),
        "link through a file": lambda: path.symlink_to("/dev/null/x"),
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "bytes": lambda: path.write_bytes(bytes(range(256)) * 4),
        "empty": lambda: path.write_bytes(b""),
    }[kind]()


KINDS = ("folder", "endless link", "link to nowhere", "link through a file", "pipe", "device", "bytes", "empty")


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").ensure()


@pytest.fixture
def make_run(home):
    return run_maker(home)


def everything(home):
    """All that screens and commands ask of every run; the rows."""
    with Store.open(home) as store:
        store.ingest()
        rows = store.runs()
        for row in rows:
            json.dumps(row.to_json())
            store.warnings(row.id), store.stages(row.id), store.evaluations(row.id), store.teacher(row.id)
            store.series(row.id, "loss")
        return {row.id: row for row in rows}


def test_a_hundred_odd_run_folders_leave_the_good_one_as_it_is(home, make_run):
    make_run("good2222").finish()
    good = everything(home)["good2222"]
    cases = [(file, kind, None) for file in FILES for kind in KINDS]
    cases += [("worker.json", "", text) for text in TEXTS]
    cases += [(file, "", text) for file in ("run.json", "labels.json", "slurm_state.json") for text in TEXTS[:9]]
    for number, (file, kind, text) in enumerate(cases):
        path = make_run(f"odd{number}").start().train([1]).folder.path / file
        if text is None:
            make_odd(path, kind)
        else:
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
    found = everything(home)
    assert found["good2222"] == good
    assert len(found) == len(cases) + 1
    assert rebuild.rebuild(home) == len(found)
    assert rebuild.check(home) == []
    for run_id in found.keys() - {"good2222"}:
        for act in (require_resumable, lambda folder: stop_run(folder, wait_s=0.1)):
            with suppress(IgdmError):  # every other error is one that a person could not understand
                act(RunFolder(home.runs / run_id))


def test_no_signal_reaches_whom_a_hostile_folder_names(make_run, monkeypatch):
    """kill(-1) ends everything of a user; kill(0) the caller's own group."""
    sent = []
    monkeypatch.setattr("os.kill", lambda *words: sent.append(words))
    monkeypatch.setattr("os.killpg", lambda *words: sent.append(words))
    for number, text in enumerate(TEXTS):
        run = make_run(f"odd{number}").start()
        run.folder.worker_json.write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(IgdmError):
            stop_run(run.folder, wait_s=0.1)
    assert sent == []


@pytest.mark.parametrize("name", ["events.jsonl", "worker.log", "worker.lock"])
def test_nothing_is_written_through_a_link(make_run, tmp_path, name):
    """A run folder that somebody else has made may be full of links to your own files."""
    mine = tmp_path / "mine"
    mine.write_text("mine, without an end of line")
    folder = make_run("aaaa2222").folder
    (folder.path / name).symlink_to(mine)
    write = {"events.jsonl": lambda: EventWriter(folder.events), "worker.lock": folder.try_lock}
    with pytest.raises(IgdmError, match="no plain file"):
        write.get(name, lambda: start_worker(folder))()
    assert mine.read_text() == "mine, without an end of line"


def test_a_link_in_runs_is_no_run(home, make_run, tmp_path):
    make_run("aaaa2222").finish()
    (home.runs / "bbbb2222").symlink_to(home.runs / "aaaa2222")
    (home.runs / "cccc2222").symlink_to(tmp_path)
    assert set(everything(home)) == {"aaaa2222"}


PLACES = strategies.integers(0, 10_000)


@pytest.mark.large
@hypothesis_settings(max_examples=FUZZ, deadline=None, suppress_health_check=list(HealthCheck))
@given(cut=PLACES, flips=strategies.lists(strategies.tuples(PLACES, strategies.integers(0, 7)), max_size=12))
def test_cut_and_flipped_event_files_are_read_as_far_as_they_can_be(tmp_path_factory, cut, flips):
    """Then a writer goes on behind what is there, and everything of before is kept."""
    home = Home(tmp_path_factory.mktemp("fuzz")).ensure()
    run = run_maker(home)("aaaa2222").start().train()
    whole = run.folder.events.read_bytes()
    damaged = bytearray(whole[: len(whole) - cut % len(whole)])
    for place, bit in flips:
        damaged[place % len(damaged)] ^= 1 << bit
    run.folder.events.write_bytes(damaged)
    everything(home)
    assert rebuild.check(home) == []
    complete = bytes(damaged[: damaged.rfind(b"\n") + 1])
    before = list(read_records(run.folder.events))
    writer = EventWriter(run.folder.events)
    writer.write(Warned(message="goes on"))
    writer.close()
    assert run.folder.events.read_bytes().startswith(complete), "a complete line was changed"
    after = list(read_records(run.folder.events))
    assert after[:-1] == before
    assert after[-1].event == Warned(message="goes on")
    everything(home)
    assert rebuild.check(home) == []


def test_cut_and_flipped_checkpoints_fall_back_or_say_why(tmp_path):
    """300 damaged files: each is refused or is exactly what was saved; the one before is used then."""
    chance = random.Random(0)
    device = torch.device("cpu")
    state = {"model": {"weight": torch.arange(1000.0)}, "epoch": 2}
    save_checkpoint(tmp_path, state | {"epoch": 1})
    save_checkpoint(tmp_path, state)
    whole = (tmp_path / LAST).read_bytes()
    previous = (tmp_path / PREVIOUS).read_bytes()
    refused = 0
    for number in range(300):
        damaged = bytearray(whole)
        if number % 3 == 0:
            damaged = damaged[: chance.randrange(len(whole))]
        else:
            for _ in range(chance.choice((1, 1, 8, 100))):
                damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        (tmp_path / LAST).write_bytes(damaged)
        found, warnings = load_checkpoint(tmp_path, device=device)
        refused += bool(warnings)
        assert found["epoch"] == (1 if warnings else 2)
        assert torch.equal(found["model"]["weight"], state["model"]["weight"]), f"damage {number} went unseen"
        assert all("last.pt" in warning for warning in warnings)
        assert (tmp_path / PREVIOUS).read_bytes() == previous
    assert refused > 250


def test_a_clock_that_is_set_back_harms_no_run(home, make_run):
    run = make_run("aaaa2222").start().train([1, 2])
    lines = run.folder.events.read_text().splitlines()
    for number, line in enumerate(lines):  # each event a day before the one before it
        record = json.loads(line)
        record["t"] -= 86_400 * number
        lines[number] = json.dumps(record)
    run.folder.events.write_text("\n".join(lines) + "\n")
    run.seq = len(lines)
    run.m = 1.0  # and the machine was started anew: its monotonic clock begins again
    run.start(attempt=2, epoch=2).train([3, 4]).say(RunStopped(reason="SIGTERM", epoch=4, step=40))
    row = everything(home)["aaaa2222"]
    assert row.status == "stopped"
    assert 0 < row.elapsed_s < 100
    assert rebuild.check(home) == []


def test_a_database_deleted_while_in_use_comes_back_whole(home, make_run):
    """With only one of its three files deleted, too: what is left belongs to no database any more."""
    run = make_run("aaaa2222").start().train([1])
    for files in (("",), ("", "-wal"), ("", "-shm"), ("", "-wal", "-shm")):
        with Store.open(home) as old:
            old.ingest()
            for suffix in files:
                home.database.with_name(home.database.name + suffix).unlink()
            run.train([2])
            old.ingest()  # whoever has it open still goes on
            with Store.open(home) as new:
                new.ingest()
                run.train([3])
                old.ingest(), new.ingest(), old.ingest()
                assert list(new.series("aaaa2222", "loss").steps) == [5, 10, 15, 20, 25, 30]
        assert rebuild.check(home) == []


@pytest.mark.large
def test_thousands_of_run_folders(home, make_run):
    template = make_run("aaaa2222").finish().folder.path
    for number in range(MANY):
        folder = home.runs / f"r{number:07d}"
        folder.mkdir()
        for name in ("events.jsonl", "run.json", "config.toml"):
            (folder / name).write_bytes((template / name).read_bytes())
    began = time.monotonic()
    found = everything(home)
    read_s = time.monotonic() - began
    began = time.monotonic()
    with Store.open(home) as store:
        store.ingest()
        again_s = time.monotonic() - began
    assert {row.status for row in found.values()} == {"finished"}
    print(json.dumps({"runs": len(found), "first_s": round(read_s, 2), "again_s": round(again_s, 2)}))


def test_the_identity_of_this_process_is_still_believed(make_run):
    folder = make_run("aaaa2222").start(alive=True).folder
    assert folder.living_worker() == (ProcessIdentity.of_this(), 1)
