"""The process that may import torch: it checks checkpoints and trains teachers for commands that may not."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.errors import RunFailedError

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from core.spec.home import Home

COMMAND = [sys.executable, "-P", "-m", "core.teacher_process"]
INTERRUPTED = (130, 143)


def check_checkpoint(path: Path, model: str, dataset: str, home: "Home") -> tuple[dict[str, Any], list[str]]:
    """Load a checkpoint strictly: what was found (tensors, parameters, clean_accuracy, examples), and what was said.

    Raises: RunFailedError with the reason when it does not fit.
    """
    done = subprocess.run(
        [*COMMAND, "check", str(path), model, dataset, str(home.path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
        stdin=subprocess.DEVNULL,
    )
    said = done.stderr.splitlines()
    if done.returncode != 0:
        raise RunFailedError(said[-1] if said else f"{path}: the check ended with code {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found, said


def train_teacher(config: "RunConfig", home: "Home", on_progress: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Make the teacher of a configuration in the foreground; its last word (state "ready", recipe_hash, metrics).

    on_progress: called with every word on the way. Ctrl-C reaches the process, which keeps a checkpoint.
    Raises: RunFailedError with the reason; KeyboardInterrupt when it was stopped.
    """
    from core.spec.toml_text import config_to_toml

    last: dict[str, Any] = {}
    with (
        tempfile.TemporaryFile() as talk,
        subprocess.Popen(
            [*COMMAND, "train", str(home.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=talk,
            text=True,
            encoding="utf-8",
            errors="replace",
            cwd=home.path,
        ) as child,
    ):
        assert child.stdin
        assert child.stdout
        child.stdin.write(config_to_toml(config))
        child.stdin.close()
        try:
            for line in child.stdout:
                last = json.loads(line)
                on_progress(last)
        except KeyboardInterrupt:
            child.wait()  # it has had the same signal, and writes its checkpoint now
            raise
        child.wait()
        talk.seek(0)
        said = talk.read().decode("utf-8", "replace").splitlines()
    if child.returncode in INTERRUPTED:
        raise KeyboardInterrupt
    if child.returncode != 0 or last.get("state") != "ready":
        raise RunFailedError(said[-1] if said else f"the teacher's process ended with code {child.returncode}")
    return last
