"""What a worker says reaches the event file once and in order, also when the disk does not take it for a while."""

import errno
import os

import pytest

from core import reporter as reporter_module
from core.reporter import Reporter
from core.spec.event_file import read_records
from core.spec.events import EpochFinished, StepLogged, Warned
from core.spec.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    found = RunFolder(tmp_path / "runs" / "aaaa2222")
    found.path.mkdir(parents=True)
    return found


class Disk:
    """Stands before os.write and os.fsync of event files."""

    def __init__(self, monkeypatch):
        self.full, self.torn, self.unsafe = False, False, False
        real_write, real_sync = os.write, os.fsync

        def write(descriptor, data):
            if self.full and self.torn and len(data) > 1:
                return real_write(descriptor, data[: len(data) // 2])
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real_write(descriptor, data)

        def sync(descriptor):
            if self.unsafe:
                raise OSError(errno.EIO, "Input/output error")
            real_sync(descriptor)

        monkeypatch.setattr("core.spec.event_file.os.write", write)
        monkeypatch.setattr("core.spec.event_file.os.fsync", sync)


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch)


def step(number):
    return StepLogged(epoch=1, step=number, metrics={"loss": float(number)})


def steps_of(folder):
    return [record.event.step for record in read_records(folder.events) if isinstance(record.event, StepLogged)]


@pytest.mark.parametrize("torn", [False, True])
def test_events_said_while_the_disk_is_full_come_later_with_their_own_time(folder, disk, torn, monkeypatch):
    clock = iter(range(100, 200))
    monkeypatch.setattr("core.spec.event_file.time.time", lambda: float(next(clock)))
    reporter = Reporter(folder, 1)
    reporter.emit(step(1))
    disk.full, disk.torn = True, torn
    reporter.emit(step(2))
    reporter.emit(EpochFinished(epoch=1, step=2, elapsed_s=1.0, metrics={}))
    assert steps_of(folder) == [1]
    assert folder.events.read_bytes().endswith(b"\n"), "half a line was left behind"
    disk.full = False
    reporter.emit(step(3))
    reporter.close()
    records = list(read_records(folder.events))
    assert [record.seq for record in records] == [1, 2, 3, 4]
    assert [type(record.event).__name__ for record in records] == [
        "StepLogged", "StepLogged", "EpochFinished", "StepLogged",
    ]  # fmt: skip
    assert [record.t for record in records] == [100.0, 101.0, 102.0, 103.0]


def test_a_line_whose_flush_fails_is_not_written_twice(folder, disk):
    reporter = Reporter(folder, 1)
    disk.unsafe = True
    reporter.emit(Warned(message="once"))
    reporter.emit(step(1))
    disk.unsafe = False
    reporter.emit(Warned(message="twice"))
    reporter.close()
    assert [record.seq for record in read_records(folder.events)] == [1, 2, 3]


def test_a_disk_full_for_very_long_costs_only_every_second_step_and_says_so(folder, disk, monkeypatch):
    monkeypatch.setattr(reporter_module, "MOST_WAITING", 50)
    reporter = Reporter(folder, 1)
    disk.full = True
    for number in range(1, 301):
        reporter.emit(step(number))
        if number % 20 == 0:
            reporter.emit(EpochFinished(epoch=number // 20, step=number, elapsed_s=1.0, metrics={}))
    disk.full = False
    reporter.emit(step(301))
    reporter.close()
    events = [record.event for record in read_records(folder.events)]
    assert [event.epoch for event in events if isinstance(event, EpochFinished)] == list(range(1, 16))
    kept = steps_of(folder)
    assert kept == sorted(set(kept))
    assert kept[-1] == 301
    assert len([number for number in kept if number <= 150]) > 5, "of all the time something is left"
    (warning,) = [event for event in events if isinstance(event, Warned)]
    assert warning.message.startswith(f"{301 - len(kept)} single steps were left out")


def test_the_last_word_waits_for_room_at_the_end_but_not_for_ever(folder, disk, monkeypatch, capsys):
    monkeypatch.setattr(reporter_module, "RETRY_S", 0.01)
    reporter = Reporter(folder, 1)
    disk.full = True
    reporter.emit(Warned(message="the last word"))
    looks = iter(range(1000))

    def make_room(_seconds):
        disk.full = next(looks) < 3

    monkeypatch.setattr("core.reporter.time.sleep", make_room)
    reporter.close()
    assert [record.event.message for record in read_records(folder.events)] == ["the last word"]

    again = Reporter(folder, 1)
    disk.full = True
    monkeypatch.setattr("core.reporter.time.sleep", lambda _seconds: None)
    again.emit(Warned(message="never written"))
    again.close(wait_s=0.05)
    assert "1 events could not be written" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_harms_nothing(folder, monkeypatch):
    class Full:
        def write(self, _text):
            raise OSError(errno.ENOSPC, "No space left on device")

        flush = write

    monkeypatch.setattr("sys.stdout", Full())
    reporter = Reporter(folder, 1)
    reporter.emit(Warned(message="said"))
    reporter.close()
    assert [record.event.message for record in read_records(folder.events)] == ["said"]
