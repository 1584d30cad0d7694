"""3x3 convolutions of many channels, with 36 products in the place of 144, for copies of frozen networks.

Winograd's F(4x4, 3x3): windows of 6x6 inputs, a kernel transformed once, tiles of 4x4 outputs. Only rounding differs,
by some 1e-6 of the outputs. On a CPU it pays where products outweigh transforms; CUDA's own convolutions do it already.
Source: Lavin and Gray 2016, Section 4.1; the points (0, 1, -1, 1/2, -2) round least of those of Barabasz et al. 2020.
"""

from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

MIN_CHANNELS = 128  # in and out; with fewer the direct one is as quick: benchmarks/convolutions.py
MIN_TILES = 32  # of a batch; fewer do not make up for reading a kernel that is four times as large
SCRATCH_BYTES = 5 * 2**20  # of the windows worked on at a time, so that they stay in the cache
TILE, WINDOW = 4, 6
POINTS = WINDOW * WINDOW

TO_OUTPUTS = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 1 / 2, -2, 0), (0, 1, 1, 1 / 4, 4, 0), (0, 1, -1, 1 / 8, -8, 1))
OF_INPUTS = (
    (1, -3 / 2, -2, 3 / 2, 1, 0),
    (0, -2, 1, 5, 2, 0),
    (0, -2, 5, -1, -2, 0),
    (0, 2, 1, -2, -1, 0),
    (0, 1, -2, -1, 2, 0),
    (0, 1, -3 / 2, -2, 3 / 2, 1),
)
OF_KERNELS = (
    (1, 0, 0),
    (1 / 6, 1 / 6, 1 / 6),
    (1 / 6, -1 / 6, 1 / 6),
    (16 / 15, 8 / 15, 4 / 15),
    (1 / 30, -1 / 15, 2 / 15),
    (0, 0, 1),
)


