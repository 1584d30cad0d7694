"""A run survives whatever happens to its process, and ends with the numbers of a quiet one."""

import signal

import pytest
import torch

from core.spec.event_file import read_records
from core.spec.events import (
    AttackFinished,
    CheckpointSaved,
    EpochFinished,
    RunFailed,
    RunFinished,
    RunStarted,
    RunStopped,
    StepLogged,
    TeacherProgress,
    Warned,
)
from core.training.checkpoint import LAST
from tests.integration.conftest import events_of, finish, kill_hard, log_text, wait_for
from tests.moments import at_moment, is_held

pytestmark = pytest.mark.slow


def weights(folder):
    return torch.load(folder.checkpoints / LAST, weights_only=True)["model"]


def results(folder):
    """The last word on every step, epoch and attack."""
    steps = {event.step: event.metrics for event in events_of(folder, StepLogged)}
    epochs = {
        event.epoch: {key: value for key, value in event.metrics.items() if key not in ("images_per_s", "memory_gb")}
        for event in events_of(folder, EpochFinished)
    }
    attacks = {event.attack: (event.metrics, event.correct) for event in events_of(folder, AttackFinished)}
    return steps, epochs, attacks


def assert_equal_runs(first, second):
    for key, tensor in weights(first).items():
        assert torch.equal(tensor, weights(second)[key]), key
    assert results(first) == results(second)


@pytest.fixture
def quiet(make_folder, start):
    folder = make_folder("quiet")
    finish(start(folder))
    return folder


def test_a_run_tells_its_way_and_ends_once(quiet):
    kinds = [type(record.event) for record in read_records(quiet.events)]
    assert kinds[0] is RunStarted
    assert kinds[-1] is RunFinished
    assert kinds.count(RunFinished) == 1
    assert [event.state for event in events_of(quiet, TeacherProgress)] == ["training", "training", "ready"]
    epochs = events_of(quiet, EpochFinished)
    assert [event.epoch for event in epochs] == [1, 2, 3, 4]
    measured = {"loss", "ad_loss", "igdm_loss", "gradient_cosine", "gradient_distance", "gradient_distance_raw"}
    assert measured | {"validation_clean_accuracy", "validation_pgd_accuracy"} <= set(epochs[-1].metrics)
    assert [event.attack for event in events_of(quiet, AttackFinished)] == ["clean", "pgd20", "gradients"]
    assert [record.seq for record in read_records(quiet.events)] == list(range(1, len(kinds) + 1))


@pytest.fixture
def start_until(start, tmp_path):
    """Starts a worker that is hit by a signal before its `acts`th act on its events and checkpoints: two to a step."""

    def start_worker(folder, number, acts, **environment):
        moment = at_moment(tmp_path / "moment", number, begin=folder.events.name, acts=acts)
        return start(folder, **moment, **environment)

    return start_worker


def test_killed_in_mid_epoch_and_resumed_it_is_bit_identical(quiet, make_folder, start, start_until):
    folder = make_folder("killed")
    steps_per_epoch = events_of(quiet, RunStarted)[0].steps_per_epoch
    for acts in (90, 70):
        finish(start_until(folder, signal.SIGKILL, acts), -signal.SIGKILL)
        assert events_of(folder, StepLogged)[-1].step % steps_per_epoch, "this kill is to be in the middle of an epoch"
    assert not events_of(folder, RunFinished)
    finish(start(folder))
    assert [event.attempt for event in events_of(folder, RunStarted)] == [1, 2, 3]
    assert_equal_runs(quiet, folder)


def test_asked_to_stop_it_saves_and_says_so_and_goes_on_at_that_very_step(quiet, make_folder, start, start_until):
    folder = make_folder("stopped")
    finish(start_until(folder, signal.SIGTERM, 90), 128 + signal.SIGTERM)
    stopped = events_of(folder, RunStopped)[-1]
    saved = events_of(folder, CheckpointSaved)[-1]
    assert stopped.reason == "SIGTERM"
    assert stopped.step == saved.step
    assert stopped.step % events_of(quiet, RunStarted)[0].steps_per_epoch, "it is to be asked in the middle of an epoch"
    finish(start(folder))
    assert events_of(folder, RunStarted)[1].step == saved.step
    assert_equal_runs(quiet, folder)


def test_a_damaged_newest_checkpoint_falls_back_and_says_so(quiet, make_folder, start):
    folder = make_folder("damaged")
    process = start(folder)
    wait_for(lambda: len(events_of(folder, CheckpointSaved)) == 3, process)
    kill_hard(process)
    last = folder.checkpoints / LAST
    last.write_bytes(last.read_bytes()[:1000])
    finish(start(folder))
    assert "last.pt: this checkpoint cannot be read" in events_of(folder, Warned)[0].message
    assert_equal_runs(quiet, folder)


def test_two_runs_that_start_together_train_one_teacher(make_folder, start):
    folders = [make_folder("one"), make_folder("two")]
    for process in [start(folder) for folder in folders]:
        finish(process)
    trained = [any(e.state == "training" for e in events_of(folder, TeacherProgress)) for folder in folders]
    assert sorted(trained) == [False, True]
    assert all(events_of(folder, TeacherProgress)[-1].state == "ready" for folder in folders)


