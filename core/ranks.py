"""Several processes for one run: the worker keeps the run, one child for each device trains it, rank 0 speaks for all.

Children meet through a file in a folder of their own and talk over the loopback interface: torchrun's agent would
listen on every interface, here nothing can be reached from outside. They end with their parent, whatever ends it.
"""

import ctypes
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

from core.spec.errors import TrainingError
from core.stopping import STOP_SIGNALS, StopRequests
from core.talk import say

if TYPE_CHECKING:
    import torch

    from core.training.distributed import Ranks

POLL_S = 0.2
LAST_WORDS_S = 15.0  # for rank 0 to notice by itself that another one is gone
PATIENCE_DAYS = 7  # a teacher is trained, or a network measured, while the others wait; the dead are noticed otherwise
BROKEN_OFF = ("gloo", "NCCL")  # what PyTorch says when a neighbour is gone names one of them
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the processes of a run this one is. rank: from 0. count: of them. meeting: a folder they share."""

    rank: int = 0
    count: int = 1
    meeting: str = ""

    @property
    def is_first(self) -> bool:
        """The one that writes events and checkpoints."""
        return self.rank == 0

    def device(self, wanted: str) -> str:
        """The device of this place, as `prepare_device` takes it."""
        if self.count == 1 or wanted == "cpu":
            return wanted
        import torch

        return f"cuda:{self.rank}" if wanted == "cuda" or torch.cuda.is_available() else "cpu"

    def join(self, device: "torch.device") -> "Ranks | None":
        """Meet the other processes; None for a run on one device."""
        if self.count == 1:
            return None
        from datetime import timedelta

        import torch
        import torch.distributed as dist

        from core.training.distributed import Ranks

        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=f"file://{self.meeting}/store",
            rank=self.rank,
            world_size=self.count,
            timeout=timedelta(days=PATIENCE_DAYS),
        )
        return Ranks(self.rank, self.count)

    def begin(self) -> None:
        """For a child: end with the parent; all but rank 0 leave signals to rank 0, which stops between two steps."""
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if not self.is_first:
            for number in STOP_SIGNALS:
                signal.signal(number, signal.SIG_IGN)

    def leave_word(self, text: str) -> None:
        """Say why this process cannot go on, for whoever tells the run's end."""
        (Path(self.meeting) / f"error-{self.rank}").write_text(text, encoding="utf-8")

    def words_of_others(self) -> str:
        """Why another process could not go on; "" when none has said so."""
        words = [file.read_text(encoding="utf-8") for file in sorted(Path(self.meeting).glob("error-*"))]
        return words[0] if words and self.count > 1 else ""

    def reason(self, sentence: str) -> str:
        """Why the run ends, when this process can only say `sentence`: the words of whoever broke off first."""
        if self.count == 1 or not any(sign in sentence for sign in BROKEN_OFF):
            return sentence
        deadline = time.monotonic() + POLL_S * 10
        while not (words := self.words_of_others()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return words or f"the process of another device is gone (see worker.log; igdm resume goes on): {sentence}"


ALONE = Place()


def run_ranks(target: Callable[..., None], arguments: tuple[object, ...], count: int, should_stop: StopRequests) -> int:
    """Run `target(place, *arguments)` in `count` processes until rank 0 has ended; its exit code.

    Raises: TrainingError when one of them died without a word of rank 0; whatever `should_stop` raises.
    """
    import multiprocessing

    interface = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    for variable in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME"):
        os.environ[variable] = interface
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="igdm-") as meeting:
        processes = [
            context.Process(target=target, args=(Place(rank, count, meeting), *arguments), name=f"rank {rank}")
            for rank in range(count)
        ]
        try:
            for process in processes:
                process.start()
            return _watch(processes, Place(0, count, meeting), should_stop)
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
            for process in processes:
                if process.pid is not None:
                    process.join()


def _watch(processes: list[SpawnProcess], place: Place, should_stop: StopRequests) -> int:
    """Hand a stop on to rank 0, notice the dead; rank 0's exit code."""
    first, others = processes[0], processes[1:]
    handed_on = False
    gone_since = 0.0
    while first.exitcode is None:
        if should_stop() and not handed_on and first.pid:
            handed_on = True
            os.kill(first.pid, should_stop.number)
        if not gone_since and any(process.exitcode not in (None, 0) for process in others):
            gone_since = time.monotonic()
        if gone_since and time.monotonic() - gone_since > LAST_WORDS_S:
            break
        first.join(POLL_S)
    if first.exitcode is not None and first.exitcode >= 0:
        return first.exitcode
    dead = next(process for process in processes if process.exitcode not in (None, 0))
    reason = place.words_of_others() or f"ended with {_ending(dead.exitcode or 0)}"
    say(f"{dead.name}: {reason}", error=True)
    raise TrainingError(f"{dead.name} of {place.count}: {reason} (see worker.log; igdm resume goes on)")


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
