"""What commands answer about runs that are there: a contract that scripts rely on."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from core.spec.events import AttackFinished
from igdm_tui.cli.entry import global_options_first
from igdm_tui.store import Store

KEYS = [
    "id", "name", "status", "settings_hash", "seed", "dataset", "teacher", "student", "method", "igdm_alpha",
    "started_at", "elapsed_s", "tags", "note", "archived", "settings", "metrics",
]  # fmt: skip


@pytest.fixture
def three(make_run):
    make_run("aaaa2222", name="plain", student={"width": 16}).finish(clean=0.9, autoattack=0.5)
    make_run("bbbb2222", name="with igdm", student={"width": 16}, igdm={"alpha": 10}).finish(autoattack=0.6)
    make_run("cccc2222", name="[/]", method={"name": "ard"}).start().train([1])


def test_ls_lists_runs_newest_first_on_stdout(igdm, three):
    said = igdm("ls")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert [line.split()[0] for line in lines] == ["id", "cccc2222", "bbbb2222", "aaaa2222"]
    assert "lost" in lines[1]
    assert "60.00" in lines[2]


def test_ls_in_json_has_exactly_the_agreed_keys(igdm, three):
    rows = json.loads(igdm("ls", "--json").out)
    assert [list(row) for row in rows] == [KEYS] * 3
    assert rows[2]["metrics"]["clean_accuracy"] == 0.9
    assert rows[0]["metrics"].keys() == {"loss", "ad_loss", "gradient_cosine", "learning_rate"}, "not measured: absent"
    assert rows[1]["settings"]["igdm"]["alpha"] == 10.0


def test_json_for_programs_is_json_for_persons_on_one_line(home, make_run):
    """It is put together from text that is kept as JSON, which nobody reads for it."""
    make_run("aaaa2222", name='a "quoted" \N{BULLET} name').finish(clean=0.9)
    make_run("bbbb2222")
    with Store.open(home) as store:
        store.ingest()
        rows = store.runs()
    for row in rows:
        assert row.json_text().isascii()
        assert json.loads(row.json_text()) == row.to_json()
        assert list(json.loads(row.json_text())) == KEYS
    infinite = replace(rows[0], metrics={"loss": math.inf})
    assert json.loads(infinite.json_text())["metrics"] == {"loss": None}
    with pytest.raises(ValueError, match="no JSON"):
        replace(rows[0], settings_text='{"igdm": {"alpha": NaN}}').json_text()


def test_an_empty_home_lists_nothing_and_says_what_to_do(igdm, home):
    assert json.loads(igdm("ls", "--json").out) == []
    said = igdm("ls")
    assert (said.code, said.out) == (0, "")
    assert "igdm run configs/digits.toml" in said.err


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("status=finished", "ba"), ("igdm.alpha>0", "b"), ("igdm_alpha = 0 and method=adaad", "a"), ("name~IGDM", "b"),
        ("autoattack_accuracy>=0.5", "ba"), ("method!=ard", "ba"), ("attack.epsilon=8/255", "cba"),
        ("status=queued", ""), ("data.horizontal_flip=false", "cba"), ("autoattack_accuracy!=0.5", "cb"),
    ],
)  # fmt: skip
def test_filters_keep_the_runs_that_fit(igdm, three, expression, found):
    rows = json.loads(igdm("ls", "--filter", expression, "--json").out)
    assert "".join(row["id"][0] for row in rows) == found


@pytest.mark.parametrize(
    ("key", "order"),
    [("autoattack_accuracy", "bac"), ("-autoattack_accuracy", "abc"), ("name", "cab"), ("-id", "cba"), ("loss", "bac")],
)
def test_sorting_puts_the_best_first_and_the_unmeasured_last(igdm, three, key, order):
    rows = json.loads(igdm("ls", "--sort", key, "--json").out)
    if key == "loss":  # both finished runs have the same loss and keep their order
        assert rows[-1]["id"] == "cccc2222"
    else:
        assert "".join(row["id"][0] for row in rows) == order


def test_show_tells_results_with_intervals_teacher_and_changed_settings(igdm, three):
    out = igdm("show", "with igdm").out
    assert "bbbb2222  with igdm" in out
    assert "54.9 to 64.9" in out
    assert "97.00" in out, "the teacher's own"
    assert "igdm.alpha     10.0" in out
    assert "optim.num_epochs" not in out, "a default"
    assert list(json.loads(igdm("show", "bbbb", "--json").out)) == [*KEYS, "evaluations"]


def test_show_and_compare_never_hide_a_flag(igdm, make_run):
    flag = "98% of images have no input gradient: gradient-based attacks are blind there"
    for run in (make_run("aaaa2222", name="masked"), make_run("bbbb2222", name="other")):
        run.start().train().say(
            AttackFinished(
                evaluation="final", attack="fgsm", metrics={"fgsm_accuracy": 0.8}, correct=80, examples=100,
                seconds=1.0, flags=[flag] if run.id == "aaaa2222" else [],
            )
        )  # fmt: skip
    assert f"flag: fgsm: {flag}" in igdm("show", "masked").out
    for form in ((), ("--markdown",), ("--latex",), ("--csv",), ("--json",)):
        assert "of images have no input gradient" in igdm("compare", "masked", "other", *form).out


def test_compare_writes_every_format(igdm, three):
    assert "60.00*" in igdm("compare", "plain", "bbbb").out
    assert igdm("compare", "plain", "bbbb", "--latex").out.startswith("\\begin{tabular}")
    assert igdm("compare", "plain", "bbbb", "--markdown").out.startswith("| Run |")
    assert igdm("compare", "plain", "bbbb", "--csv").out.startswith("run,ids,")
    found = json.loads(igdm("compare", "plain", "bbbb", "plain", "--group", "--json").out)
    assert [row["ids"] for row in found["rows"]] == [["aaaa2222"], ["bbbb2222"]]


def test_hostile_names_reach_no_terminal(igdm, make_run):
    run = make_run("aaaa2222").finish()
    card = json.loads(run.folder.run_json.read_text())
    card["name"] = "[bold]\x1b]52;c;eA==\x07\x9b2J\u202e\ud800\n[/]"
    run.folder.run_json.write_text(json.dumps(card))
    for words in (["ls"], ["show", "aaaa"], ["compare", "aaaa"], ["compare", "aaaa", "--latex"], ["ls", "--json"]):
        said = igdm(*words)
        assert said.code == 0
        assert not {"\x1b", "\x9b", "\x07", "\u202e"} & set(said.out + said.err)
    assert "[bold]" in igdm("ls").out, "markup from data is text"


def test_db_rebuild_check_where_and_doctor_answer(igdm, home, three):
    assert "made anew from 3 runs" in igdm("db", "rebuild").err
    assert "agrees" in igdm("db", "check").err
    assert json.loads(igdm("where", "--json").out)["database"] == str(home.database)
    checks = {check["check"]: check for check in json.loads(igdm("doctor", "--json").out)}
    assert checks["database"]["state"] == "ok"
    assert "cccc2222" in checks["runs"]["text"]


def test_config_validates_describes_and_lists(igdm, config_file, tmp_path, monkeypatch):
    said = igdm("config", "validate", str(config_file), "--set", "optim.num_epochs=3")
    assert said.code == 0
    assert "warning: optim.milestones" in said.err
    schema = json.loads(igdm("config", "schema").out)
    assert "Eq. 8" in schema["$defs"]["IgdmSection"]["properties"]["beta"]["description"]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.toml").write_text("# About this one.\n# More.\n")
    monkeypatch.chdir(tmp_path)
    assert igdm("config", "presets").out.splitlines()[1].split(maxsplit=1) == ["configs/a.toml", "About this one."]


def test_db_check_exits_2_when_tables_differ(igdm, home, three):
    import sqlite3

    igdm("ls")
    with sqlite3.connect(home.database) as connection:
        connection.execute("DELETE FROM summary")
    said = igdm("db", "check")
    assert said.code == 2
    assert "summary:" in said.err
    igdm("db", "rebuild")
    assert igdm("db", "check").code == 0


def test_home_and_debug_are_understood_anywhere(igdm, tmp_path, monkeypatch, three, home):
    monkeypatch.delenv("IGDM_HOME")
    assert len(json.loads(igdm("ls", "--json", "--home", str(home.path)).out)) == 3
    assert len(json.loads(igdm(f"--home={home.path}", "ls", "--json").out)) == 3
    assert global_options_first(["a", "--home", "x", "--debug", "--", "--home", "y"]) == [
        "--home", "x", "--debug", "a", "--", "--home", "y",
    ]  # fmt: skip


def test_help_tells_every_command(igdm):
    out = igdm("-h").out
    for command in ("run", "ls", "show", "compare", "stop", "resume", "tui", "doctor", "where", "config", "db"):
        said = igdm(command, "--help")
        assert said.code == 0
        assert command in out
        assert "Usage: igdm" in said.out


LIGHT = """
import sys
sys.argv = ["igdm", *{words!r}]
from core.spec.events import AttackFinished
from igdm_tui.cli.entry import main
assert main() == 0
print(*sorted(set(sys.modules) & set({heavy!r})), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["--version"], ["typer", "rich", "pydantic", "textual", "torch", "numpy", "sqlite3", "psutil"]),
        (["-h"], ["rich.console", "pydantic", "textual", "torch", "numpy", "sqlite3", "psutil"]),
        (["ls"], ["typer", "pydantic", "rich.console", "textual", "torch", "numpy", "sqlite_utils"]),
        (["compare", "aaaa"], ["textual", "torch", "numpy", "sqlite_utils"]),
    ],
)
def test_commands_import_only_what_they_need(igdm, three, words, heavy):
    igdm("ls")
    script = LIGHT.format(words=words, heavy=heavy)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""
    assert done.stdout


def test_compare_with_a_baseline_says_the_differences(igdm, three):
    said = igdm("compare", "bbbb", "--baseline", "plain", "--json")
    found = json.loads(said.out)
    assert found["baseline"] == ["aaaa2222"]
    assert [row["ids"] for row in found["rows"]] == [["aaaa2222"], ["bbbb2222"]]
    none, difference = found["differences_to_baseline"]
    assert none is None
    assert difference["autoattack_accuracy"]["value"] == pytest.approx(0.1)
    assert difference["autoattack_accuracy"]["note"] == "no verdicts per image were kept"
    text = igdm("compare", "bbbb", "--baseline", "plain").out
    assert "minus plain" in text
    assert "+10.00" in text


def test_a_baseline_has_no_place_in_a_paper_table(igdm, three):
    said = igdm("compare", "bbbb", "--baseline", "plain", "--latex")
    assert said.code == 2
    assert "--baseline" in said.err
