"""What the NVIDIA driver says of this machine's GPUs, asked through one small interface. No driver is normal."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuProcess:
    """A process that computes on a GPU. pid: as the driver sees it; inside a container it may be nobody's here.

    memory: bytes, None where the driver does not tell.
    """

    pid: int
    memory: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """One GPU. index: as nvidia-smi counts. memory, free: bytes. processes: all that compute on it, whosever."""

    index: int
    uuid: str
    name: str
    memory: int
    free: int
    processes: tuple[GpuProcess, ...] = ()


class GpuWatch:
    """Asks the driver again and again. nvml: pynvml, or something that answers like it."""

    def __init__(self, nvml: Any = None) -> None:
        self._nvml = nvml
        self._is_open = False

    def look(self) -> list[Gpu]:
        """All GPUs of the machine as they are now; none without a driver, or when it fails."""
        if self._nvml is None:
            import pynvml

            self._nvml = pynvml
        nvml = self._nvml
        try:
            if not self._is_open:
                nvml.nvmlInit()
                self._is_open = True
            return [self._gpu(index) for index in range(nvml.nvmlDeviceGetCount())]
        except nvml.NVMLError:
            self.close()
            return []

    def close(self) -> None:
        """Let go of the driver."""
        if self._is_open:
            self._is_open = False
            try:
                self._nvml.nvmlShutdown()
            except self._nvml.NVMLError:
                return  # it is gone by itself

    def _gpu(self, index: int) -> Gpu:
        nvml = self._nvml
        handle = nvml.nvmlDeviceGetHandleByIndex(index)
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        try:
            running = nvml.nvmlDeviceGetComputeRunningProcesses(handle)
        except nvml.NVMLError:  # not supported, or not permitted: the memory gate still holds
            running = []
        return Gpu(
            index=index,
            uuid=_text(nvml.nvmlDeviceGetUUID(handle)),
            name=_text(nvml.nvmlDeviceGetName(handle)),
            memory=int(memory.total),
            free=int(memory.free),
            processes=tuple(
                GpuProcess(pid=int(entry.pid), memory=None if not entry.usedGpuMemory else int(entry.usedGpuMemory))
                for entry in running
            ),
        )


def visible(gpus: Sequence[Gpu], variable: str | None = None) -> list[Gpu]:
    """Those that CUDA_VISIBLE_DEVICES leaves, by number or by the start of a UUID; all when it is not set.

    As CUDA does, the list ends at the first entry that names no GPU. variable: instead of the environment's.
    """
    wanted = os.environ.get("CUDA_VISIBLE_DEVICES") if variable is None else variable
    if wanted is None:
        return list(gpus)
    found = []
    for word in wanted.split(","):
        entry = word.strip()
        match = [gpu for gpu in gpus if (entry.isdigit() and gpu.index == int(entry)) or _is_uuid(gpu, entry)]
        if len(match) != 1:
            break
        found += match
    return found


def _is_uuid(gpu: Gpu, entry: str) -> bool:
    return entry.startswith("GPU-") and gpu.uuid.startswith(entry)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
