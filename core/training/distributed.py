"""One run on several devices: DistributedDataParallel averages the gradients of processes that share every batch.

Each process makes the whole batch (order, augmentation and random starts depend on seed, epoch and step only), attacks
and forwards its own share of it, and its mean is weighted by the size of the share: the gradient is that of the whole
batch on one device, up to rounding, in networks without BatchNorm or with SyncBatchNorm. With plain BatchNorm each
process normalises by its own share; the running statistics are averaged after each step, so that all networks stay one.
"""

from contextlib import AbstractContextManager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from core.methods import Batch
from core.training.step import Losses, TrainingStep

BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class Ranks:
    """This process among those of its run. rank: from 0, which alone writes events and checkpoints. count: of them."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank = rank
        self.count = count
        self._parallel: DistributedDataParallel | None = None

    def losses(self, step: TrainingStep, batch: Batch, adversarial: dict[str, Tensor]) -> Losses:
        """The losses of a share, through the wrapper whose backward pass averages the gradients of all processes."""
        losses: Losses = self._wrapped(step)(batch, adversarial)
        return losses

    def own_gradients_only(self, step: TrainingStep) -> AbstractContextManager[None]:
        """Forward and backward passes inside only collect gradients here: for all turns of a step but the last."""
        return self._wrapped(step).no_sync()

    def _wrapped(self, step: TrainingStep) -> DistributedDataParallel:
        if self._parallel is None:
            # Buffers are averaged by `average_statistics`; the wrapper would overwrite them with those of rank 0.
            self._parallel = DistributedDataParallel(_OuterLoss(step), broadcast_buffers=False)
        return self._parallel

    def summed(self, named: dict[str, Tensor]) -> dict[str, Tensor]:
        """Values by name, summed over all processes."""
        values = torch.stack([value.double() for value in named.values()])
        dist.all_reduce(values)
        return {name: value.float() for name, value in zip(named, values, strict=True)}

    def average_statistics(self, network: nn.Module) -> None:
        """Make the running statistics of plain BatchNorm layers the mean over all processes."""
        found = [
            buffer
            for module in network.modules()
            if isinstance(module, BATCH_NORMS)
            for buffer in (module.running_mean, module.running_var)
            if buffer is not None
        ]
        if not found:
            return
        flat = torch.cat([buffer.flatten() for buffer in found]) / self.count
        dist.all_reduce(flat)
        for buffer, mean in zip(found, torch.split(flat, [buffer.numel() for buffer in found]), strict=True):
            buffer.copy_(mean.view_as(buffer))

    def wait(self) -> None:
        """Go on when all processes are here."""
        dist.barrier()

    def leave(self) -> None:
        """There is nothing more to do together."""
        self._parallel = None
        dist.destroy_process_group()


class _OuterLoss(nn.Module):
    """The outer loss as a module, so that one forward of the wrapper is one step whatever the method forwards."""

    def __init__(self, step: TrainingStep) -> None:
        super().__init__()
        self.student = step.student
        self._losses = step.losses  # bound: the step itself, with its teachers, is no part of the module

    def forward(self, batch: Batch, adversarial: dict[str, Tensor]) -> Losses:
        """As `TrainingStep.losses`."""
        return self._losses(batch, adversarial)


def synchronised(student: nn.Module) -> nn.Module:
    """The network with SyncBatchNorm in place of BatchNorm; for CUDA only: elsewhere DDP refuses it.

    Names in the state dict stay the same.
    """
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(student)  # type: ignore[no-untyped-call]
    return converted


def has_batchnorm(network: nn.Module) -> bool:
    """True when the statistics of a batch matter to a network."""
    return any(isinstance(module, BATCH_NORMS) for module in network.modules())
