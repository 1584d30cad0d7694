import pytest

from igdm_tui.widgets.log_tail import MOST_LINES, TAIL_BYTES, read_log_tail


def read(tmp_path, content: bytes) -> list[str]:
    path = tmp_path / "worker.log"
    path.write_bytes(content)
    reading = read_log_tail(path)
    assert reading is not None
    return reading.lines


def test_a_missing_log_has_no_lines(tmp_path):
    reading = read_log_tail(tmp_path / "worker.log")
    assert reading is not None
    assert reading.lines == []


def test_a_log_that_has_not_grown_is_not_read_again(tmp_path):
    path = tmp_path / "worker.log"
    path.write_bytes(b"one\n")
    reading = read_log_tail(path)
    assert reading is not None
    assert read_log_tail(path, reading.size) is None
    path.write_bytes(b"one\ntwo\n")
    assert read_log_tail(path, reading.size) is not None


def test_an_unfinished_last_line_is_shown(tmp_path):
    assert read(tmp_path, b"one\ntw") == ["one", "tw"]


def test_a_progress_bar_leaves_its_last_state(tmp_path):
    assert read(tmp_path, b" 1%\r50%\r99%\ndone\r\n") == ["99%", "done"]


def test_only_the_end_of_a_large_log_is_read(tmp_path):
    lines = read(tmp_path, b"".join(b"line %07d\n" % i for i in range(200_000)))
    assert len(lines) <= MOST_LINES
    assert lines[-1] == "line 0199999"
    assert all(line.startswith("line ") for line in lines)


def test_a_line_longer_than_the_tail_does_not_break_it(tmp_path):
    assert read(tmp_path, b"x" * (TAIL_BYTES + 10) + b"\nend\n") == ["end"]


@pytest.mark.parametrize(
    "data", [b"\xff\xfe\x00\n", b"\x1b]52;c;aGk=\x07\x1b[2J\x9b31m\n", b"\x00" * 100, b"\n\n\n", b""]
)
def test_no_bytes_are_harmful(tmp_path, data):
    text = "".join(read(tmp_path, data))
    assert not {"\x1b", "\x9b", "\x07", "\x00"} & set(text)
