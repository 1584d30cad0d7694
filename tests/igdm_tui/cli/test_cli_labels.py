import json

import pytest

from igdm_tui.cli import cloning


@pytest.fixture
def two(make_run):
    make_run("aaaa2222", name="plain", igdm={"alpha": 5}).finish()
    make_run("bbbb2222").finish()


def listed(igdm, *words: str) -> str:
    return "".join(row["id"][0] for row in json.loads(igdm("ls", *words, "--json").out))


def test_tags_are_given_taken_told_and_filtered_by(igdm, two):
    assert igdm("tag", "aaaa", "bbbb", "+paper", "+hot").out == "aaaa2222  paper hot\nbbbb2222  paper hot\n"
    assert igdm("tag", "bbbb", "-hot", "+v2").out == "bbbb2222  paper v2\n"
    assert igdm("tag", "aaaa").out == "aaaa2222  paper hot\n"
    assert json.loads(igdm("tag", "aaaa", "--json").out) == [
        {"id": "aaaa2222", "tags": ["paper", "hot"], "note": "", "archived": False}
    ]
    assert listed(igdm, "--filter", "tag:hot") == "a"
    assert "paper v2" in igdm("ls").out
    igdm("db", "rebuild")
    assert listed(igdm, "--filter", "tag:v2") == "b"


def test_notes_are_written_read_and_taken_away(igdm, two):
    assert igdm("note", "plain", "lr too high?\nask").code == 0
    assert igdm("note", "plain").out == "lr too high?\nask\n"
    assert listed(igdm, "--filter", "note~LR") == "a"
    assert "no note" in igdm("note", "plain", "").err
    assert listed(igdm, "--filter", "has:note") == ""


def test_archived_runs_leave_the_lists_until_asked_for(igdm, two):
    assert "archived" in igdm("archive", "aaaa").err
    assert listed(igdm) == "b"
    assert listed(igdm, "--sort", "name") == "b"
    assert listed(igdm, "--archived") == "ba"
    assert listed(igdm, "--filter", "archived=true") == "a"
    assert json.loads(igdm("show", "aaaa", "--json").out)["archived"] is True
    igdm("archive", "bbbb")
    assert "all 2 runs are archived" in igdm("ls").err
    assert igdm("unarchive", "aaaa", "bbbb").code == 0
    assert listed(igdm) == "ba"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["tag", "+paper"], "no run is named"),
        (["tag", "aaaa", "+two words"], "can be no tag"),
        (["tag", "nobody", "+x"], "no run 'nobody'"),
        (["note", "aaaa", "x" * 10_001], "at most 10,000 characters"),
        (["archive"], "Missing argument"),
    ],
)
def test_what_cannot_be_done_is_said_and_changes_nothing(igdm, two, words, told):
    said = igdm(*words)
    assert said.code == 2
    assert told in said.err
    assert listed(igdm, "--filter", "has:tag or has:note or archived=true") == ""


def test_hostile_labels_reach_no_terminal(igdm, make_run):
    run = make_run("aaaa2222").finish()
    evil = "[/] \x1b]52;c;aGk=\x07\x9b2J\u202e\x00"
    run.folder.labels.write_text(json.dumps({"tags": [evil], "note": evil}))
    for words in (["ls"], ["tag", "aaaa"], ["note", "aaaa"], ["show", "aaaa"], ["ls", "--json"]):
        said = igdm(*words)
        assert said.code == 0
        assert not {"\x1b", "\x9b", "\x07", "\u202e", "\x00"} & set(said.out + said.err)


@pytest.fixture
def started(monkeypatch) -> list:
    found: list = []
    monkeypatch.setattr(cloning, "run_configs", lambda session, configs, **how: found.append((configs, how)))
    return found


def test_a_clone_is_the_same_but_for_what_is_changed(igdm, two, started):
    said = igdm("clone", "plain", "--set", "optim.learning_rate=0.05", "--seed", "7", "--detach")
    assert said.code == 0
    assert "optim.learning_rate" in said.err
    assert "-> 0.05" in said.err
    assert "runtime.seed" in said.err
    assert "-> 7" in said.err
    assert "igdm.alpha" not in said.err, "only what differs"
    [([config], how)] = started
    assert (config.igdm.alpha, config.optim.learning_rate, config.runtime.seed, config.name) == (5, 0.05, 7, None)
    assert how == {"detach": True, "as_json": False}


def test_a_clone_says_whether_it_is_the_same_experiment(igdm, two, started):
    assert "nothing changed" in igdm("clone", "plain").err
    assert "the same experiment" in igdm("clone", "plain", "--seeds", "3,4").err
    assert [[config.runtime.seed for config in configs] for configs, _ in started] == [[0], [3, 4]]
    assert "with other settings" in igdm("clone", "plain", "--set", "igdm.alpha=1", "--dry-run", "--name", "x").err
    assert len(started) == 2, "--dry-run starts nothing"


def test_a_clone_that_cannot_be_says_why(igdm, two, started, make_run):
    said = igdm("clone", "plain", "--set", "igdm.alfa=1")
    assert (said.code, started) == (2, [])
    assert "igdm.alpha" in said.err
    run = make_run("cccc2222").finish()
    run.folder.run_json.write_text("{")
    assert "settings are not known" in igdm("clone", "cccc2222").err
