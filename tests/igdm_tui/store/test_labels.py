"""Tags, notes and archive: kept in the run folder, read into the database, given back by a rebuild."""

import json
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import IgdmError
from core.spec.run_folder import RunFolder
from igdm_tui.store import Store, connection, rebuild
from igdm_tui.store.labels import Labels, change_labels, read_labels
from igdm_tui.store.migrations import migrate


def test_a_run_without_labels_has_no_file(make_run):
    folder = make_run("aaaa2222").folder
    assert read_labels(folder) == Labels()
    assert change_labels(folder, lambda labels: labels) == Labels()
    assert not folder.labels.exists()


def test_labels_are_read_by_the_next_ingest_and_given_back_by_a_rebuild(home, make_run):
    run = make_run("aaaa2222").finish()
    with Store.open(home) as store:
        store.ingest()
        change_labels(run.folder, lambda labels: labels.with_tags(add=("paper", "v2")).with_note("two\nlines"))
        assert store.ingest() == {"aaaa2222"}
        row = store.run("aaaa")
        assert (row.tags, row.note, row.archived) == (("paper", "v2"), "two\nlines", False)
        change_labels(run.folder, lambda labels: replace(labels.with_tags(remove=("v2",)), archived=True))
        store.ingest()
        assert store.ingest() == set(), "nothing new is nothing changed"
    assert rebuild.check(home) == []
    rebuild.rebuild(home)
    with Store.open(home) as store:
        row = store.run("aaaa")
        assert (row.tags, row.note, row.archived) == (("paper",), "two\nlines", True)
        run.folder.labels.unlink()
        assert store.ingest() == {"aaaa2222"}
        assert store.run("aaaa").tags == ()


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b'{"tags": "paper", "note": 3, "archived": "yes"}', b"7"])
def test_a_damaged_file_is_a_warning_until_it_is_mended(home, make_run, content):
    run = make_run("aaaa2222").finish()
    run.folder.labels.write_bytes(content)
    with Store.open(home) as store:
        store.ingest()
        assert store.run("aaaa").tags == ()
        warned = any("labels.json" in warning for warning in store.warnings("aaaa2222"))
        assert warned == (not content.startswith(b'{"'))
        assert rebuild.check(home) == []
        run.folder.labels.unlink()
        store.ingest()
        assert store.warnings("aaaa2222") == []


def test_a_database_from_before_labels_keeps_its_runs_and_learns_their_labels(home, make_run):
    run = make_run("aaaa2222").finish()
    change_labels(run.folder, lambda labels: labels.with_tags(add=("paper",)))
    with closing(connection.connect(home.database)) as old:
        migrate(old, home.database, to=4)
        old.execute("INSERT INTO runs (id, name, settings, position, card) VALUES ('gone2222', 'kept', '{}', 10, 'x')")
        old.execute("INSERT INTO summary VALUES (1, 'clean_accuracy', 'evaluation', 0.9, 4, 0.9, 4)")
    with Store.open(home) as store:
        store.ingest()
        kept, labelled = store.run("gone2222"), store.run("aaaa2222")
    assert (kept.name, kept.metrics, kept.tags, kept.note, kept.archived) == (
        "kept",
        {"clean_accuracy": 0.9},
        (),
        "",
        False,
    )
    assert labelled.tags == ("paper",)


def test_two_programs_that_tag_at_once_lose_nothing(make_run):
    folder = make_run("aaaa2222").folder

    def tag(number: int) -> None:
        for each in range(5):
            change_labels(folder, lambda labels, tag=f"t{number}-{each}": labels.with_tags(add=(tag,)))

    threads = [threading.Thread(target=tag, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(read_labels(folder).tags) == 20


@pytest.mark.parametrize("tag", ["", " ", "two words", "[/]", "a" * 41, "-x", "a,b", "a(b", "\x1b[31m", "a=b", "x\n"])
def test_what_can_be_no_tag_is_refused(make_run, tag):
    with pytest.raises(IgdmError, match="can be no tag"):
        Labels().with_tags(add=(tag,))


def test_a_folder_that_is_gone_is_an_error_in_words(home):
    with pytest.raises(IgdmError, match=r"labels\.json: cannot be written"):
        change_labels(RunFolder(home.runs / "gone2222"), lambda labels: labels.with_note("x"))


@given(
    tags=st.lists(st.text(max_size=60), max_size=60),
    note=st.text() | st.just("\x1b]52;c;aGk=\x07 [/] \u202e \ud800 \x00"),
)
@settings(max_examples=60, deadline=None)
def test_labels_written_by_anyone_are_read_as_they_are_or_not_at_all(tmp_path_factory, tags, note):
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    folder.labels.write_text(json.dumps({"tags": tags, "note": note, "archived": True}))
    labels = read_labels(folder)
    assert list(labels.tags) == list(dict.fromkeys(tags[:50]))
    assert labels.note == note
    assert labels.archived
