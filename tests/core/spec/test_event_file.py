import os

import pytest

from core.spec.event_file import EventWriter, read_lines, read_records
from core.spec.events import Warned


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
