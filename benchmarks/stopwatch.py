"""What the scripts of training share: images, a trainer, clocks, memory, and the peak of a device."""

import ctypes
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from core.data import Dataset
from core.data.dataset import ImageSet
from core.device import prepare_device, tf32
from core.methods import build_method, build_term
from core.models import build_model
from core.spec.config import RunConfig
from core.training.paths import build_step
from core.training.trainer import Trainer

SEED = 0
CLASSES = 10


class Stopwatch:
    """Times work on a device that is set as a run sets it.

    clock: "wall", or "cpu" for the processor time of this process, which others on the machine do not lengthen much.
    """

    def __init__(self, device: str, threads: int, clock: str) -> None:
        self.device = prepare_device(device, threads)
        self.is_cuda = self.device.type == "cuda"
        where = torch.cuda.get_device_name(self.device) if self.is_cuda else f"CPU, {threads} threads"
        self.place = f"torch {torch.__version__}, {where}, {clock} time"
        self._now = time.process_time if clock == "cpu" else time.perf_counter

    def time(self, work: Callable[[], object]) -> float:
        """Seconds until the work is done, on the device too."""
        self._wait()
        began = self._now()
        work()
        self._wait()
        return self._now() - began

    def _wait(self) -> None:
        if self.is_cuda:
            torch.cuda.synchronize(self.device)

    def reset_memory(self) -> int:
        """Start a new peak; what is in use now, in bytes."""
        if self.is_cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            return torch.cuda.memory_allocated(self.device)
        if sys.platform != "linux":
            return 0
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return _resident("VmRSS")

    def peak_memory(self) -> int:
        """The peak since then, in bytes; 0 where it cannot be known."""
        if self.is_cuda:
            return torch.cuda.max_memory_allocated(self.device)
        return _resident("VmHWM") if sys.platform == "linux" else 0

    def matrix_peaks(self, side: int) -> dict[str, float]:
        """FLOP/s in each precision: the best of five products of square matrices."""
        peaks = {}
        for name, dtype in (("float32", torch.float32), ("tf32", torch.float32), ("bfloat16", torch.bfloat16)):
            left, right = torch.rand(2, side, side, device=self.device).to(dtype)
            with tf32(name == "tf32"):
                times = [self.time(lambda left=left, right=right: torch.mm(left, right)) for _ in range(6)]
            peaks[name] = 2 * side**3 / min(times[1:])
        return peaks


def generated_images(count: int, size: int) -> ImageSet:
    """Coarse patterns, one per class, under noise."""
    generator = torch.Generator().manual_seed(SEED)
    patterns: Tensor = torch.rand(CLASSES, 3, 4, 4, generator=generator)
    labels = torch.arange(count) % CLASSES
    noise = torch.rand(count, 3, size, size, generator=generator)
    pixels = 0.6 * F.interpolate(patterns[labels], size=size) + 0.4 * noise
    return ImageSet(levels=(255 * pixels).to(torch.uint8), labels=labels, max_level=255)


def make_trainer(config: RunConfig, dataset: Dataset, epochs: int) -> Trainer:
    """Of a run's settings, on a CPU, with an untrained teacher: the weights do not change the time."""
    step = build_step(
        config.speed,
        student=build_model(config.student, dataset.geometry, 0),
        teacher=build_model(config.teacher, dataset.geometry, 1).eval().requires_grad_(False),
        method=build_method(config.method, config.attack),
        igdm=build_term(config.igdm),
        attack=config.attack,
        num_epochs=epochs,
    )
    optim = config.optim.model_copy(update={"num_epochs": epochs, "milestones": ()})
    return Trainer(step, images=dataset.train, data=config.data, optim=optim, seed=SEED, device=torch.device("cpu"))


def spread(values: list[float]) -> str:
    """The smallest and the largest."""
    return f"{min(values):.2f}..{max(values):.2f}"


def _resident(field: str) -> int:
    """A size from the kernel's account of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
