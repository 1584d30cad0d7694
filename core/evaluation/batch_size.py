"""How many images at once: measured for a CPU, tried out on a GPU."""

import gc

import torch
import torch.nn.functional as F
from torch import nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet
from core.evaluation.input_checks import EvaluationError

ON_CPU = 128  # benchmarks/batch_size.py: as fast as 250 on tiny networks, faster on ResNet-18, whose maps fill caches
LARGEST = 4096
ROOM = 0.8  # share of a GPU's free memory that one step may take: attacks keep their best images and gradients besides


def fitting_batch_size(model: nn.Module, images: ImageSet) -> int:
    """Images per batch for a network on these images: on a CPU 128, on a GPU the most that fit; never more than all.

    Raises: EvaluationError when not even one image fits.
    """
    if images.labels.device.type == "cpu":
        return min(ON_CPU, len(images))
    return largest_that_fits(model, images)


def largest_that_fits(model: nn.Module, images: ImageSet) -> int:
    """The largest power of two up to 4,096, or all images, for which one step fits; smaller ones are tried first.

    A step is a forward and an input gradient, as attacks take them. Whatever a try that did not fit has taken is freed.
    Raises: EvaluationError when not even one image fits.
    """
    most = min(LARGEST, len(images))
    found = 0
    for size in [*(2**power for power in range(most.bit_length()) if 2**power < most), most]:
        if not fits(model, images, size):
            break
        found = size
    if not found:
        device = images.labels.device
        raise EvaluationError(f"not even one image fits into the memory of {device} (free some, or use --device cpu)")
    return found


def fits(model: nn.Module, images: ImageSet, size: int) -> bool:
    """Whether one step on `size` images leaves room; nothing stays behind."""
    try:
        return _step_fits(model, images, size)
    except torch.OutOfMemoryError:
        return False
    finally:
        model.zero_grad(set_to_none=True)
        gc.collect()
        if images.labels.device.type == "cuda":
            torch.cuda.empty_cache()


def _step_fits(model: nn.Module, images: ImageSet, size: int) -> bool:
    device = images.labels.device
    index = torch.arange(size, device=device) % len(images)
    is_cuda = device.type == "cuda"
    if is_cuda:
        torch.cuda.reset_peak_memory_stats(device)
    before, free = (torch.cuda.memory_allocated(device), torch.cuda.mem_get_info(device)[0]) if is_cuda else (0, 0)
    with attack_mode(model), torch.enable_grad():
        variable = images.images(index).requires_grad_(True)
        loss = F.cross_entropy(model(variable), images.labels[index], reduction="sum")
        if loss.requires_grad:
            torch.autograd.grad(loss, variable)
    return not is_cuda or torch.cuda.max_memory_allocated(device) - before <= ROOM * free
