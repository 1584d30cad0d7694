"""Memory for what lives as long as one step of a computation."""

import math
from typing import ClassVar

import torch
from torch import Tensor


class Scratch:
    """Memory by name, taken again and again: fresh pages would cost as much as the work on them."""

    _held: ClassVar[dict[tuple[str, torch.dtype], Tensor]] = {}

    @classmethod
    def take(cls, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory of a shape and of the type of `like`, with whatever is in it."""
        size = math.prod(shape)
        held = cls._held.get((name, like.dtype))
        if held is None or held.numel() < size:
            held = cls._held[name, like.dtype] = torch.empty(size, dtype=like.dtype)
        return held[:size].view(shape)
