"""What run folders say becomes what the store answers, once."""

import json
import math
import random
import shutil
import sqlite3

import pytest

from core.spec.events import (
    AttackFinished,
    EpochFinished,
    EvaluationStarted,
    RunFailed,
    RunStopped,
    StepLogged,
    Warned,
)
from core.spec.process import ProcessIdentity
from igdm_tui.store import Store
from igdm_tui.store import ingest as ingest_module


@pytest.fixture
def store(home):
    with Store.open(home) as opened:
        yield opened


def test_a_finished_run_answers_every_question(store, make_run):
    run = make_run("aaaa2222", igdm={"alpha": 10.0}, teacher={"width": 32}, student={"width": 16}).finish()
    assert store.ingest() == {"aaaa2222"}
    row = store.run("aaaa2222")
    assert (row.status, row.method, row.teacher, row.student, row.igdm_alpha) == (
        "finished", "adaad", "resnet32", "resnet16", 10.0,
    )  # fmt: skip
    assert (row.epoch, row.epochs, row.progress, row.stage) == (4, 4, 1.0, "")
    assert row.started_at == "2025-10-09T08:55:01.000Z"
    assert row.elapsed_s == run.m - 101
    assert row.teacher_metrics == {"clean_accuracy": 0.97, "pgd20_accuracy": 0.8}
    assert row.metrics["autoattack_accuracy"] == 0.5
    assert row.metrics["gradient_cosine"] == 0.66, "the evaluation goes before the last epoch"
    assert row.metrics["loss"] == 0.75, "the epoch's mean goes before the last step"
    losses = store.series("aaaa2222", "loss")
    assert list(losses.steps) == [5, 10, 15, 20, 25, 30, 35, 40]
    assert list(losses.epochs) == [1, 1, 2, 2, 3, 3, 4, 4]
    assert losses.values[0] == pytest.approx(0.6)
    assert list(losses.elapsed_s) == sorted(losses.elapsed_s)
    by_epoch = store.series("aaaa2222", "gradient_cosine", by="epoch")
    assert list(by_epoch.epochs) == [1, 2, 3, 4]
    assert store.series_names("aaaa2222") == {
        "step": ("loss", "ad_loss"),
        "epoch": ("loss", "gradient_cosine", "learning_rate"),
    }
    assert [stage.stage for stage in store.stages("aaaa2222")] == ["apgd-ce", "apgd-t", "fab-t", "square"]
    assert [row.attack for row in store.evaluations("aaaa2222")] == ["clean", "autoattack", "gradients"]
    assert store.evaluations("aaaa2222")[0].correct == 324
    teacher = store.teacher("aaaa2222")
    assert teacher is not None
    assert teacher.state == "ready"
    assert store.warnings("aaaa2222") == []


def test_nothing_new_changes_nothing(store, make_run):
    make_run("aaaa2222").finish()
    assert store.ingest() == {"aaaa2222"}
    assert store.ingest() == set()


def test_every_reader_hears_of_a_change_whoever_read_it(home, store, make_run):
    run = make_run("aaaa2222").start()
    with Store.open(home) as other:
        assert other.ingest() == store.ingest() == {"aaaa2222"}
        run.train([1])
        assert other.ingest() == {"aaaa2222"}
        assert store.ingest() == {"aaaa2222"}


def test_a_torn_last_line_waits(store, make_run):
    run = make_run("aaaa2222").start().train([1])
    line = b'{"seq":9,"t":1760000200,"m":120,"type":"step","epoch":2,"step":15,"metrics":{"loss":7.5}}\n'
    run.write(line[:40])
    store.ingest()
    assert len(store.series("aaaa2222", "loss")) == 2
    assert store.ingest() == set()
    run.write(line[40:])
    assert store.ingest() == {"aaaa2222"}
    assert store.series("aaaa2222", "loss").values[-1] == 7.5
    assert store.warnings("aaaa2222") == []


