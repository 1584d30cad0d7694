import json
import os
import stat

import pytest

from igdm_tui import preferences


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def told() -> list[str]:
    return []


def test_nothing_kept_is_empty_and_leaves_no_folder(told):
    assert preferences.load("runs", tell=told.append) == {}
    assert told == []
    assert not preferences.folder().exists()


def test_what_is_saved_comes_back_private_and_alone(told):
    preferences.save("runs", {"sort": "age", "columns": ["name", "[/] \x1b[2J"]}, tell=told.append)
    assert preferences.load("runs", tell=told.append) == {"sort": "age", "columns": ["name", "[/] \x1b[2J"]}
    assert os.listdir(preferences.folder()) == ["runs.json"]
    assert stat.S_IMODE(preferences.path_of("runs").stat().st_mode) == 0o600
    assert told == []


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000, b" " * (1 << 21)])
def test_a_damaged_file_is_told_and_replaced(content, told):
    preferences.folder().mkdir(parents=True)
    preferences.path_of("runs").write_bytes(content)
    assert preferences.load("runs", tell=told.append) == {}
    assert len(told) == 1
    assert "runs.json: cannot be read" in told[0]
    preferences.save("runs", {"sort": "age"}, tell=told.append)
    assert json.loads(preferences.path_of("runs").read_text()) == {"sort": "age"}


def test_a_folder_that_cannot_be_made_is_told(told, tmp_path):
    (tmp_path / "config").write_text("a file")
    preferences.save("runs", {}, tell=told.append)
    assert preferences.load("runs", tell=told.append) == {}
    assert "cannot be written" in told[0]
