"""Quick 3x3 convolutions against the direct ones: where core/models/fewer_products.py pays.

    python benchmarks/convolutions.py [--threads 1] [--turns 7] [--learns]

Layers of the networks of the papers, channels-last, float32; processor time of this process, all sides in turns, the
median of the ratios with the smallest and the largest. Above 1: quicker than direct. Forward and input gradient of a
frozen layer whose Winograd kernel is there, as attacks want them; with --learns that of the weight, too, and the making
of the kernel, and beside it what comes without a kernel: only the gradient of the weight by products of matrices.
The rules of core/models/ are lifted to show what they omit; the last column says what they choose: "winograd", "heavy"
where speed.heavy_kernels must allow the kernel, "weight" for the gradient of the weight, "direct".
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from figures import keep
from stopwatch import spread
from torch import Tensor, nn

from core.models import convolution, fewer_products, winograd

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
    print(f"torch {torch.__version__}, {options.threads} threads, {options.turns} turns")
    print("channels  map    images    direct   winograd (ratio, least..most)" + "     weight" * options.learns)
    for channels, side in SHAPES:
        for images in options.batches:
            if channels * side * side * images <= LARGEST:
                print_row(channels, side, images, options)


def print_row(channels: int, side: int, images: int, options: argparse.Namespace) -> None:
    layer = nn.Conv2d(channels, channels, 3, padding=1).requires_grad_(options.learns)
    layer.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    features = torch.rand(images, channels, side, side).to(memory_format=torch.channels_last).requires_grad_(True)
    chosen = choice(layer.weight, features, learns=options.learns)
    with rules_lifted():
        seconds = compare(layer, features, options)
    row = f"{channels:8d}  {side:2d}x{side:<2d}  {images:6d}  {1e3 * statistics.median(seconds['direct']):8.2f}"
    for way, taken in seconds.items():
        if way == "direct":
            continue
        ratios = [a / b for a, b in zip(seconds["direct"], taken, strict=True)]
        row += f"   {1e3 * statistics.median(taken):8.2f}  {statistics.median(ratios):5.2f} ({spread(ratios)})"
        if way == chosen:
            name = f"convolution {channels} at {side}x{side}, {images}{', learns' if options.learns else ''}"
            keep(name, statistics.median(ratios), "x direct", better="higher")
    print(f"{row}   {chosen}", flush=True)


def choice(weight: Tensor, features: Tensor, *, learns: bool) -> str:
    """What a run's rules take for a layer."""
    images, _, height, width = features.shape
    tiles = images * height * width // winograd.TILE**2
    many = convolution.has_many_channels(weight)
    if tiles >= winograd.MIN_TILES if many else learns and tiles >= fewer_products.MIN_LEARNING_TILES:
        if not convolution.outweighs_maps(weight, features):
            return "winograd"
        if not learns:
            return "heavy"
    return "weight" if learns and convolution.has_quick_gradient(weight, features, 1) else "direct"


@contextmanager
def rules_lifted() -> Iterator[None]:
    """Every layer may take every way."""
    rules = [
        (convolution, "MIN_CHANNELS"),
        (convolution, "MIN_PRODUCTS"),
        (convolution, "PIXELS_PER_CHANNEL"),
        (fewer_products, "MIN_LEARNING_CHANNELS"),
        (fewer_products, "MIN_TILES"),
    ]
    held = [(module, name, getattr(module, name)) for module, name in rules]
    for module, name, _ in held:
        setattr(module, name, 0)
    try:
        yield
    finally:
        for module, name, value in held:
            setattr(module, name, value)


def compare(layer: nn.Conv2d, features: Tensor, options: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of each turn by the way that was taken, after one turn that warms up."""
    frozen = fewer_products.WinogradConv2d(layer)
    frozen.wake()

    def work(convolve: nn.Module) -> None:
        outputs = convolve(features)
        torch.autograd.grad(outputs, (features, *layer.parameters())[: 3 if options.learns else 1], outputs.detach())

    def learn(**ways: bool) -> None:
        with fewer_products.fewer_products(layer, **ways):
            work(layer)

    ways = {"direct": lambda: work(layer), "winograd": learn if options.learns else lambda: work(frozen)}
    if options.learns:
        ways["weight"] = lambda: learn(winograd=False)
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(options.turns + 1):
        for way, run in ways.items():
            began = time.process_time()
            run()
            if turn:
                seconds[way].append(time.process_time() - began)
    return seconds


if __name__ == "__main__":
    main()