def test_a_bad_complete_line_becomes_a_warning_and_harms_nothing_else(store, make_run):
    run = make_run("aaaa2222").start().write(b"{not json\n").train([1])
    store.ingest()
    assert len(store.series("aaaa2222", "loss")) == 2
    (warning,) = store.warnings("aaaa2222")
    assert "cannot be read" in warning
    assert f"byte {run.folder.events.read_bytes().index(b'{not json')}" in warning


def test_an_unknown_event_is_told_once(store, make_run):
    run = make_run("aaaa2222").start()
    run.write(b'{"seq":2,"t":1,"m":1,"type":"from_the_future","x":1}\n' * 3)
    store.ingest()
    assert store.warnings("aaaa2222") == [
        "unknown event 'from_the_future': written by a newer igdm-tui? (upgrade to see it)"
    ]


def test_a_step_said_again_after_resume_replaces_the_first(store, make_run):
    run = make_run("aaaa2222").start().train([1, 2])
    store.ingest()
    run.start(attempt=2, epoch=1).say(StepLogged(epoch=2, step=15, metrics={"loss": 9.0}))
    store.ingest()
    losses = store.series("aaaa2222", "loss")
    assert list(losses.steps) == [5, 10, 15, 20]
    assert losses.values[2] == 9.0
    assert store.run("aaaa2222").attempt == 2


def test_time_counts_over_attempts_but_not_between_them(store, make_run):
    run = make_run("aaaa2222")
    run.m = 100.0
    run.start().say(RunStopped(reason="SIGTERM", epoch=0, step=0), m=151.0)  # 50 s
    run.m = 9000.0
    run.start(attempt=2).say(EpochFinished(epoch=1, step=10, elapsed_s=1.0, metrics={"loss": 1.0}), m=9021.0)  # 20 s
    run.m = 20_000.0  # killed without a word, then started once more
    run.start(attempt=3).say(RunFailed(error="no"), m=20_006.0)  # 5 s
    store.ingest()
    assert store.run("aaaa2222").elapsed_s == pytest.approx(75.0)
    assert list(store.series("aaaa2222", "loss", by="epoch").elapsed_s) == [pytest.approx(70.0)]


def test_the_pause_after_a_kill_is_no_time_of_the_run(store, make_run):
    run = make_run("aaaa2222").start().say(StepLogged(epoch=1, step=1, metrics={"loss": 1.0}), m=151.0)  # 50 s, killed
    run.folder.write_worker(ProcessIdentity.of_this(), 2)
    store.ingest()
    row = store.run("aaaa2222")
    assert (row.status, row.elapsed_s) == ("running", pytest.approx(50.0)), "the next worker has said nothing yet"
    run.say(RunFailed(error="no", attempt=2), m=20_006.0)
    store.ingest()
    assert store.run("aaaa2222").elapsed_s == pytest.approx(50.0), "it ended before it said that it started"


def test_numbers_that_are_not_finite_come_back(store, make_run):
    make_run("aaaa2222").start().say(
        StepLogged(epoch=1, step=1, metrics={"loss": math.nan}),
        StepLogged(epoch=1, step=2, metrics={"loss": math.inf}),
        StepLogged(epoch=1, step=3, metrics={"loss": math.nan}),
    )
    store.ingest()
    first, second, third = store.series("aaaa2222", "loss").values
    assert math.isnan(first)
    assert second == math.inf
    assert math.isnan(third)
    assert math.isnan(store.run("aaaa2222").metrics["loss"])
    assert store.run("aaaa2222").to_json()["metrics"] == {"loss": None}


def test_a_damaged_run_json_is_a_warning_until_it_is_mended(store, make_run):
    run = make_run("aaaa2222", name="first").finish()
    good = run.folder.run_json.read_text()
    run.folder.run_json.write_text(good[:50])
    store.ingest()
    row = store.run("aaaa2222")
    assert (row.name, row.status, row.settings) == ("aaaa2222", "finished", {})
    assert "run.json" in store.warnings("aaaa2222")[0]
    run.folder.run_json.write_text(good)
    assert store.ingest() == {"aaaa2222"}
    assert store.run("first").id == "aaaa2222"
    assert store.warnings("aaaa2222") == []


