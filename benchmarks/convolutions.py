"""Winograd's convolutions against the direct ones: where core/models/winograd.py pays.

    python benchmarks/convolutions.py [--threads 1] [--turns 7] [--learns]

Layers of the networks of the papers, channels-last, float32; processor time of this process, both sides in turns, the
median of the ratios with the smallest and the largest. Above 1: fewer products are quicker. Forward and input gradient
of a frozen layer whose kernel is there, as attacks want them; with --learns that of the weight, too, and the making of
the kernel. The rule of core/models/fewer_products.py (channels, tiles of a batch) is lifted to show what it omits.
"""

import argparse
import statistics
import time

import torch
from figures import keep
from torch import nn

from core.models import fewer_products, winograd

SHAPES = ((64, 32), (128, 16), (256, 8), (512, 4), (160, 32), (320, 16), (640, 8))  # channels, side of a map
BATCHES = (1, 4, 8, 16, 32, 128)
LARGEST = 160 * 32 * 32 * 32  # values of a batch


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--batches", type=lambda text: [int(size) for size in text.split(",")], default=BATCHES)
    parser.add_argument("--learns", action="store_true", help="with the gradient of the weight and a new kernel")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    min_channels, min_tiles = fewer_products.MIN_CHANNELS, fewer_products.MIN_TILES
    fewer_products.MIN_CHANNELS = fewer_products.MIN_TILES = 1
    print(f"torch {torch.__version__}, {options.threads} threads, {options.turns} turns")
    print("channels  map    images   direct, ms  fewer products, ms  ratio (least..most)  used")
    for channels, side in SHAPES:
        for images in options.batches:
            if channels * side * side * images <= LARGEST:
                slow, quick = compare(channels, side, images, options)
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
                    kind = ", learns" if options.learns else ""
                    keep(
                        f"convolution {channels} at {side}x{side}, {images}{kind}", median, "x direct", better="higher"
                    )


def compare(channels: int, side: int, images: int, options: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Seconds of each turn of the direct convolution and of the other, after one that warms up."""
    layer = nn.Conv2d(channels, channels, 3, padding=1).requires_grad_(options.learns)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    frozen = fewer_products.WinogradConv2d(layer)
    frozen.wake()
    features = torch.rand(images, channels, side, side).to(memory_format=torch.channels_last).requires_grad_(True)

    def work(convolution: nn.Module) -> None:
        outputs = convolution(features)
        torch.autograd.grad(outputs, (features, *layer.parameters())[: 3 if options.learns else 1], outputs.detach())

    def quick() -> None:
        if not options.learns:
            return work(frozen)
        with fewer_products.fewer_products(layer):
            return work(layer)

    seconds: tuple[list[float], list[float]] = [], []
    for turn in range(options.turns + 1):
        for taken, side_of_it in zip(seconds, (lambda: work(layer), quick), strict=True):
            began = time.process_time()
            side_of_it()
            if turn:
                taken.append(time.process_time() - began)
    return seconds


if __name__ == "__main__":
    main()
