"""Where a run comes from: code, versions, machine. Whatever cannot be found is left out; nothing here stops a run."""

import importlib.metadata
import platform
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = ("igdm-tui", "torch", "torchvision", "pyautoattack", "numpy", "scikit-learn")
GIT_TIMEOUT_S = 5.0
SECRET_LITERAL = re.compile(
    r"""(\w*(?:token|secret|password|passwd|credential|api_?key|access_?key|private_?key)\w*["']?\s*[=:]\s*)"""
    r"""(["'])[^"'\n]{6,}\2""",
    re.IGNORECASE,
)
MOST_DIFF = 200_000  # characters; a longer diff is cut and says so


def provenance() -> dict[str, Any]:
    """What run.json says about code and machine."""
    import core

    return {
        "git": git_state(Path(core.__file__).parent.parent),
        "versions": package_versions(),
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "gpus": [gpu["name"] for gpu in gpus()],
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, whether tracked files differ from it, and how; None without git or outside a repository."""
    try:
        sha = _git(folder, "rev-parse", "HEAD").strip()
        diff = without_secret_literals(_git(folder, "diff", "HEAD", "--no-ext-diff", "--no-textconv"))
    except (OSError, subprocess.SubprocessError):
        return None
    cut = len(diff) > MOST_DIFF
    return {"sha": sha, "dirty": bool(diff), "diff": diff[:MOST_DIFF], "diff_cut": cut}


def without_secret_literals(text: str) -> str:
    """Lines of code without the quoted values of what is called token, secret or password, or a key for access."""
    return SECRET_LITERAL.sub(r"\1\2***\2", text)


def package_versions() -> dict[str, str]:
    """Installed versions by package, from their metadata: nothing is imported."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def gpus() -> list[dict[str, Any]]:
    """Name and memory in bytes of every NVIDIA GPU; none without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        found = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            name = pynvml.nvmlDeviceGetName(handle)
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle).total
            found.append({"index": index, "name": name, "memory": int(memory)})
        return found
    except pynvml.NVMLError:
        return []
    finally:
        pynvml.nvmlShutdown()


def _git(folder: Path, *words: str) -> str:
    """What git prints; it takes no locks and asks nothing.

    Raises: OSError without git, CalledProcessError outside a repository, TimeoutExpired.
    """
    result = subprocess.run(
        ["git", "--no-optional-locks", "-C", str(folder), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=GIT_TIMEOUT_S,
        check=True,
    )
    return result.stdout.decode("utf-8", "replace")
