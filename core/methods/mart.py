"""MART: misclassification-aware adversarial training.

Source: Wang et al. 2020, Eq. 11, with the small constants of its code; beta 5 for ResNet-18, 6 for WideResNet-34-10.
"""

from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks import Start
from core.methods.losses import cross_entropy
from core.methods.plan import Batch, Method, Outputs, StudentForward, SurrogateLoss, student_cross_entropy

# As in the public code: they keep logarithms and weights away from zero.
LOG_FLOOR = 1e-12
MARGIN_ONE = 1.0001
WEIGHT_ONE = 1.0000001


class Mart(Method):
    """Inner: CE(student(x'), y) from a Gaussian start. Forwards: [clean, adv].

    Outer, with p = softmax(student(x)), q = softmax(student(x')), k the likeliest wrong class of q:
    -log q_y - log(1 - q_k) + beta (1 - p_y) KL(p || q); nothing is detached.
    """

    name: ClassVar[str] = "mart"
    start: ClassVar[Start] = "gaussian"

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """[clean, adv]."""
        return (StudentForward("clean"), StudentForward("adv"))

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """The boosted cross-entropy and the weighted divergence."""
        adv_logits, labels = outputs.student["adv"], batch.labels[:, None]
        clean_probabilities = F.softmax(outputs.student["clean"], dim=1)
        adv_probabilities = F.softmax(adv_logits, dim=1)
        wrong = adv_probabilities.scatter(1, labels, -1.0).argmax(dim=1, keepdim=True)
        margin = -torch.log(MARGIN_ONE - adv_probabilities.gather(1, wrong) + LOG_FLOOR).squeeze(1)
        log_adv = torch.log(adv_probabilities + LOG_FLOOR)
        divergence = (torch.xlogy(clean_probabilities, clean_probabilities) - clean_probabilities * log_adv).sum(dim=1)
        weight = WEIGHT_ONE - clean_probabilities.gather(1, labels).squeeze(1)
        return {
            "boosted_ce": cross_entropy(adv_logits, batch.labels) + margin,
            "weighted_kl": self.settings.mart_beta * divergence * weight,
        }
