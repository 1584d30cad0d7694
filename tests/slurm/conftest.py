"""A real Slurm of one host for the tests in this folder; without it they are skipped, and say why."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.conftest import PATIENCE_S, TINY

SCRIPT = Path(__file__).with_name("cluster.sh")
FOLDER = Path("/tmp") / f"igdm-slurm-{os.getpid()}"  # short: sockets lie in it


@pytest.fixture(scope="session")
def cluster():
    """Two pretend nodes on loopback, with accounting; taken down and removed afterwards."""
    if os.environ.get("IGDM_TEST_SLURM") != "1":
        pytest.skip("a Slurm cluster of one host is started by make test-slurm only")
    if shutil.which("slurmctld", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("Slurm is not installed and could not be (make test-slurm installs it as root on Debian)")
    environment = os.environ | {"IGDM_SLURM_DIR": str(FOLDER)}

    def control(*words: str) -> None:
        subprocess.run([SCRIPT, *words], env=environment, check=True, timeout=PATIENCE_S)

    before = dict(os.environ)
    try:
        control("up")
        os.environ["SLURM_CONF"] = str(FOLDER / "etc" / "slurm.conf")
        yield control
    finally:
        control("wipe")
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def igdm(cluster, tmp_path):
    """The command line in a home of its own; config.toml lies in the current folder. Answers what stands on stdout."""
    (tmp_path / "tiny.toml").write_text(TINY)

    def run(*words: str) -> str:
        result = subprocess.run(
            [sys.executable, "-P", "-m", "igdm_tui.cli.entry", "--home", str(tmp_path / "home"), *words],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


@pytest.fixture
def state_of(igdm):
    def ask(run_id: str) -> str:
        return json.loads(igdm("show", run_id, "--json"))["status"]

    return ask


@pytest.fixture
def wait_for_state(igdm, state_of, tmp_path):
    def wait(run_id: str, wanted: str, seconds: float = PATIENCE_S) -> None:
        deadline = time.monotonic() + seconds
        while (now := state_of(run_id)) != wanted:
            assert time.monotonic() < deadline, f"{run_id} is {now}, not {wanted}:\n{igdm('show', run_id)}"
            time.sleep(0.5)

    return wait
