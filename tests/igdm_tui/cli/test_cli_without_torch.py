"""The command line answers where torch and everything heavy cannot be imported."""

import subprocess
import sys

import pytest

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
