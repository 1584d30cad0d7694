"""What a run is doing, derived from its events and its process each time someone asks. Never stored."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.spec.plain_files import open_plain
from core.spec.run_folder import RunFolder
from igdm_tui.slurm.records import read_state, waits_in_slurm, was_started_by_slurm

EVALUATION_SHARE = 0.2  # of a whole run, roughly
STARTING_S = 60.0
ATTACK_WEIGHTS = {"autoattack": 20.0, "pgd20": 2.0}


@dataclass(frozen=True, slots=True)
class Teaching:
    """How far the teacher of a run is; no teacher yet: state ""."""

    state: str = ""
    epoch: int = 0
    epochs: int = 0
    cached: bool = False


def derive_status(folder: RunFolder, ended: str, attempt: int, position: int, *, has_ticket: bool = False) -> str:
    """queued, running, finished, failed, stopped or lost.

    ended: what the newest terminal event says, "" when none came after the newest start. attempt: the newest that has
    said it started. position: bytes of the event file that were read. has_ticket: the queue will start it (again).
    """
    if ended == "finished":
        return ended
    worker = folder.living_worker()
    if ended:
        if worker is not None and worker[1] > attempt:
            return "running"
        is_waiting = (has_ticket and worker is None) or (ended == "stopped" and waits_in_slurm(folder))
        return "queued" if is_waiting else ended
    if worker is not None or _has_unread_line(folder, position):
        return "lost" if worker is not None and folder.named_evaluation() else "running"
    if has_ticket or waits_in_slurm(folder):
        return "queued"
    before = folder.read_worker()
    if before is None:
        state = read_state(folder)
        if attempt or (state and state.is_over):
            return "lost"
        return "queued" if state or _is_new(folder) else "lost"
    return "running" if was_started_by_slurm(folder, within_s=STARTING_S) else "lost"


def _is_new(folder: RunFolder) -> bool:
    """True for a run folder without a worker that is less than a minute old: whoever made it is about to start it."""
    try:
        made = folder.path.stat().st_mtime
    except OSError:
        return False
    return abs(time.time() - made) < STARTING_S


def _has_unread_line(folder: RunFolder, position: int) -> bool:
    """True when a whole line waits to be read: the process is gone, but its last word is not known yet."""
    try:
        descriptor = open_plain(folder.events)
    except FileNotFoundError:
        return False
    try:
        return b"\n" in os.pread(descriptor, 1 << 16, position)
    finally:
        os.close(descriptor)


def stage_text(phase: str, teaching: Teaching, *, epoch: int, epochs: int, attack: str, stage: str) -> str:
    """What a running run does now: "teacher 3/30", "epoch 4/30", "autoattack fab-t"."""
    if phase == "teacher":
        if teaching.state == "training" and teaching.epochs:
            return f"teacher {min(teaching.epoch + 1, teaching.epochs)}/{teaching.epochs}"
        return f"teacher {teaching.state}"
    if phase == "training":
        return f"epoch {min(epoch + 1, epochs)}/{epochs}"
    if phase == "evaluation" and attack:
        return attack if stage in ("", attack) else f"{attack} {stage}"
    return phase


def progress_share(
    *,
    phase: str,
    ended: str,
    epoch: int,
    epochs: int,
    step: int,
    steps_per_epoch: int,
    attack: str,
    attack_progress: float,
    attacks: Callable[[], Any],
    teaching: Teaching,
) -> float | None:
    """Rough share of the whole run that is done, in [0, 1]; None before its length is known.

    Teacher and student epochs count alike; the attacks of the final evaluation share the last fifth.
    attacks: their names; asked only where they matter.
    """
    if ended == "finished":
        return 1.0
    if not epochs and phase != "evaluation":
        return None
    own = 0 if teaching.cached else teaching.epochs
    done = own if teaching.state == "ready" else min(teaching.epoch, own)
    within = step / steps_per_epoch if steps_per_epoch else 0.0
    training = (done + min(max(float(epoch), within), float(epochs))) / (own + epochs) if own + epochs else 0.0
    own_attacks = attacks()
    weights = [(name, ATTACK_WEIGHTS.get(name, 1.0)) for name in own_attacks] if _is_names(own_attacks) else []
    if not weights:
        return min(training, 1.0)
    evaluated = 0.0
    if phase == "evaluation" and attack:
        names = [name for name, _ in weights]
        before = names.index(attack) if attack in names else 0
        current = dict(weights).get(attack, 0.0) * attack_progress
        evaluated = (sum(weight for _, weight in weights[:before]) + current) / sum(weight for _, weight in weights)
    elif phase == "" and epoch >= epochs:
        evaluated = 1.0
    share = EVALUATION_SHARE if own + epochs else 1.0  # a run without training only evaluates
    return min(training * (1 - share) + evaluated * share, 1.0)


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
