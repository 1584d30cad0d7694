"""What `igdm doctor` looks at; each check says what it found and, when that is bad, what to do."""

import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from core.spec.errors import IgdmError
from core.spec.home import Home
from igdm_tui.sanitise import sanitise_line

LITTLE_DISK = 2 << 30
TORCHVISION_AHEAD = 15  # torch 2.n belongs to torchvision 0.(n + 15)


@dataclass(frozen=True, slots=True)
class Check:
    """state: "ok", "note" (worth knowing) or "wrong"."""

    name: str
    state: str
    text: str


def run_checks(home: Home) -> list[Check]:
    """Every check, in order; one that fails to run is wrong."""
    return [_attempt(name, check, home) for name, check in CHECKS.items()]


def _attempt(name: str, check: Callable[[Home], tuple[str, str]], home: Home) -> Check:
    try:
        state, text = check(home)
    except (IgdmError, OSError) as error:
        state, text = "wrong", str(error)
    return Check(name, state, sanitise_line(text))


def _python(_home: Home) -> tuple[str, str]:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    return ("ok" if fits else "wrong"), f"{platform.python_version()}{'' if fits else ' (needs 3.11 to 3.13)'}"


def _torch(_home: Home) -> tuple[str, str]:
    from igdm_tui.launch.provenance import package_versions

    versions = package_versions()
    return torch_pair(versions.get("torch", ""), versions.get("torchvision", ""))


def torch_pair(torch: str, torchvision: str) -> tuple[str, str]:
    """Whether two versions belong together; both are only read, not imported."""
    if not torch or not torchvision:
        return "wrong", f"torch {torch or 'missing'}, torchvision {torchvision or 'missing'} (run make again)"
    text = f"torch {torch}, torchvision {torchvision}"
    torch_number, _, torch_build = torch.partition("+")
    vision_number, _, vision_build = torchvision.partition("+")
    pair = [int(number.split(".")[1]) for number in (torch_number, vision_number)]
    if pair[0] + TORCHVISION_AHEAD != pair[1]:
        return "wrong", f"{text} do not belong together (torchvision 0.{pair[0] + TORCHVISION_AHEAD} does)"
    if "cpu" in (torch_build, vision_build) and torch_build != vision_build:
        return "wrong", f"{text}: one is built for CPUs only (install both from one place)"
    return "ok", text


def _gpu(_home: Home) -> tuple[str, str]:
    from igdm_tui.launch.provenance import gpus

    found = [f"{gpu['name']} ({gpu['memory'] / 2**30:.0f} GiB)" for gpu in gpus()]
    return ("ok", ", ".join(found)) if found else ("note", "no NVIDIA GPU or driver: runs use the CPU")


def _home_folder(home: Home) -> tuple[str, str]:
    if not home.path.is_dir():
        return "note", f"{home.path} is not there yet (igdm run makes it)"
    if not os.access(home.path, os.W_OK | os.X_OK):
        return "wrong", f"{home.path} is not writable (change its mode, or use --home)"
    return "ok", str(home.path)


def _disk(home: Home) -> tuple[str, str]:
    folder = next(parent for parent in (home.path, *home.path.parents) if parent.is_dir())
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GiB free"
    return ("ok", text) if free > LITTLE_DISK else ("note", f"{text}: checkpoints may not fit")


def _database(home: Home) -> tuple[str, str]:
    from contextlib import closing

    from igdm_tui.store.connection import check_database, connect

    if not home.database.exists():
        return "note", "not there yet"
    check_database(home)
    with closing(connect(home.database)) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
        verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        return "wrong", f"{home.database}: {verdict} (igdm db rebuild makes it anew)"
    slow = "" if mode == "wal" else " (no write-ahead log on this disk: slower, still safe)"
    return "ok", f"{home.database}, journal {mode}{slow}"


def _runs(home: Home) -> tuple[str, str]:
    from igdm_tui.store import Store

    if not home.path.is_dir():
        return "note", "none"
    with Store.open(home) as store:
        store.ingest()
        rows = store.runs()
    lost = [row.id for row in rows if row.status == "lost"]
    text = f"{len(rows)} runs, {sum(row.status == 'running' for row in rows)} running"
    return ("note", f"{text}; lost: {' '.join(lost)} (igdm resume goes on)") if lost else ("ok", text)


def _queue(home: Home) -> tuple[str, str]:
    from igdm_tui.queue.settings import read_settings
    from igdm_tui.queue.slots import slots_folder
    from igdm_tui.queue.summon import supervisor_of
    from igdm_tui.queue.tickets import is_held, queued_ids

    settings = read_settings()
    text = f"{len(queued_ids(home))} runs in it, {settings.cores} CPU cores, slots in {slots_folder()}"
    if is_held(home):
        return "note", f"{text}; stopped (igdm queue start)"
    who = supervisor_of(home)
    return "ok", f"{text}{f', supervised by process {who.pid} on {who.host}' if who else ''}"


def _settings(_home: Home) -> tuple[str, str]:
    from igdm_tui.user_settings import read_user_settings, settings_path

    path = settings_path()
    read_user_settings()
    return "ok", str(path) if path.exists() else f"{path} is not there: defaults"


CHECKS: dict[str, Callable[[Home], tuple[str, str]]] = {
    "python": _python,
    "torch": _torch,
    "gpu": _gpu,
    "settings": _settings,
    "home": _home_folder,
    "disk": _disk,
    "database": _database,
    "queue": _queue,
    "runs": _runs,
}
