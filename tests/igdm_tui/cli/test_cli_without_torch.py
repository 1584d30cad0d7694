"""The command line answers where torch and everything heavy cannot be imported."""

import subprocess
import sys

import pytest

from igdm_tui.cli.entry import main

WITHOUT = """
import sys
for name in ("torch", "torchvision", "numpy", "sklearn", "pyautoattack"):
    sys.modules[name] = None
from igdm_tui.cli.entry import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def two_runs(make_run):
    make_run("aaaa2222", name="first").finish()
    make_run("bbbb2222", name="second", igdm={"alpha": 10}).finish(autoattack=0.6)


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["--version"], "igdm-tui "),
        (["ls"], "second"),
        (["ls", "--json"], '"second"'),
        (["show", "first"], "AA"),
        (["compare", "first", "second"], "igdm.alpha"),
        (["config", "validate", "run.toml"], ""),
        (["config", "presets"], ""),
        (["where"], "home"),
    ],
)
def test_it_answers_with_torch_made_unimportable(two_runs, tmp_path, arguments, shown):
    (tmp_path / "run.toml").write_text("[igdm]\nalpha = 3\n")
    command = [sys.executable, "-c", WITHOUT, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert shown in done.stdout


@pytest.mark.parametrize("words", [["tui"], ["--debug", "tui"], ["tui", "--home", "."], ["--home=.", "tui"]])
def test_the_screens_open_without_what_only_commands_need(tmp_path, words):
    without = WITHOUT.replace('("torch",', '("typer", "pydantic", "torch",')
    command = [sys.executable, "-c", without, *words]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 2, done.stderr
    assert "needs a terminal" in done.stderr


@pytest.mark.parametrize("words", [["tui", "--home"], ["tui", "--hom=x"], ["tui", "tui"]])
def test_odd_words_beside_tui_are_explained_as_ever(capsys, words):
    assert main(words) == 2
    assert "needs a terminal" not in capsys.readouterr().err


def test_reading_the_first_runs_does_not_parse_their_settings(two_runs, home):
    from igdm_tui.store import Store
    from igdm_tui.store.rows import read_settings

    read_settings.cache_clear()
    with Store.open(home) as store:
        store.ingest()
        rows = store.runs()
    assert [row.name for row in rows] == ["second", "first"]
    assert read_settings.cache_info().currsize == 0
    assert rows[0].settings["igdm"]["alpha"] == 10
