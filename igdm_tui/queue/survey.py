"""The slots of this machine as they are now: lock files, GPUs, and other people's processes on them."""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from igdm_tui.queue.gpus import Gpu, GpuProcess, visible
from igdm_tui.queue.plan import GIB, Slot, Wish
from igdm_tui.queue.settings import QueueSettings
from igdm_tui.queue.tickets import Ticket


def slot_names(settings: QueueSettings, gpus: Sequence[Gpu]) -> dict[str, str]:
    """Every slot and its device: one per core ("cpu:0" on "cpu"), a few per GPU ("cuda:1/0" on "cuda:1")."""
    names = {f"cpu:{core}": "cpu" for core in range(settings.cores)}
    for gpu in allowed(settings, gpus):
        for number in range(settings.gpu_slots):
            names[f"cuda:{gpu.index}/{number}"] = f"cuda:{gpu.index}"
    return names


def allowed(settings: QueueSettings, gpus: Sequence[Gpu]) -> list[Gpu]:
    """GPUs that the queue may use: those of CUDA_VISIBLE_DEVICES and of queue.toml."""
    return [gpu for gpu in visible(gpus) if not settings.gpus or gpu.index in settings.gpus]


def survey(
    settings: QueueSettings,
    gpus: Sequence[Gpu],
    free: Collection[str],
    labels: Mapping[str, Mapping[str, Any]],
    workers: Mapping[int, frozenset[int]],
) -> list[Slot]:
    """Slots with what decides about them.

    free: names whose lock nobody holds. labels: of the others, what they are held for: {"pid", "memory"}.
    workers: by pid of such a holder, the pids of its process group, itself included.
    """
    by_name = {f"cuda:{gpu.index}": gpu for gpu in gpus}
    slots = []
    for name, device in slot_names(settings, gpus).items():
        if device == "cpu":
            slots.append(Slot(name=name, device=device, is_free=name in free))
            continue
        held = [label for other, label in labels.items() if other.startswith(f"{device}/") and other not in free]
        blocked, memory = _gpu_state(by_name[device], held, workers, may_share=settings.share_gpus)
        size = by_name[device].memory
        slots.append(Slot(name=name, device=device, is_free=name in free, blocked=blocked, memory=memory, size=size))
    return slots


def wish_of(ticket: Ticket, settings: QueueSettings, *, has_gpu: bool) -> Wish:
    """What a ticket asks of this machine."""
    on_cpu = ticket.device == "cpu" or (ticket.device == "auto" and not has_gpu)
    memory = ticket.memory or int(settings.gpu_memory_gib * GIB)
    return Wish(
        run_id=ticket.run_id,
        device=ticket.device,
        count=ticket.threads * ticket.devices if on_cpu else ticket.devices,
        memory=memory,
    )


def groups_on(gpus: Sequence[Gpu], labels: Mapping[str, Mapping[str, Any]]) -> dict[int, frozenset[int]]:
    """By pid of each worker that holds a slot, the processes of its group that compute on a GPU, and itself."""
    groups: dict[int, set[int]] = {pid: {pid} for label in labels.values() if isinstance(pid := label.get("pid"), int)}
    for gpu in gpus:
        for process in gpu.processes:
            try:
                group = os.getpgid(process.pid)
            except OSError:
                continue
            if group in groups:
                groups[group].add(process.pid)
    return {pid: frozenset(members) for pid, members in groups.items()}


def _gpu_state(
    gpu: Gpu, held: Sequence[Mapping[str, Any]], workers: Mapping[int, frozenset[int]], *, may_share: bool
) -> tuple[str, int]:
    """Why the GPU must not be used, "" when it may; and its free memory less what our own runs will still take.

    Inside a container the driver's pids are not ours: then as many processes as we hold slots count as our own.
    """
    groups = [workers.get(_number(label.get("pid")), frozenset({_number(label.get("pid"))})) for label in held]
    own = frozenset().union(*groups)
    foreign = [process for process in gpu.processes if process.pid not in own]
    if held and len(foreign) == len(gpu.processes):
        foreign = foreign[len(held) :]
    coming = 0
    for label, group in zip(held, groups, strict=True):
        used = sum(process.memory or 0 for process in gpu.processes if process.pid in group)
        coming += max(_number(label.get("memory")) - used, 0) if used or not gpu.processes else 0
    blocked = _who(foreign) if foreign and not may_share else ""
    return blocked, gpu.free - coming


def _who(processes: Sequence[GpuProcess]) -> str:
    first = max(processes, key=lambda process: process.memory or 0)
    memory = f", {first.memory / GIB:.1f} GB" if first.memory else ""
    others = f" and {len(processes) - 1} more" if len(processes) > 1 else ""
    return f"used by process {first.pid}{others}{memory}"


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