def test_the_best_weights_are_kept_and_measured_before_the_last(make_folder, start):
    """The learning rate is blown up, so that the best epoch is probably an earlier one."""
    folder = make_folder("best")
    text = folder.config.read_text().replace('checkpoints = ["last"]', 'checkpoints = ["best", "last"]')
    folder.config.write_text(text.replace("milestones = [2]", "milestones = []\nlearning_rate = 0.5"))
    finish(start(folder))
    epochs = events_of(folder, EpochFinished)
    best = max(epochs, key=lambda event: (event.metrics["validation_pgd_accuracy"], -event.epoch))
    state = torch.load(folder.checkpoints / "best.pt", weights_only=True)
    assert state["epoch"] == best.epoch
    measured = [(event.evaluation, event.attack) for event in events_of(folder, AttackFinished)]
    both = [] if best.epoch == len(epochs) else [("best", attack) for attack in ("clean", "pgd20", "gradients")]
    assert measured == both + [("final", attack) for attack in ("clean", "pgd20", "gradients")]


def test_stopped_while_its_teacher_trains_it_has_made_no_step_of_its_own(make_folder, start):
    folder = make_folder("early")
    folder.config.write_text(folder.config.read_text().replace("num_epochs = 1\n", "num_epochs = 200\n", 1))
    process = start(folder)
    wait_for(lambda: any(event.epoch >= 2 for event in events_of(folder, TeacherProgress)), process)
    process.send_signal(signal.SIGINT)
    finish(process, 128 + signal.SIGINT)
    stopped = events_of(folder, RunStopped)[-1]
    assert (stopped.reason, stopped.epoch, stopped.step) == ("SIGINT", 0, 0)


IAD_2 = """
[method]
name = "iad-2"
[second_teacher]
source = "train"
width = 4
blocks = [1]
[second_teacher.optim]
num_epochs = 1
milestones = []
"""


def test_iad_2_gets_its_second_teacher(make_folder, start):
    folder = make_folder("two-teachers", IAD_2)
    finish(start(folder))
    ready = [event.recipe_hash for event in events_of(folder, TeacherProgress) if event.state == "ready"]
    assert len(set(ready)) == 2
    assert "standard_kl" in events_of(folder, EpochFinished)[-1].metrics


def test_a_second_worker_on_the_same_run_is_refused(make_folder, start):
    folder = make_folder("busy")
    first = start(folder)
    wait_for(lambda: folder.worker_json.exists(), first)
    finish(start(folder), 3)
    finish(first)
    assert "another worker runs this already" in log_text(folder)
    assert len(events_of(folder, RunStarted)) == 1


def test_a_newer_attempt_takes_the_run_over_and_the_old_copy_leaves_without_a_word(
    quiet, make_folder, start, start_until
):
    """As after a node failure: the scheduler starts the run again while the first process goes on."""
    folder = make_folder("fenced")
    old = start_until(folder, signal.SIGSTOP, 90, IGDM_ATTEMPT="1")
    wait_for(lambda: is_held(old.pid), old)
    assert events_of(folder, StepLogged)
    new = start(folder, IGDM_ATTEMPT="2")
    wait_for(lambda: folder.read_worker()[1] == 2, new)
    old.send_signal(signal.SIGCONT)
    finish(old, 3)
    finish(new)
    assert "attempt 1 leaves it" in log_text(folder)
    assert [event.attempt for event in events_of(folder, RunStarted)] == [1, 2]
    assert not events_of(folder, RunStopped)
    kinds = [record.event for record in read_records(folder.events)]
    assert [record.seq for record in read_records(folder.events)] == list(range(1, len(kinds) + 1))
    assert_equal_runs(quiet, folder)
    finish(start(folder, IGDM_ATTEMPT="1"), 3)
    assert "attempt 2 has this run, not attempt 1" in log_text(folder)


@pytest.mark.parametrize("ask", ["mark", "SIGUSR1", "SIGUSR2"])
def test_a_scheduler_or_another_host_can_ask_for_a_stop(make_folder, start, ask):
    folder = make_folder("asked")
    folder.config.write_text(folder.config.read_text().replace("num_epochs = 4", "num_epochs = 1000"))
    process = start(folder)
    wait_for(lambda: any(event.step >= 5 for event in events_of(folder, StepLogged)), process)
    if ask == "mark":
        folder.stop_mark.touch()
    else:
        process.send_signal(signal.Signals[ask])
    finish(process, 128 + (signal.SIGTERM if ask == "mark" else signal.Signals[ask]))
    stopped = events_of(folder, RunStopped)[-1]
    assert stopped.reason == ("stop requested" if ask == "mark" else ask)
    assert events_of(folder, CheckpointSaved)[-1].step == stopped.step > 0


def test_divergence_ends_the_run_with_its_reason(make_folder, start):
    folder = make_folder("diverged")
    folder.config.write_text(folder.config.read_text().replace("[igdm]\nalpha = 3", "[igdm]\nalpha = 1e6\nbeta = 10"))
    folder.config.write_text(
        folder.config.read_text().replace("batch_size = 64", "batch_size = 64\nlearning_rate = 100")
    )
    finish(start(folder), 1)
    failed = events_of(folder, RunFailed)
    assert len(failed) == 1
    assert "training has diverged" in failed[0].error
    assert "Traceback" in failed[0].details


def test_a_folder_without_settings_is_refused(make_folder, start):
    folder = make_folder("empty")
    folder.config.unlink()
    finish(start(folder), 2)
    assert "usage:" in log_text(folder)