@pytest.mark.parametrize(
    "card", ["[]", '"text"', '{"settings": 7}', '{"settings": {"data": 3, "igdm": {"alpha": []}}}']
)
def test_a_run_json_of_another_shape_never_stops_the_list(store, make_run, card):
    make_run("aaaa2222").finish().folder.run_json.write_text(card)
    make_run("bbbb2222").finish()
    store.ingest()
    assert {row.id for row in store.runs()} == {"aaaa2222", "bbbb2222"}


def test_a_removed_folder_keeps_its_run_and_says_so(store, make_run):
    run = make_run("aaaa2222").finish()
    store.ingest()
    shutil.move(run.folder.path, run.folder.path.parent / ".away")
    assert store.ingest() == {"aaaa2222"}
    assert store.run("aaaa2222").folder_missing
    assert store.run("aaaa2222").status == "finished"
    shutil.move(run.folder.path.parent / ".away", run.folder.path)
    assert store.ingest() == {"aaaa2222"}
    assert not store.run("aaaa2222").folder_missing


def test_a_run_that_never_said_anything_goes_with_its_folder(home, store, make_run):
    silent, spoken = make_run("aaaa2222"), make_run("bbbb2222").start()
    store.ingest()
    for run in (silent, spoken):
        shutil.rmtree(run.folder.path)
    assert store.ingest() == {"aaaa2222", "bbbb2222"}
    assert [row.id for row in store.runs()] == ["bbbb2222"]
    assert store.ingest() == set()
    with sqlite3.connect(home.database) as connection:  # as earlier versions have left it
        connection.execute("INSERT INTO runs (id, folder_missing) VALUES ('cccc2222', 1)")
    assert len(store.runs()) == 2
    store.ingest()
    assert [row.id for row in store.runs()] == ["bbbb2222"]


def test_a_run_is_forgotten_only_when_its_folder_is_gone(store, make_run):
    run = make_run("aaaa2222").finish()
    make_run("bbbb2222").finish()
    store.ingest()
    store.forget("aaaa2222")
    store.forget("cccc2222")
    assert len(store.runs()) == 2
    shutil.rmtree(run.folder.path)
    store.forget("aaaa2222")
    assert [row.id for row in store.runs()] == ["bbbb2222"]
    assert "aaaa2222" in store.ingest()


def test_a_file_that_was_replaced_by_a_shorter_one_is_read_again(store, make_run):
    run = make_run("aaaa2222").start().train()
    store.ingest()
    run.folder.events.unlink()
    run.start().train([1])
    store.ingest()
    assert list(store.series("aaaa2222", "loss").steps) == [5, 10]
    assert store.run("aaaa2222").epoch == 1


def test_a_folder_that_holds_no_run_is_passed_over(home, store):
    (home.runs / "notes").mkdir()
    (home.runs / ".new-abcd2345").mkdir()
    (home.runs / "file").write_text("x")
    assert store.ingest() == set()


def test_the_newest_evaluation_is_the_one_whose_stages_are_shown(store, make_run):
    run = make_run("aaaa2222").start().train().evaluate()
    run.say(EvaluationStarted(evaluation="again", checkpoint="x", attacks=[], num_examples=3, epsilon=0.1))
    run.say(
        AttackFinished(evaluation="again", attack="clean", metrics={"clean_accuracy": 1.0}, examples=3, seconds=0.0)
    )
    store.ingest()
    assert store.stages("aaaa2222") == []
    assert [row.evaluation for row in store.evaluations("aaaa2222")] == ["final", "final", "final", "again"]
    assert store.run("aaaa2222").metrics["clean_accuracy"] == 0.9, "the figures of a run are those of its last weights"


def test_a_warning_said_at_every_attempt_is_kept_once(store, make_run):
    make_run("aaaa2222").start().say(
        Warned(message="slow disk"), Warned(message="slow disk"), Warned(message="[/]\x1b[2J")
    )
    store.ingest()
    assert store.warnings("aaaa2222") == ["slow disk", "[/]\x1b[2J"]


