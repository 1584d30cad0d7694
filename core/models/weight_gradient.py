"""The gradient of a 3x3 weight as products of matrices, one for each row of the weight and column of the outputs.

oneDNN's takes half as long again with 128 channels and more than twice as long with 512: on small maps it multiplies
with the padding, too. Only the order of sums differs. Maps lie as (rows of all images, columns and channels).
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from core.models.scratch import Scratch

SIDE = 3  # of the weight
PART_BYTES = 4 * 2**20  # of the features worked on at a time
GAP = 16  # numbers between rows, or they would come to lie in the same places of the cache


class _Product(NamedTuple):
    """What meets: rows and columns of the outputs, those of the inputs, and columns of the weight (out, 9 in)."""

    out_rows: slice
    out_columns: slice
    in_rows: slice
    in_columns: slice
    taps: slice


def weight_gradient(gradient: Tensor, features: Tensor, stride: int) -> Tensor:
    """That of the weight, (out, in, 3, 3), of a convolution with padding 1.

    gradient: of the outputs, (B, out, H / stride, W / stride). features: (B, in, H, W).
    """
    outer, inner = gradient.shape[1], features.shape[1]
    result = gradient.new_zeros(outer, SIDE * SIDE * inner)
    count = max(1, PART_BYTES // (features[0].numel() * features.element_size()))
    for of_part, part in zip(torch.split(gradient, count), torch.split(features, count), strict=True):
        of_outputs, inputs = _as_rows(of_part, 1, "transformed"), _as_rows(part, stride, "windows")
        for product in _products(part.shape, outer, stride):
            of_rows = of_outputs[product.out_rows, product.out_columns]
            result[:, product.taps].addmm_(of_rows.T, inputs[product.in_rows, product.in_columns])
    return result.view(outer, SIDE, SIDE, inner).permute(0, 3, 1, 2)


def _products(shape: tuple[int, ...], outer: int, stride: int) -> Iterator[_Product]:
    """All of features (B, in, H, W) with their outputs (B, outer, H / stride, W / stride)."""
    images, inner, height, width = shape
    for row in range(SIDE):  # of the weight: each takes every output to the input `down` rows further down, of a group
        down, group = divmod(row - 1, stride)
        first, last = max(0, -down), min(height // stride, height // stride - down)
        above = group * (height // stride) + down
        for column in range(width // stride):  # of the outputs, and which inputs left and right of it there are
            start = stride * column - 1
            left, right = max(0, start), min(width, start + SIDE)
            tap = SIDE * row + left - start
            yield _Product(
                out_rows=slice(first * images, last * images),
                out_columns=slice(column * outer, (column + 1) * outer),
                in_rows=slice((above + first) * images, (above + last) * images),
                in_columns=slice(left * inner, right * inner),
                taps=slice(tap * inner, (tap + right - left) * inner),
            )


def _as_rows(maps: Tensor, stride: int, name: str) -> Tensor:
    """(B, C, H, W) as (H B, W C): each `stride`th row of all images, then the rows below those."""
    images, channels, height, width = maps.shape
    rows = Scratch.take(name, (height * images, width * channels + GAP), maps)[:, : width * channels]
    grouped = maps.view(images, channels, height // stride, stride, width)
    rows.view(stride, height // stride, images, width, channels).copy_(grouped.permute(3, 2, 0, 4, 1))
    return rows
