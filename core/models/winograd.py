"""3x3 convolutions of many channels, with 36 products in the place of 144, and their gradients.

Winograd's F(4x4, 3x3): windows of 6x6 inputs, a kernel transformed once, tiles of 4x4 outputs. Only rounding differs,
by some 1e-6 of the outputs. On a CPU it pays where products outweigh transforms; CUDA's own convolutions do it already.
Source: Lavin and Gray 2016, Section 4.1; the points (0, 1, -1, 1/2, -2) round least of those of Barabasz et al. 2020.
"""

from functools import cache

import torch
from torch import Tensor

from core.models.scratch import Scratch

MIN_TILES = 32  # worked on at a time; fewer do not make up for reading a kernel four times as large as the weight
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


def kernel_of(weight: Tensor) -> Tensor:
    """The kernel (36, out, in) of a weight (out, in, 3, 3)."""
    with torch.no_grad():
        flat = weight.permute(2, 3, 0, 1).reshape(9, -1)  # as channels-last weights lie, but for the order of rows
        return torch.mm(_both_ways(OF_KERNELS, weight.dtype), flat).view(POINTS, *weight.shape[:2])


def outputs(features: Tensor, kernel: Tensor, bias: Tensor | None) -> Tensor:
    """The convolution with padding 1 of features (B, in, H, W), H and W multiples of 4: (B, out, H, W)."""
    results = _like_channels_last(features, kernel.shape[1])
    to_outputs, of_inputs = (_both_ways(matrix, features.dtype) for matrix in (TO_OUTPUTS, OF_INPUTS))
    for maps, part in _parts(features, results):
        products = _multiply(_transformed(_windows_of(maps), of_inputs), kernel.transpose(1, 2))
        tiles = torch.mm(to_outputs, products, out=Scratch.take("tiles", (TILE**2, products.shape[1]), maps))
        target = _tiled(part)
        torch.add(tiles.view(target.shape), 0.0 if bias is None else bias, out=target)
    return results


def input_gradient(gradient: Tensor, kernel: Tensor) -> Tensor:
    """That of the features, (B, in, H, W), from that of the outputs, (B, out, H, W)."""
    results = _like_channels_last(gradient, kernel.shape[2])
    of_outputs = _both_ways(TO_OUTPUTS, gradient.dtype).T
    for maps, part in _parts(gradient, results):
        _input_gradient_of(_transformed(_tiles_of(maps), of_outputs), kernel, part)
    return results


def gradients(gradient: Tensor, kernel: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
    """That of the features, and that of the weight (out, in, 3, 3), which multiplies what both sides are made into."""
    results = _like_channels_last(gradient, kernel.shape[2])
    of_outputs, of_inputs = _both_ways(TO_OUTPUTS, gradient.dtype).T, _both_ways(OF_INPUTS, gradient.dtype)
    of_kernel = Scratch.take("of kernel", tuple(kernel.shape), kernel)
    for number, (maps, part, inputs) in enumerate(_parts(gradient, results, features)):
        transformed = _transformed(_tiles_of(maps), of_outputs)
        _input_gradient_of(transformed, kernel, part)
        windows = _transformed(_windows_of(inputs), of_inputs, "products")
        torch.baddbmm(of_kernel, transformed.transpose(1, 2), windows, beta=min(number, 1), out=of_kernel)
    of_weight = torch.mm(_both_ways(OF_KERNELS, kernel.dtype).T, of_kernel.view(POINTS, -1))
    return results, of_weight.view(3, 3, *of_kernel.shape[1:]).permute(2, 3, 0, 1)


def _input_gradient_of(transformed: Tensor, kernel: Tensor, results: Tensor) -> None:
    """Transformed tiles (36, n, out) of the outputs' gradient into maps (b, H, W, in)."""
    products = _multiply(transformed, kernel)
    to_inputs = _both_ways(OF_INPUTS, results.dtype).T
    windows = torch.mm(to_inputs, products, out=Scratch.take("windows", tuple(products.shape), results))
    _add_up(windows.view(_window_shape(results)), results)


def _windows_of(maps: Tensor) -> Tensor:
    """Maps (b, H, W, C) as windows (6, 6, b, H/4, W/4, C), which overlap."""
    return Scratch.take("windows", _window_shape(maps), maps).copy_(_overlapping(_padded(maps)))


def _tiles_of(maps: Tensor) -> Tensor:
    """Maps (b, H, W, C) as tiles (4, 4, b, H/4, W/4, C)."""
    tiles = _tiled(maps)
    return Scratch.take("tiles", tuple(tiles.shape), maps).copy_(tiles)


def _transformed(pieces: Tensor, transform: Tensor, name: str = "transformed") -> Tensor:
    """Pieces (h, w, b, rows, columns, C) of maps by a transform (36, h w): (36, b rows columns, C)."""
    flat = pieces.flatten(0, 1).flatten(1)
    result = torch.mm(transform, flat, out=Scratch.take(name, (POINTS, flat.shape[1]), pieces))
    return result.view(POINTS, -1, pieces.shape[-1])


def _multiply(transformed: Tensor, kernel: Tensor) -> Tensor:
    """(36, n, I) and a kernel (36, I, O), one way round or the other: products (36, n O)."""
    shape = (POINTS, transformed.shape[1], kernel.shape[2])
    return torch.bmm(transformed, kernel, out=Scratch.take("products", shape, transformed)).flatten(1)


def _like_channels_last(features: Tensor, channels: int) -> Tensor:
    images, _, height, width = features.shape
    shape = images, channels, height, width
    # Not a permuted one: a view must not be overwritten by what comes after a Function.
    return torch.empty(shape, dtype=features.dtype, memory_format=torch.channels_last)


def _parts(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    """Each as (b, H, W, channels), some images at a time."""
    height, width = tensors[0].shape[2:]
    channels = max(tensor.shape[1] for tensor in tensors)
    tiles = max(MIN_TILES, SCRATCH_BYTES // (POINTS * channels * tensors[0].element_size()))
    count = max(1, tiles * TILE**2 // (height * width))
    maps = (torch.split(tensor.permute(0, 2, 3, 1), count) for tensor in tensors)
    return list(zip(*maps, strict=True))


def _padded(maps: Tensor) -> Tensor:
    """(b, H, W, C) to (b, H + 2, W + 2, C), zero around."""
    images, height, width, channels = maps.shape
    padded = Scratch.take("padded", (images, height + 2, width + 2, channels), maps)
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
    padded = Scratch.take("padded", (images, height + 2, width + 2, channels), results).zero_()
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