class WinogradConv2d(nn.Conv2d):
    """A frozen 3x3 convolution with stride and padding 1; the direct one for maps and batches that do not suit it.

    It holds the weight and bias of `direct`. `transform` must come first and follow each change of the weight; `rest`
    gives the memory of the kernel back, four times that of the weight, until then.
    """

    kernel: Tensor | None = None

    def __init__(self, direct: nn.Conv2d) -> None:
        super().__init__(direct.in_channels, direct.out_channels, 3, padding=1, bias=False, device="meta")
        self.weight, self.bias = direct.weight, direct.bias

    @torch.no_grad()
    def transform(self) -> None:
        """The kernel (36, in, out) of the weight (out, in, 3, 3)."""
        if self.kernel is None:
            self.kernel = self.weight.new_empty(POINTS, self.in_channels, self.out_channels)
        weight = self.weight.permute(2, 3, 1, 0).reshape(9, -1)
        torch.mm(_both_ways(OF_KERNELS, weight.dtype), weight, out=self.kernel.view(POINTS, -1))

    def rest(self) -> None:
        """Without a kernel: a direct convolution until the next `transform`."""
        self.kernel = None

    def forward(self, features: Tensor) -> Tensor:
        """(B, in, H, W) to (B, out, H, W)."""
        images, _, height, width = features.shape
        fits = not (height % TILE or width % TILE) and images * height * width >= MIN_TILES * TILE**2
        if self.kernel is None or not fits:
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
    """With the gradient to the features alone: every transform turned round, with the same kernel."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(kernel)
        outputs = _like_channels_last(features, kernel.shape[2])
        to_outputs, of_inputs = (_both_ways(matrix, features.dtype) for matrix in (TO_OUTPUTS, OF_INPUTS))
        for maps, results in _parts(features, outputs):
            windows = _Scratch.take("windows", _window_shape(maps), maps)
            windows.copy_(_overlapping(_padded(maps)))
            products = _multiply(windows, of_inputs, kernel)
            tiles = torch.mm(to_outputs, products, out=_Scratch.take("tiles", (TILE**2, products.shape[1]), maps))
            tiles = tiles.view(TILE, TILE, *windows.shape[2:5], -1)
            torch.add(tiles, 0.0 if bias is None else bias, out=_tiled(results))
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[override]
        (kernel,) = ctx.saved_tensors
        outputs = _like_channels_last(gradient, kernel.shape[1])
        of_outputs, to_inputs = (_both_ways(matrix, gradient.dtype).T for matrix in (TO_OUTPUTS, OF_INPUTS))
        for maps, results in _parts(gradient, outputs):
            tiles = _Scratch.take("tiles", _tiled(maps).shape, maps).copy_(_tiled(maps))
            products = _multiply(tiles, of_outputs, kernel.transpose(1, 2))
            windows = torch.mm(to_inputs, products, out=_Scratch.take("windows", products.shape, maps))
            _add_up(windows.view(_window_shape(results)), results)
        return outputs, None, None


def _multiply(pieces: Tensor, transform: Tensor, kernel: Tensor) -> Tensor:
    """Pieces (h, w, b, rows, columns, I) of maps, a transform (36, h w), a kernel (36, I, O): products (36, b .. O)."""
    flat = pieces.flatten(0, 1).flatten(1)
    transformed = torch.mm(transform, flat, out=_Scratch.take("transformed", (POINTS, flat.shape[1]), pieces))
    transformed = transformed.view(POINTS, -1, kernel.shape[1])
    shape = (POINTS, transformed.shape[1], kernel.shape[2])
    return torch.bmm(transformed, kernel, out=_Scratch.take("products", shape, pieces)).flatten(1)


def _like_channels_last(features: Tensor, channels: int) -> Tensor:
    images, _, height, width = features.shape
    shape = images, channels, height, width
    # Not a permuted one: a view must not be overwritten by what comes after a Function.
    return torch.empty(shape, dtype=features.dtype, memory_format=torch.channels_last)


def _parts(features: Tensor, outputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Both as (b, H, W, channels), some images at a time."""
    height, width = features.shape[2:]
    channels = max(features.shape[1], outputs.shape[1])
    tiles = max(MIN_TILES, SCRATCH_BYTES // (POINTS * channels * features.element_size()))
    count = max(1, tiles * TILE**2 // (height * width))
    maps = (torch.split(tensor.permute(0, 2, 3, 1), count) for tensor in (features, outputs))
    return list(zip(*maps, strict=True))


def _padded(maps: Tensor) -> Tensor:
    """(b, H, W, C) to (b, H + 2, W + 2, C), zero around."""
    images, height, width, channels = maps.shape
    padded = _Scratch.take("padded", (images, height + 2, width + 2, channels), maps)
    for edge in (padded[:, 0], padded[:, -1], padded[:, :, 0], padded[:, :, -1]):
        edge.zero_()
    padded[:, 1:-1, 1:-1].copy_(maps)
    return padded


def _overlapping(padded: Tensor, rows: slice = slice(0, WINDOW), columns: slice = slice(0, WINDOW)) -> Tensor:
    """The rows and columns of every window of padded maps: a view (h, w, b, H/4, W/4, C)."""
    images, height, width, channels = padded.shape
    per_image, per_row, per_column, _ = padded.stride()
    return padded.as_strided(
        (rows.stop - rows.start, columns.stop - columns.start, images, height // TILE, width // TILE, channels),
        (per_row, per_column, per_image, TILE * per_row, TILE * per_column, 1),
        rows.start * per_row + columns.start * per_column,
    )


def _add_up(windows: Tensor, results: Tensor) -> None:
    """Windows (6, 6, b, H/4, W/4, C), which overlap, into maps (b, H, W, C) without their padding."""
    images, height, width, channels = results.shape
    padded = _Scratch.take("padded", (images, height + 2, width + 2, channels), results).zero_()
    halves = slice(0, TILE), slice(TILE, WINDOW)  # within one of which no two windows overlap
    for rows in halves:
        for columns in halves:
            _overlapping(padded, rows, columns).add_(windows[rows, columns])
    results.copy_(padded[:, 1:-1, 1:-1])


def _tiled(maps: Tensor) -> Tensor:
    """(b, H, W, C) as (4, 4, b, H/4, W/4, C)."""
    images, height, width, channels = maps.shape
    tiles = maps.view(images, height // TILE, TILE, width // TILE, TILE, channels)
    return tiles.permute(2, 4, 0, 1, 3, 5)


def _window_shape(maps: Tensor) -> tuple[int, ...]:
    images, height, width, channels = maps.shape
    return WINDOW, WINDOW, images, height // TILE, width // TILE, channels


@cache
def _both_ways(matrix: tuple[tuple[float, ...], ...], dtype: torch.dtype) -> Tensor:
    """A transform of rows and columns at once: the Kronecker product with itself."""
    once = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(once, once).to(dtype)


class _Scratch:
    """Memory by name, taken again and again: fresh pages would cost as much as the work on them."""

    _held: ClassVar[dict[tuple[str, torch.dtype], Tensor]] = {}

    @classmethod
    def take(cls, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Memory of a shape, with whatever is in it."""
        size = 1
        for length in shape:
            size *= length
        held = cls._held.get((name, like.dtype))
        if held is None or held.numel() < size:
            held = cls._held[name, like.dtype] = torch.empty(size, dtype=like.dtype)
        return held[:size].view(shape)
