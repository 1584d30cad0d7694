"""Winograd's convolutions against the direct ones, forward and input gradient: where core/models/winograd.py pays.

    python benchmarks/convolutions.py [--threads 1] [--turns 7]

Layers of the networks of the papers, channels-last, float32; processor time of one thread, both sides in turns, the
median of the ratios with the smallest and the largest. Above 1: fewer products are quicker. The rule of the module
(channels, tiles of a batch) is lifted here, to show what it leaves out.
"""

import argparse
import statistics
import time

import torch
from figures import keep
from torch import nn

from core.models import winograd

SHAPES = ((64, 32), (128, 16), (256, 8), (512, 4), (160, 32), (320, 16), (640, 8))  # channels, side of a map
BATCHES = (1, 4, 8, 16, 32, 128)
LARGEST = 160 * 32 * 32 * 32  # values of a batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batches", type=lambda text: [int(size) for size in text.split(",")], default=BATCHES)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    min_channels, min_tiles = winograd.MIN_CHANNELS, winograd.MIN_TILES
    winograd.MIN_CHANNELS, winograd.MIN_TILES = 1, 1
    print(f"torch {torch.__version__}, {options.threads} threads, {options.turns} turns")
    print("channels  map    images   direct, ms  fewer products, ms  ratio (least..most)  used")
    for channels, side in SHAPES:
        for images in options.batches:
            if channels * side * side * images <= LARGEST:
                slow, quick = compare(channels, side, images, options.turns)
                ratios = [a / b for a, b in zip(slow, quick, strict=True)]
                tiles = images * (side // winograd.TILE) ** 2
                used = channels >= min_channels and tiles >= min_tiles
                median = statistics.median(ratios)
                print(
                    f"{channels:8d}  {side:2d}x{side:<2d}  {images:6d}  {1e3 * statistics.median(slow):11.2f}"
                    f"  {1e3 * statistics.median(quick):18.2f}  {median:5.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
                    f"      {'yes' if used else 'no'}",
                    flush=True,
                )
                if used:
                    keep(f"convolution {channels} at {side}x{side}, {images}", median, "x direct", better="higher")


def compare(channels: int, side: int, images: int, turns: int) -> tuple[list[float], list[float]]:
    """Seconds of each turn of the direct convolution and of the other, after one that warms up."""
    layer = nn.Conv2d(channels, channels, 3, padding=1).requires_grad_(False)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    sides = (layer, winograd.WinogradConv2d(layer))
    sides[1].transform()
    features = torch.rand(images, channels, side, side).to(memory_format=torch.channels_last).requires_grad_(True)
    seconds: tuple[list[float], list[float]] = [], []
    for turn in range(turns + 1):
        for taken, convolution in zip(seconds, sides, strict=True):
            began = time.process_time()
            outputs = convolution(features)
            torch.autograd.grad(outputs, features, outputs.detach())
            if turn:
                taken.append(time.process_time() - began)
    return seconds


if __name__ == "__main__":
    main()
