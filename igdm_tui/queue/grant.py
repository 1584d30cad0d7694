"""What a worker is given when it starts: slots it inherits, and the environment that keeps it to them."""

import os
import secrets
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.spec.device_slot import SLOT_VARIABLE
from core.spec.errors import IgdmError
from core.spec.home import DATA_VARIABLE
from core.spec.process import TOKEN_VARIABLE
from core.spec.run_folder import RunFolder
from igdm_tui.queue.gpus import Gpu, GpuWatch
from igdm_tui.queue.settings import QueueSettings, read_settings, usable_cores
from igdm_tui.queue.slots import HeldSlots, take_first_free
from igdm_tui.queue.survey import slot_names

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


@dataclass(slots=True)
class Grant:
    """slots: held until the worker has inherited them. environment: set for the worker. memory: bytes it will take."""

    slots: HeldSlots = field(default_factory=HeldSlots)
    environment: dict[str, str] = field(default_factory=dict)
    memory: int = 0

    def environment_of_worker(self) -> dict[str, str]:
        """The whole environment of the worker, with a token of its own."""
        return os.environ | self.environment | {TOKEN_VARIABLE: secrets.token_hex(8)}

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the worker inherits."""
        return tuple(self.slots.descriptors.values())

    def label(self, folder: RunFolder, pid: int) -> None:
        """Write into the slots who has them."""
        self.slots.label(run=folder.run_id, home=str(folder.home.path), pid=pid, memory=self.memory)

    def close(self) -> None:
        """The worker has them now, or nobody."""
        self.slots.close()


def queue_grant(slots: HeldSlots, gpus: Sequence[Gpu], *, threads: int, memory: int, data: str) -> Grant:
    """For a run that waited: nothing but its slots. threads: of the CPU, for libraries that would take all cores."""
    environment = dict.fromkeys(THREAD_VARIABLES, str(threads)) | ({DATA_VARIABLE: data} if data else {})
    devices = [name.partition("/")[0] for name in slots.descriptors if name.startswith("cuda")]
    if devices:
        uuids = {f"cuda:{gpu.index}": gpu.uuid for gpu in gpus}
        environment |= {
            SLOT_VARIABLE: ",".join(devices),
            "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
            "CUDA_VISIBLE_DEVICES": ",".join(uuids[device] for device in devices),
        }
    else:
        environment |= {SLOT_VARIABLE: "cpu"}
    return Grant(slots, environment, memory)


def direct_grant(folder: RunFolder) -> Grant:
    """For a run that starts at once: no restriction, and those of the slots it will use that are free."""
    try:
        runtime = tomllib.loads(folder.config.read_text(encoding="utf-8")).get("runtime", {})
        settings, gpus = read_settings(), GpuWatch().look()
        return Grant(take_first_free(*_slots_used(runtime, settings, gpus)))
    except (OSError, ValueError, IgdmError):
        return Grant()  # the worker says what is wrong with its settings; slots are only for the queue to see


def _slots_used(runtime: dict[str, Any], settings: QueueSettings, gpus: Sequence[Gpu]) -> tuple[list[str], int]:
    device = runtime.get("device", "auto")
    device = ("cuda" if gpus else "cpu") if device == "auto" else device
    device = "cuda:0" if device == "cuda" else device
    count = (runtime.get("threads") or usable_cores()) if device == "cpu" else 1
    return [name for name, where in slot_names(settings, gpus).items() if where == device], count