def test_long_files_are_read_in_small_transactions(home, make_run, monkeypatch):
    run = make_run("aaaa2222").finish()
    with Store.open(home) as whole:
        whole.ingest()
        expected = whole.series("aaaa2222", "loss")
    home.database.unlink()
    for suffix in ("-wal", "-shm"):
        home.database.with_name(home.database.name + suffix).unlink(missing_ok=True)
    monkeypatch.setattr(ingest_module, "CHUNK_BYTES", 64)  # shorter than a line
    with Store.open(home) as store:
        store.ingest()
        assert store.series("aaaa2222", "loss") == expected
        assert store.run(run.id).status == "finished"


HOSTILE = [
    b"", b"null", b"7", b"[]", b'"x"', b"{}", b'{"type":"step"}', b'{"type":["step"]}', b'{"type":{}}',
    b"\xff\xfe", b"\x00",
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":1e400,"metrics":{}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":99999999999999999999,"metrics":{"loss":1.0}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":-1,"step":1,"metrics":{"loss":1.0}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":true,"step":1,"metrics":{"loss":1.0}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":1,"metrics":{"loss":"abc"}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":1,"metrics":{"ok":1.0,"loss":[1]}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":1,"metrics":{"loss":true}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":1,"metrics":{"\\ud800":1.0}}',
    b'{"seq":1,"t":1,"m":1,"type":"step","epoch":1,"step":1,"metrics":[]}',
    b'{"seq":1,"t":NaN,"m":1,"type":"step","epoch":1,"step":1,"metrics":{"loss":1.0}}',
    b'{"seq":1,"t":1e300,"m":1,"type":"warning","message":"late"}',
    b'{"seq":1,"t":1,"m":"1","type":"step","epoch":1,"step":1,"metrics":{"loss":1.0}}',
    b'{"seq":1,"t":1,"m":1,"type":"warning","message":"\\ud800"}',
    b'{"seq":1,"t":1,"m":1,"type":"warning","message":7}',
    b'{"seq":99999999999999999999,"t":1,"m":1,"type":"warning","message":"seq"}',
    b'{"seq":1,"t":1,"m":1,"type":"attack_progress","evaluation":"e","attack":"a","stage":"s","stage_number":1,'
    b'"num_stages":0,"batch":1,"batches":0,"robust":5,"examples":0,"seconds":"nan"}',
    b'{"seq":1,"t":1,"m":1,"type":"attack_finished","evaluation":"e","attack":"a","metrics":{"clean_accuracy":"nan"},'
    b'"examples":1,"seconds":"inf","parameters":{"x":{"y":[1,null]}}}',
    b'{"seq":1,"t":1,"m":1,"type":"run_finished","elapsed_s":1}',
    b"[" * 100_000,
    b'{"seq":1,"t":1,"m":1,"type":"warning","message":"' + b"x" * 100_000 + b'"}',
]  # fmt: skip


def test_no_line_whatever_it_holds_stops_the_store(home, store, make_run):
    run = make_run("aaaa2222").start()
    for line in HOSTILE:
        run.write(line + b"\n")
    run.train()
    store.ingest()
    assert len(store.series("aaaa2222", "loss")) == 8, "good lines after bad ones count"
    assert len(store.series("aaaa2222", "ok")) == 0, "a line counts as a whole or not at all"
    assert len(store.warnings("aaaa2222")) > 15
    json.dumps([row.to_json() for row in store.runs()])
    store.stages("aaaa2222"), store.evaluations("aaaa2222"), store.stage_history("aaaa2222")


def test_random_damage_never_stops_the_store(store, make_run):
    chance = random.Random(0)
    source = make_run("aaaa2222").finish().folder.events.read_bytes()
    for number in range(60):
        damaged = bytearray(source)
        for _ in range(chance.randint(1, 30)):
            damaged[chance.randrange(len(damaged))] = chance.choice(b'\n"{}[]:,0e-\x00\xff')
        make_run(f"run{number}").write(bytes(damaged))
    store.ingest()
    for row in store.runs():
        store.series(row.id, "loss"), store.stages(row.id), store.evaluations(row.id), store.warnings(row.id)
    assert len(store.runs()) == 61
