"""The literal path: plain PyTorch, forward by forward as the papers and their code have it.

Everything the public code differentiates is differentiated, also what it multiplies by zero. The fast path is tested
and timed against this one.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from core.attacks import attack_mode
from core.methods import StudentForward
from core.training.step import AttackNetworks, TrainingStep


class LiteralStep(TrainingStep):
    """See `TrainingStep`; the attack works on the networks themselves."""

    def lay_out(self, images: Tensor) -> Tensor:
        """As they come."""
        return images

    @contextmanager
    def attack_networks(self, images: Tensor) -> Iterator[AttackNetworks]:
        """Both networks themselves, the student in the mode that `attack.batchnorm` says."""
        with attack_mode(self.student, self.attack.batchnorm):
            yield AttackNetworks(self.student, self.teacher)

    def student_logits(self, forward: StudentForward, images: Tensor) -> Tensor:
        """With gradient, also where the loss will be multiplied by zero."""
        with torch.set_grad_enabled(forward.has_gradient or forward.zero_weight):
            logits: Tensor = self.student(images)
        return logits

    def teacher_logits(self, teacher: nn.Module, batches: list[Tensor]) -> list[Tensor]:
        """One forward for each batch."""
        return [teacher(images) for images in batches]
