import json
import os

import pytest

from core.spec.errors import IgdmError
from igdm_tui.user_settings import TEMPLATE, UserSettings, find_home, read_user_settings, settings_path


def write(text: str) -> None:
    settings_path().parent.mkdir(parents=True, exist_ok=True)
    settings_path().write_text(text)


def test_without_a_file_and_with_the_template_everything_is_default():
    assert read_user_settings() == UserSettings()
    write(TEMPLATE)
    assert read_user_settings() == UserSettings()


def test_the_template_shows_every_key_as_it_is_written():
    write("\n".join(line[2:] if line.startswith("# ") and " = " in line else line for line in TEMPLATE.splitlines()))
    found = read_user_settings()
    assert found.home is not None
    assert found.home.is_absolute()
    assert (found.theme, found.notify) == ("igdm-dark", "bell")
    assert found.on_run_end[0] == "notify-send"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('\nnotify = "loud"', "line 2: notify: 'loud' should be one of bell, osc9, none"),
        ("# a\ntheme = 3", "line 2: theme: 3 should be a text"),
        ('theme = "a"\nhome = "runs"', "line 2: home: 'runs' should begin with / or ~"),
        ('on_run_end = "rm -rf x"', "line 1: on_run_end: 'rm -rf x' should be a list"),
        ('on_run_end = ["a", 3]', "line 1: on_run_end"),
        ('[notfy]\na = 1', "line 1: notfy: is not known; notify?"),
        ('a = "\n', "this is no TOML"),
        ('on_run_end = ["", "x"]', "should name a program"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_key_and_line(text, said):
    write(text)
    with pytest.raises(IgdmError) as raised:
        read_user_settings()
    assert said in str(raised.value)
    assert str(settings_path()) in str(raised.value)


def test_the_home_is_given_then_of_the_environment_then_of_the_file_then_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("IGDM_HOME", raising=False)
    assert find_home().path == tmp_path
    write(f'home = "{tmp_path}/mine"')
    assert find_home().path == tmp_path / "mine"
    monkeypatch.setenv("IGDM_HOME", str(tmp_path / "other"))
    assert find_home().path == tmp_path / "other"
    assert find_home(tmp_path / "given").path == tmp_path / "given"


def test_the_command_line_uses_the_home_and_names_a_bad_file(tmp_path, monkeypatch, capsys):
    from igdm_tui.cli import entry

    monkeypatch.delenv("IGDM_HOME", raising=False)
    write(f'home = "{tmp_path}/mine"')
    assert entry.main(["where", "--json"]) == 0
    places = json.loads(capsys.readouterr().out)
    assert places["home"] == str(tmp_path / "mine")
    assert places["settings"] == str(settings_path())
    write('hom = "x"')
    for words in (["ls", "--json"], ["show", "latest"]):
        assert entry.main(words) == 2
        assert f"{settings_path()}, line 1: hom: is not known; home?" in capsys.readouterr().err
    assert entry.main(["--home", str(tmp_path), "doctor", "--json"]) == 2
    checks = {check["check"]: check for check in json.loads(capsys.readouterr().out)}
    assert checks["settings"]["state"] == "wrong"
    assert os.fspath(settings_path()) in checks["settings"]["text"]
