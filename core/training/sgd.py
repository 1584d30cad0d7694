"""Stochastic gradient descent with momentum, without the import of PyTorch's compiler."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd


class MomentumSgd:
    """`torch.optim.SGD` with PyTorch's own update rule underneath: the same bits, states each can read of the other.

    To make a torch.optim.SGD imports PyTorch's compiler: over a second before the first step, 170 MB in every worker.

    learning_rate: may be set before any step. momentum, weight_decay: 0 or more.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, learning_rate: float, momentum: float, weight_decay: float
    ) -> None:
        self.learning_rate = learning_rate
        self._parameters = list(parameters)
        self._momentum, self._weight_decay = momentum, weight_decay
        self._velocities: list[Tensor | None] = [None] * len(self._parameters)

    @torch.no_grad()
    def step(self) -> None:
        """Move each parameter that has a gradient."""
        moved = [index for index, parameter in enumerate(self._parameters) if parameter.grad is not None]
        parameters: list[Tensor] = [self._parameters[index] for index in moved]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        velocities = [self._velocities[index] for index in moved]
        sgd(
            parameters,
            gradients,
            velocities,
            lr=self.learning_rate,
            momentum=self._momentum,
            weight_decay=self._weight_decay,
            dampening=0.0,
            nesterov=False,
            maximize=False,
        )
        for index, velocity in zip(moved, velocities, strict=True):
            self._velocities[index] = velocity

    def state_dict(self) -> dict[str, Any]:
        """Velocities and settings, in the form of `torch.optim.SGD`."""
        settings = {"momentum": self._momentum, "weight_decay": self._weight_decay, "dampening": 0.0, "nesterov": False}
        group = {"lr": self.learning_rate, **settings, "params": list(range(len(self._parameters)))}
        kept = {index: {"momentum_buffer": velocity} for index, velocity in enumerate(self._velocities)}
        return {"state": kept, "param_groups": [group]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up saved velocities; settings stay those of the run."""
        for index, parameter in enumerate(self._parameters):
            velocity = state["state"].get(index, {}).get("momentum_buffer")
            self._velocities[index] = None if velocity is None else velocity.to(parameter.device, copy=True)
