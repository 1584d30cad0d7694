"""Choosing the device and making the arithmetic on it repeatable."""

import ctypes
import os
import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from core.spec.errors import TrainingError


def prepare_device(wanted: str, threads: int, *, tf32: bool = False) -> torch.device:
    """The device a run asked for, with thread count and deterministic algorithms set for this process.

    wanted: "auto", "cpu", "cuda" or "cuda:N". threads: CPU threads, 1 or more. tf32: float32 is multiplied on CUDA with
    a mantissa of 10 bits.
    Raises: TrainingError when there is no such device.
    """
    torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it products of matrices are not repeatable
    # As use_deterministic_algorithms(True, warn_only=True) does, which imports the compiler first: more than a second.
    torch.set_deterministic_debug_mode("warn")
    os.environ.setdefault("TORCHINDUCTOR_DETERMINISTIC", "1")  # for the compiler, where one is wanted
    # Filling what will be overwritten costs a twentieth of a step, and no one here reads it before.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise TrainingError(
            f"runtime.device = {wanted!r}: no CUDA device is visible (use auto or cpu, or check nvidia-smi)"
        )
    device = torch.device("cuda" if wanted == "auto" else wanted)
    if device.index is not None and device.index >= torch.cuda.device_count():
        message = f"runtime.device = {wanted!r}: there are {torch.cuda.device_count()} CUDA devices, counted from 0"
        raise TrainingError(message)
    return torch.device("cuda", device.index or 0)


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """CUDA multiplies float32 with a mantissa of 10 bits, or does not, for a while."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def full_precision() -> AbstractContextManager[None]:
    """float32 as written, without TF32 on CUDA, for a while: verdicts must not depend on a shortened mantissa."""
    return tf32(False)


def lacks_bfloat16(device: torch.device) -> bool:
    """True for processors without instructions for it, where large networks take some 20 times as long."""
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    return not torch.ops.mkldnn._is_mkldnn_bf16_supported()


def peak_memory_gb(device: torch.device) -> float:
    """Most memory held so far, in 10^9 bytes: of the device, or of this process where the device is the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_reserved(device) / 1e9
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # Linux counts in KiB
    return kilobytes * 1024 / 1e9


def give_memory_back() -> None:
    """Hand what was freed back to the system, where the C library (glibc) would keep it for the next who asks."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
