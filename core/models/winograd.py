"""3x3 convolutions on small maps of many channels, with 16 products in the place of 36, for copies of frozen networks.

Winograd's F(2x2, 3x3): windows of 4x4 inputs, a kernel transformed once, 2x2 outputs. Only rounding differs, by some
1e-6 of the largest output. On a CPU it pays where products outweigh transforms; CUDA's own convolutions do it already.
Source: Lavin and Gray 2016, Section 4.1.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIN_CHANNELS = 320  # in and out; with fewer the direct one is as quick: benchmarks/convolutions.py
MAX_POSITIONS = 256  # of a map, H W
MIN_IMAGES = 4
TILE_BYTES = 4 * 2**20  # of transformed inputs at a time, so that they stay in the cache


class WinogradConv2d(nn.Conv2d):
    """A frozen 3x3 convolution with stride and padding 1; the direct one for maps and batches on which that is quicker.

    It holds the weight and bias of `direct`. `transform` must follow each change of the weight.
    """

    def __init__(self, direct: nn.Conv2d) -> None:
        super().__init__(direct.in_channels, direct.out_channels, 3, padding=1, bias=False, device="meta")
        self.weight, self.bias = direct.weight, direct.bias
        self.kernel = direct.weight.new_empty(4, 4, self.in_channels, self.out_channels)
        self.transform()

    @torch.no_grad()
    def transform(self) -> None:
        """The kernel (4, 4, in, out) of the weight (out, in, 3, 3)."""
        rows = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]]
        transform = self.weight.new_tensor(rows)
        self.kernel.copy_(torch.einsum("ai,ocij,bj->abco", transform, self.weight, transform))

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        images, _, height, width = features.shape
        if images < MIN_IMAGES or height * width > MAX_POSITIONS or height % 2 or width % 2:
            return super().forward(features)
        result: Tensor = _Convolution.apply(features, self.kernel, self.bias)  # type: ignore[no-untyped-call]
        return result


def may_pay(layer: nn.Module) -> bool:
    """Whether a layer has the form, and the channels, of what is quicker this way on some map."""
    return (
        type(layer) is nn.Conv2d
        and (layer.kernel_size, layer.stride, layer.padding, layer.dilation) == ((3, 3), (1, 1), (1, 1), (1, 1))
        and layer.groups == 1
        and layer.padding_mode == "zeros"
        and min(layer.in_channels, layer.out_channels) >= MIN_CHANNELS
        and layer.weight.device.type == "cpu"
        and layer.weight.dtype in (torch.float32, torch.float64)
    )


class _Convolution(torch.autograd.Function):
    """With the gradient to the features alone, which is a convolution with the kernels turned round."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(kernel)
        return _convolve(features, kernel, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (kernel,) = ctx.saved_tensors
        # Turned round, the first and the last row of a transformed kernel change places, and so do its columns.
        return _convolve(gradient, kernel.transpose(2, 3), None, turned=True), None, None


def _convolve(features: Tensor, kernel: Tensor, bias: Tensor | None, *, turned: bool = False) -> Tensor:
    """features (B, I, H, W), kernel (4, 4, I, O), bias (O,) to (B, O, H, W), a part of the batch at a time."""
    images, channels, height, width = features.shape
    outputs = torch.empty(
        (images, kernel.shape[3], height, width), dtype=features.dtype, memory_format=torch.channels_last
    )
    inputs, results = (tensor.permute(0, 2, 3, 1) for tensor in (features, outputs))
    order = (3, 1, 2, 0) if turned else (0, 1, 2, 3)
    part = max(1, TILE_BYTES // (4 * height * width * channels * inputs.element_size()))
    for begin in range(0, images, part):
        tiles = _tiles(inputs[begin : begin + part], order)
        products = torch.bmm(tiles.flatten(0, 1).flatten(1, 3), kernel.flatten(0, 1))
        _gather(products.view(*tiles.shape[:5], -1), bias, order, results[begin : begin + part])
    return outputs


def _tiles(inputs: Tensor, order: tuple[int, int, int, int]) -> Tensor:
    """(B, H, W, I) to (4, 4, B, H/2, W/2, I): every other 4x4 window between two transforms, its rows in an order."""
    images, height, width, channels = inputs.shape
    padded = F.pad(inputs, (0, 0, 1, 1, 1, 1))
    tiles = inputs.new_empty(4, 4, images, height // 2, width // 2, channels)
    lines = [padded[:, first : first + height - 1 : 2] for first in range(4)]
    rows = (lines[0] - lines[2], lines[1] + lines[2], lines[2] - lines[1], lines[1] - lines[3])
    for at, row in zip(order, rows, strict=True):
        points = [row[:, :, first : first + width - 1 : 2] for first in range(4)]
        torch.sub(points[0], points[2], out=tiles[at, order[0]])
        torch.add(points[1], points[2], out=tiles[at, order[1]])
        torch.sub(points[2], points[1], out=tiles[at, order[2]])
        torch.sub(points[1], points[3], out=tiles[at, order[3]])
    return tiles


def _gather(products: Tensor, bias: Tensor | None, order: tuple[int, int, int, int], outputs: Tensor) -> None:
    """Products (4, 4, B, H/2, W/2, O) between two transforms into outputs (B, H, W, O). Overwrites the products."""
    first, second, third, fourth = (products[at] for at in order)
    if bias is not None:
        second[1] += bias  # the one product that all four outputs of a window take once
    halves = second + third, second.sub_(third)
    for row, line in enumerate((halves[0].add_(first), halves[1].sub_(fourth))):
        left, centre, next_, right = (line[at] for at in order)
        torch.add(centre, next_, out=outputs[:, row::2, 0::2]).add_(left)
        torch.sub(centre, next_, out=outputs[:, row::2, 1::2]).sub_(right)
