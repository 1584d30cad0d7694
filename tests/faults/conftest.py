"""Homes whose programs are ended with the test."""

import pytest

from core.spec.home import Home
from igdm_tui.queue.settings import settings_path
from tests.faults.homes import end_all


@pytest.fixture
def make_home(tmp_path, monkeypatch):
    """Homes of a machine with one core to share out."""
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("cpu_cores = 1\n")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    made = []

    def make(name: str) -> Home:
        made.append(Home(tmp_path / name).ensure())
        return made[-1]

    yield make
    for home in made:
        end_all(home)
