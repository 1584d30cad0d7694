"""An exponential average of a network's weights over the steps of training."""

import copy
from typing import Any

import torch
from torch import nn


class WeightAverage:
    """The average network: after each step average <- decay * average + (1 - decay) * weights.

    BatchNorm statistics are averaged alike, counters are copied. decay in (0, 1).
    Source: as in the training recipes of Rebuffi et al. 2021, Section 3.2, with a fixed decay.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take one step's weights in."""
        state = model.state_dict()
        done = set()
        for name, average in self.model.state_dict().items():
            if average.data_ptr() in done:  # one tensor under two names moves once
                continue
            done.add(average.data_ptr())
            current = state[name]
            if average.dtype.is_floating_point:
                average.lerp_(current, 1 - self.decay)
            else:
                average.copy_(current)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights."""
        return self.model.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up saved ones."""
        self.model.load_state_dict(state)
