"""Switching a network's train/eval mode for a while, and putting back exactly what was there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn


@contextmanager
def attack_mode(model: nn.Module, batchnorm: Literal["eval", "train"] = "eval") -> Iterator[None]:
    """The network in the mode an attack wants; each module's own mode is restored on leaving.

    batchnorm: "eval" uses running statistics and moves nothing; "train" normalises by the batch and moves the running
        statistics with every forward, as the first ARD and IAD code does.
    """
    before = [(module, module.training) for module in model.modules()]
    model.train(batchnorm == "train")
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training
