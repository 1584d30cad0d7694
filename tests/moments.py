"""Programs that are hit by a signal at a chosen moment of their work, counted in what they do to files, not in seconds.

On a fast machine or a slow one the same thing is half done then. The signal is a real one, which the program sends to
itself just before an act: the file that it wants to open, replace or lock is as it was. A SIGKILL ends it there, a
SIGSTOP holds it until somebody sends SIGCONT.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

WATCHED = """
import os, sys

wish = os.environ.pop("IGDM_TEST_MOMENT", "")  # taken out: what the program starts for good is left alone
has_begun = False


def is_one(act, path):
    global has_begun
    if act == "open" and isinstance(path, (str, os.PathLike)):
        path = os.fspath(path)
        has_begun = has_begun or path.endswith(begin)
        return has_begun and path.endswith((begin, ".tmp"))
    return has_begun and act in ("os.rename", "fcntl.flock")


def watch(act, arguments):
    global left
    if act in ("open", "os.rename", "fcntl.flock") and is_one(act, arguments[0]):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)


if wish:
    number, left, begin = wish.split(" ", 2)
    number, left = int(number), int(left)
    sys.addaudithook(watch)
"""


def at_moment(folder: Path, number: signal.Signals, *, begin: str, acts: int) -> dict[str, str]:
    """Environment of a Python program that sends itself a signal; `folder` holds what that needs.

    begin: end of a path; opening it is the first act. Others are opening it again, opening a file that is to replace
    another, replacing, locking and unlocking. acts: before which of them the signal comes.
    """
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(WATCHED)
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH"))))
    return {"PYTHONPATH": path, "IGDM_TEST_MOMENT": f"{int(number)} {acts} {begin}"}


def is_held(pid: int) -> bool:
    """True while a process stands still after SIGSTOP."""
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


@contextmanager
def held(pid: int) -> Iterator[None]:
    """A process, with the group that it leads, stands still meanwhile: no work ends before what is done to it."""
    send = os.killpg if os.getpgid(pid) == pid else os.kill
    send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            send(pid, signal.SIGCONT)
