"""Who starts next, and why the others wait: a pure decision about tickets in order and slots as they are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

GIB = 2**30
ALONE = 0.9  # of a GPU's memory is free when nobody is on it


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """A part of the machine that one worker holds.

    name: "cpu:3", or "cuda:1/0" for the first slot of GPU 1. device: "cpu", or "cuda:1". is_free: nobody holds it.
    blocked: why it must not be used although it is free, harmless text. memory: bytes free on its GPU, less what runs
    that have just started will still take; size: of its whole memory. Both without meaning on the CPU.
    """

    name: str
    device: str
    is_free: bool = True
    blocked: str = ""
    memory: int = 0
    size: int = 0

    @property
    def kind(self) -> str:
        """cpu or cuda."""
        return self.device.partition(":")[0]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a waiting run wants: device as in runtime.device, `count` cores or GPUs, `memory` bytes on each GPU."""

    run_id: str
    device: str
    count: int = 1
    memory: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """slots: names to start on, or none with the reason to wait."""

    run_id: str
    slots: tuple[str, ...] = ()
    reason: str = ""


def decide(wishes: Sequence[Wish], slots: Sequence[Slot]) -> list[Decision]:
    """One decision per wish, which come in the order of the queue.

    A run that has to wait keeps what is free for it: smaller runs behind it never keep it waiting for ever.
    """
    has_gpu = any(slot.kind == "cuda" for slot in slots)
    left = {slot.name: slot for slot in slots}
    decisions = []
    for number, wish in enumerate(wishes, 1):
        device = ("cuda" if has_gpu else "cpu") if wish.device == "auto" else wish.device
        usable = [slot for slot in left.values() if device in (slot.device, slot.kind)]
        count = _count(wish, device, usable)
        chosen = [slot for slot in usable if slot.is_free and not slot.blocked and _has_memory(slot, wish)]
        chosen = _spread(chosen)[:count]
        if len({slot.device for slot in usable}) < count and device != "cpu":
            decisions.append(Decision(wish.run_id, reason=_impossible(device, count, usable)))
            continue
        if len(chosen) == count:
            decisions.append(Decision(wish.run_id, tuple(slot.name for slot in chosen)))
        else:
            place = f"{ordinal(number)} of {len(wishes)}"
            why = _on_cpu(count, chosen) if device == "cpu" else _on_gpu(wish, count, usable, chosen)
            decisions.append(Decision(wish.run_id, reason=why or place))
        for slot in chosen:
            left[slot.name] = replace(slot, is_free=False)
            for other in left.values():
                if other.device == slot.device != "cpu":
                    left[other.name] = replace(other, memory=other.memory - wish.memory)
    return decisions


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, ..."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _count(wish: Wish, device: str, usable: Sequence[Slot]) -> int:
    """Slots it needs: never more cores than the machine gives, or it would wait for ever."""
    return max(min(wish.count, len(usable)), 1) if device == "cpu" else max(wish.count, 1)


def _has_memory(slot: Slot, wish: Wish) -> bool:
    return slot.kind == "cpu" or slot.memory >= _needed(slot, wish)


def _needed(slot: Slot, wish: Wish) -> int:
    """Bytes that must be free. What a run takes is an estimate: one that asks for more than there is may try alone."""
    return min(wish.memory, int(slot.size * ALONE)) if slot.size else wish.memory


def _spread(slots: Sequence[Slot]) -> list[Slot]:
    """One slot of each GPU, the one with most memory first; every core."""
    best: dict[str, Slot] = {}
    for slot in slots:
        best.setdefault(slot.name if slot.kind == "cpu" else slot.device, slot)
    return sorted(best.values(), key=lambda slot: -slot.memory if slot.kind == "cuda" else 0)


def _impossible(device: str, count: int, usable: Sequence[Slot]) -> str:
    there = len({slot.device for slot in usable})
    if count == 1:
        return f"there is no {device} for it on this machine"
    return f"wants {count} GPUs, this machine gives {there}"


def _on_cpu(count: int, chosen: Sequence[Slot]) -> str:
    """What a run on the CPU waits for beyond its turn, "" for nothing else."""
    return "" if count == 1 else f"waits for {count} CPU cores, {len(chosen)} free"


def _on_gpu(wish: Wish, count: int, usable: Sequence[Slot], chosen: Sequence[Slot]) -> str:
    """What a run on a GPU waits for beyond its turn, "" for nothing else."""
    free = [slot for slot in usable if slot.is_free]
    blocked = next((slot for slot in free if slot.blocked), None)
    poor = max((slot for slot in free if not slot.blocked), key=lambda slot: slot.memory, default=None)
    if poor is not None and not _has_memory(poor, wish):
        free_gb, needed_gb = max(poor.memory, 0) / GIB, _needed(poor, wish) / GIB
        return f"waits for {poor.device}: {free_gb:.1f} GB free, {needed_gb:.1f} needed"
    if blocked is not None and not chosen:
        return f"waits for {blocked.device}: {blocked.blocked}"
    return f"waits for {count} GPUs, {len(chosen)} free" if count > 1 else ""
