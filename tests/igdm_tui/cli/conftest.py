"""Running `igdm` inside the test: fast, and with its exit code, stdout and stderr apart."""

from collections.abc import Callable
from typing import NamedTuple

import pytest

from igdm_tui.cli import entry


class Said(NamedTuple):
    """What a command answered."""

    code: int
    out: str
    err: str


Igdm = Callable[..., Said]


@pytest.fixture
def igdm(capsys: pytest.CaptureFixture[str]) -> Igdm:
    """Runs one command."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = entry.main(words)
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture
def config_file(tmp_path):
    """A small configuration."""
    path = tmp_path / "small.toml"
    path.write_text('name = "small"\n\n[student]\nwidth = 16\n\n[attack]\nepsilon = 0.2\nstep_size = 0.05\n')
    return path
