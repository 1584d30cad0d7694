"""What every test stands on: slots and settings of its own, not those of whoever runs the tests."""

import signal

import pytest


@pytest.fixture(autouse=True)
def own_slots_and_settings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that tests start, here or in other processes, hold slots of their own."""
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))


def pytest_configure() -> None:
    """Signals that whoever started the tests ignores (nohup, a shell's background) are delivered to what they start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
