"""CUDA graphs: forward and input gradient of a frozen network, recorded once and replayed without the host's part.

Kernels and numbers are the same. It pays where the host cannot start kernels as fast as the GPU gets through them.
"""

from typing import Any

import torch
from torch import Tensor, nn

WARM_UPS = 3  # before a recording, so that libraries have chosen and allocated


class Replayed(nn.Module):
    """`network` itself, but gradients to images of the recorded shape come from its record.

    network: frozen, on CUDA, its forward the same whatever the values are. Its tensors may change in place.
    The record is of the largest batch so far. What it cannot do goes through the network: other shapes, forwards
    without gradient, a second forward before the gradient of the first.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self._record: Record | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, K)."""
        if not (torch.is_grad_enabled() and images.requires_grad):
            return self.network(images)  # type: ignore[no-any-return]
        if self._record is None or len(images) > len(self._record.images):
            self._record = None  # its memory is free for the next one
            self._record = Record(self.network, images)
        if images.shape != self._record.images.shape or self._record.awaits_gradient:
            return self.network(images)  # type: ignore[no-any-return]
        return _Replay.apply(images, self._record)  # type: ignore[no-any-return, no-untyped-call]


class Record:
    """Both graphs and the tensors they read and write. images: (B, C, H, W). logits, gradient: (B, K), of the logits.

    image_gradient: (B, C, H, W). awaits_gradient: between a forward and its gradient, when activations must stay.
    """

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self.awaits_gradient = False
        self.images = images.detach().clone().requires_grad_(True)
        self.forward, self.backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        stream = torch.cuda.Stream(images.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(images.device))
        with torch.cuda.stream(stream), torch.enable_grad():
            for _ in range(WARM_UPS):
                logits = network(self.images)
                torch.autograd.grad(logits, self.images, torch.zeros_like(logits))
            del logits
        torch.cuda.current_stream(images.device).wait_stream(stream)
        with torch.enable_grad(), torch.cuda.graph(self.forward):
            self.logits = network(self.images)
        self.gradient = torch.zeros_like(self.logits)
        with torch.cuda.graph(self.backward, pool=self.forward.pool()):
            (self.image_gradient,) = torch.autograd.grad(self.logits, self.images, self.gradient)
        self.logits = self.logits.detach()


class _Replay(torch.autograd.Function):
    """A forward and its gradient from a record."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, record: Record) -> Tensor:
        ctx.record = record
        record.images.detach().copy_(images)
        record.forward.replay()
        record.awaits_gradient = True
        logits: Tensor = record.logits.clone()
        return logits

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        record = ctx.record
        record.gradient.copy_(gradient)
        record.backward.replay()
        record.awaits_gradient = False
        return record.image_gradient.clone(), None
