"""One folder per run: runs/<run_id>/. This is the only place that knows its file names."""

import fcntl
import json
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from core.spec.atomic import replace_text
from core.spec.errors import IgdmError, SupersededError
from core.spec.heartbeat import is_fresh
from core.spec.home import Home
from core.spec.plain_files import NO_LOCKS, open_own, read_json
from core.spec.process import ProcessIdentity, this_host

EVENTS, RUN_JSON, LABELS = "events.jsonl", "run.json", "labels.json"
ID_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"  # no 0/o, 1/l/i, u: ids are read aloud and typed
ID_LENGTH = 8
LARGEST_PID, LARGEST_ATTEMPT = 2**31, 2**31
CLAIM_WAIT_S = 5.0  # one line is written in microseconds; whoever holds the file longer is stopped or gone


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Names of the files of one run.

    labels.json: tags, note and archive, given by people.
    config.toml: the settings. run.json: what was known before the start (command, git, versions, host, hash).
    events.jsonl: the truth of what happened. worker.json: which process runs it. worker.log: what it printed.
    heartbeat: touched while it runs, for other hosts.
    stop_requested: a mark that asks the worker to stop, wherever it is, and keeps it from starting again.
    slurm.json: the Slurm job it was handed to. slurm_state.json: what was last heard of that job.
    checkpoints/: last.pt and previous.pt. evaluation/: state of attacks and their outcome per image.
    """

    path: Path

    @property
    def run_id(self) -> str:
        """The run's identifier: the folder's name."""
        return self.path.name

    @property
    def home(self) -> Home:
        """The home this run lives in."""
        return Home(self.path.parent.parent)

    @property
    def config(self) -> Path:
        """All settings, as TOML."""
        return self.path / "config.toml"

    @property
    def run_json(self) -> Path:
        """What was known before the worker started."""
        return self.path / RUN_JSON

    @property
    def events(self) -> Path:
        """One JSON line per event."""
        return self.path / EVENTS

    @property
    def worker_json(self) -> Path:
        """The process that runs it now or did last."""
        return self.path / "worker.json"

    @property
    def log(self) -> Path:
        """Everything the worker printed; hostile text to a terminal."""
        return self.path / "worker.log"

    @property
    def stop_mark(self) -> Path:
        """There while the run is to stop; the worker looks for it, also on another host."""
        return self.path / "stop_requested"

    @property
    def slurm_json(self) -> Path:
        """The Slurm job this run was handed to; absent for other runs."""
        return self.path / "slurm.json"

    @property
    def slurm_state_json(self) -> Path:
        """What was last heard of that job."""
        return self.path / "slurm_state.json"

    @property
    def labels(self) -> Path:
        """Tags, note and whether it is archived; absent while nobody has said anything."""
        return self.path / LABELS

    @property
    def heartbeat(self) -> Path:
        """Touched by the worker every few seconds."""
        return self.path / "heartbeat"

    @property
    def checkpoints(self) -> Path:
        """Folder of training states and weights."""
        return self.path / "checkpoints"

    @property
    def evaluation(self) -> Path:
        """Folder of attack states and outcomes."""
        return self.path / "evaluation"

    @property
    def lock_path(self) -> Path:
        """Held by the worker for as long as it lives."""
        return self.path / "worker.lock"

    def read_run_json(self) -> dict[str, Any]:
        """The content of run.json.

        Raises: IgdmError when it is missing or damaged.
        """
        try:
            content: dict[str, Any] = read_json(self.run_json)
        except (OSError, ValueError) as error:
            raise IgdmError(
                f"{self.run_json}: cannot be read: {error} (a run that never began may be removed with its folder)"
            ) from error
        return content

    def write_worker(self, identity: ProcessIdentity, attempt: int, *, evaluation: str = "") -> None:
        """Say which process runs this; by rename. evaluation: the one it makes after the run, "" for a worker."""
        content = {
            "pid": identity.pid,
            "started_at": identity.started_at,
            "host": identity.host,
            "since_boot": identity.since_boot,
            "token": identity.token,
            "attempt": attempt,
        } | ({"evaluation": evaluation} if evaluation else {})
        replace_text(self.worker_json, json.dumps(content) + "\n")

    def read_worker(self) -> tuple[ProcessIdentity, int] | None:
        """The process that runs it or did last, and its attempt; None before the first start."""
        try:
            content = read_json(self.worker_json)
            identity = ProcessIdentity(
                pid=int(content["pid"]),
                started_at=float(content["started_at"]),
                host=str(content["host"]),
                since_boot=str(content.get("since_boot", "")),
                token=str(content.get("token", "")),
            )
            attempt = int(content["attempt"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
        # A signal to the pids 0 and -1 would reach others than a worker.
        return (identity, attempt) if 0 < identity.pid < LARGEST_PID and 0 <= attempt < LARGEST_ATTEMPT else None

    def claim(self, identity: ProcessIdentity, attempt: int) -> None:
        """Say which process runs this, so that writers of an older attempt write nothing more.

        Raises: SupersededError when this attempt or a newer one was claimed before.
        """
        descriptor = open_own(self.events, os.O_RDWR)
        try:
            with Holding(descriptor, wait_s=CLAIM_WAIT_S):
                before = self.read_worker()
                if before is not None and before[1] >= attempt:
                    raise SupersededError(f"{self.run_id}: attempt {before[1]} has this run, not attempt {attempt}")
                self.write_worker(identity, attempt)
        finally:
            os.close(descriptor)

    def check_attempt(self, attempt: int) -> None:
        """Make sure that an attempt still has the run.

        Raises: SupersededError when a newer one has claimed it.
        """
        now = self.read_worker()
        if now is not None and now[1] > attempt:
            raise SupersededError(
                f"{self.run_id}: attempt {now[1]} on {now[0].host} has this run now; attempt {attempt} leaves it"
            )

    def living_worker(self) -> tuple[ProcessIdentity, int] | None:
        """The process that runs it now and its attempt; None when nobody does.

        A process of this host is looked up; one of another host counts while its heartbeat is fresh.
        """
        worker = self.read_worker()
        if worker is None:
            return None
        identity = worker[0]
        is_alive = identity.is_alive() if identity.host == this_host() else is_fresh(self.heartbeat)
        return worker if is_alive else None

    def read_evaluating(self) -> str:
        """The evaluation that a living process makes after the run; "" when there is none."""
        return "" if self.living_worker() is None else self.named_evaluation()

    def named_evaluation(self) -> str:
        """The evaluation that the last process made or makes, whether it lives or not; "" for a worker."""
        try:
            return str(read_json(self.worker_json).get("evaluation", ""))
        except (OSError, ValueError, AttributeError):
            return ""

    def request(self, evaluation: str) -> Path:
        """What an evaluation after the run was asked to measure."""
        return self.evaluation / evaluation / "request.json"

    def try_lock(self) -> IO[bytes] | None:
        """Take the worker's lock: an open file that keeps it until closed, or None when a living process has it.

        On a disk without locks it is given to everyone: there the number of the attempt keeps writers apart.
        """
        descriptor = open_own(self.lock_path, os.O_RDWR)
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                file.close()
                raise
        return file


class Holding:
    """Keep an open file to oneself for a moment, so that a check and the write after it are one act.

    On file systems without locks, and when whoever holds it does not let go in `wait_s` seconds, it goes on without.
    """

    __slots__ = ("_descriptor", "_wait_s")

    def __init__(self, descriptor: int, *, wait_s: float) -> None:
        self._descriptor, self._wait_s = descriptor, wait_s

    def __enter__(self) -> None:
        deadline = 0.0
        while True:
            try:
                return fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                deadline = deadline or time.monotonic() + self._wait_s
                if time.monotonic() > deadline:
                    return None
                time.sleep(0.001)
            except OSError:
                return None

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # whoever closes the file lets go of it, too
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)


def new_run_id() -> str:
    """Eight letters and digits that are hard to confuse."""
    import secrets  # brings OpenSSL along, which who only looks at runs can do without

    return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def run_folders(home: Home) -> list[RunFolder]:
    """Every complete run folder of a home, in no particular order; none when there is no home yet."""
    try:
        with os.scandir(home.runs) as entries:
            return [
                RunFolder(Path(e.path))
                for e in entries
                if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)
            ]
    except FileNotFoundError:
        return []
