"""How far a teacher is to be trusted on an image: the introspection that IAD and AdaIAD share.

Source: Zhu et al. 2022, Section 4.2.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def reliability(teacher_logits: Tensor, labels: Tensor, exponent: float) -> Tensor:
    """The teacher's probability of the true label to the power of `exponent`, detached.

    (B, K) and (B,) -> (B,) in [0, 1]. exponent: above 0; 0.1 in the public code.
    """
    with torch.no_grad():
        return F.softmax(teacher_logits, dim=1).gather(1, labels[:, None]).squeeze(1) ** exponent
