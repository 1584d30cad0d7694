"""How a run ended, read from the end of its event file."""

import pytest

from core.spec.events import EpochFinished, RunFailed, RunFinished, RunStopped, Warned
from igdm_tui.launch import ending
from igdm_tui.launch.ending import last_word, place_reached


def test_the_newest_start_counts(make_run):
    run = make_run("aaaa2222")
    assert last_word(run.folder) == ""
    run.start().say(RunFinished(elapsed_s=1.0)).write(b"bad\n")
    assert last_word(run.folder) == "finished"
    run.start(attempt=2)
    assert last_word(run.folder) == ""
    run.say(RunStopped(reason="SIGTERM", epoch=1, step=2)).write(b'{"seq": 12, "ty')
    assert last_word(run.folder) == "stopped"
    run.write(b"\n").say(RunFailed(error="nan"))
    assert last_word(run.folder) == "failed"


@pytest.mark.parametrize("chunk", [1, 7, 100, 1 << 16])
def test_it_is_found_however_far_back_it_stands(make_run, monkeypatch, chunk):
    monkeypatch.setattr(ending, "CHUNK_BYTES", chunk)
    run = make_run("aaaa2222").start().train().say(RunFinished(elapsed_s=1.0))
    assert place_reached(run.folder) == (4, 40)
    run.say(*(Warned(message="x" * 200) for _ in range(20)))
    assert last_word(run.folder) == "finished"
    whole = run.folder.events.read_bytes()
    run.folder.events.write_bytes(whole[:-1])
    assert last_word(run.folder) == "finished"


def test_a_file_of_one_line_is_read(make_run):
    run = make_run("aaaa2222").say(EpochFinished(epoch=3, step=9, elapsed_s=1.0, metrics={}))
    assert place_reached(run.folder) == (3, 9)
