import os

import pytest

from core.spec.errors import SupersededError
from core.spec.event_file import EventWriter, read_lines, read_records
from core.spec.events import Warned
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder


def write(path, *messages):
    writer = EventWriter(path)
    for message in messages:
        writer.write(Warned(message=message))
    writer.close()


def test_sequence_numbers_go_on_over_writers(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, "a", "b")
    write(path, "c")
    assert [record.seq for record in read_records(path)] == [1, 2, 3]


def test_a_torn_last_line_waits_for_its_end(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, "a")
    with path.open("ab") as file:
        file.write(b'{"seq":2,"t":0')
    lines, offset = read_lines(path)
    assert len(lines) == 1
    with path.open("ab") as file:
        file.write(b',"m":0,"type":"warning","message":"b"}\n')
    more, end = read_lines(path, offset)
    assert len(more) == 1
    assert end == path.stat().st_size


def test_a_new_writer_cuts_a_torn_tail_and_loses_no_line(tmp_path):
    path = tmp_path / "events.jsonl"
    write(path, "a", "b")
    with path.open("ab") as file:
        file.write(b'{"seq":3,"t":0,"m":')
    write(path, "c")
    assert [record.event.message for record in read_records(path)] == ["a", "b", "c"]


def test_a_file_with_only_a_torn_line_starts_again(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"seq":1')
    write(path, "a")
    assert [record.seq for record in read_records(path)] == [1]


def test_the_file_is_for_its_owner_only(tmp_path):
    write(tmp_path / "events.jsonl", "a")
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o077 == 0


def test_a_full_disk_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    writer.write(Warned(message="a"))
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:5]))
    with pytest.raises(OSError, match="disk full"):
        writer.write(Warned(message="b"))
    monkeypatch.undo()
    writer.write(Warned(message="c"))
    writer.close()
    assert [(record.seq, record.event.message) for record in read_records(path)] == [(1, "a"), (2, "c")]


def test_a_missing_file_has_no_lines(tmp_path):
    assert read_lines(tmp_path / "none") == ([], 0)


def test_an_old_copy_that_is_still_at_work_adds_nothing_after_a_newer_attempt(tmp_path):
    """A node is lost to the scheduler, not to the disk: the run starts elsewhere while the old process goes on."""
    folder = RunFolder(tmp_path)
    here, there = (ProcessIdentity(pid=1, started_at=1.0, host=host) for host in ("node1", "node2"))

    def writer_of(attempt):
        return EventWriter(folder.events, check=lambda: folder.check_attempt(attempt))

    folder.claim(here, 1)
    old = writer_of(1)
    old.write(Warned(message="old"))
    folder.claim(there, 2)
    new = writer_of(2)
    with pytest.raises(SupersededError, match="attempt 2 on node2 has this run now"):
        old.write(Warned(message="too late"))
    new.write(Warned(message="new"))
    with pytest.raises(SupersededError):
        old.write(Warned(message="too late again"), sync=True)
    said = [(record.seq, record.event.message) for record in read_records(folder.events)]
    assert said == [(1, "old"), (2, "new")]
    with pytest.raises(SupersededError, match="attempt 2 has this run, not attempt 2"):
        folder.claim(here, 2)
