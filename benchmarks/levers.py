"""What each lever of the fast path is worth: forward and input gradient of one network, one lever after another.

    python benchmarks/levers.py [--networks resnet-18,mobilenetv2] [--batch 32] [--device cuda] [--turns 5] [--compile]

Every variant works on the same images in one process, in turns; the ratio is to the network as it is (NCHW, parameters
with gradients), the median over the turns with the smallest and the largest behind it. Attack steps consist of this
almost alone. On CUDA algorithms are deterministic, as in runs.
"""

import argparse
import statistics
from collections.abc import Callable

import torch
from figures import keep
from stopwatch import CLASSES, Stopwatch, generated_images, spread
from torch import Tensor, nn

from core.data.dataset import Geometry
from core.device import tf32
from core.models import build_model
from core.models.folding import FastCopy
from core.models.replay import Replayed
from core.spec.config import ModelSection

Network = Callable[[Tensor], Tensor]


class Variant:
    """One way to have a network: a callable, the order of its images, and whether products are TF32."""

    def __init__(self, network: Network, *, channels_last: bool = True, tf32: bool = False) -> None:
        self.network = network
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.tf32 = tf32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="resnet-18,mobilenetv2")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--turns", type=int, default=5, help="after one that warms up")
    parser.add_argument("--compile", action="store_true", help="also with torch.compile: minutes to warm up")
    options = parser.parse_args()
    watch = Stopwatch(options.device, options.threads, options.clock)
    images = generated_images(options.batch, options.image_size).to(watch.device).images()
    print(f"{watch.place}, batch {options.batch}, {options.turns} turns")
    for name in options.networks.split(","):
        network = build_model(ModelSection(model=name), Geometry(channels=3, image_size=32, classes=CLASSES), 0)
        variants = variants_of(network.to(watch.device).eval(), images, compiled=options.compile)
        print_table(name, race(variants, images, watch, options.turns))


def variants_of(network: nn.Module, images: Tensor, *, compiled: bool) -> dict[str, Variant]:
    """Every way by name, the plain one first."""
    frozen = FastCopy(network, fold=False, winograd=False).network
    folded = FastCopy(network, winograd=False).network
    half = FastCopy(network, precision=torch.bfloat16).network
    variants = {
        "as it is": Variant(network, channels_last=False),
        "parameters frozen": Variant(nchw(frozen), channels_last=False),
        "frozen, channels-last": Variant(frozen),
        "frozen, folded": Variant(nchw(folded), channels_last=False),
        "frozen, folded, channels-last": Variant(folded),
    }
    if images.is_cuda:
        variants |= {
            "as it is, TF32": Variant(network, channels_last=False, tf32=True),
            "frozen, folded, TF32": Variant(nchw(folded), channels_last=False, tf32=True),
            "frozen, folded, channels-last, TF32": Variant(folded, tf32=True),
            "the same, recorded": Variant(Replayed(folded), tf32=True),
            "folded, bfloat16, recorded": Variant(Replayed(half)),
        }
    else:
        variants["and fewer products"] = Variant(FastCopy(network).network)
    variants["folded, channels-last, bfloat16"] = Variant(half)
    if compiled:
        variants["folded, channels-last, compiled"] = Variant(torch.compile(folded, dynamic=False), tf32=images.is_cuda)
        compiled_half = torch.compile(half, dynamic=False)
        variants["the same in bfloat16"] = Variant(compiled_half)
        if images.is_cuda:
            variants["the same, compiled and recorded"] = Variant(Replayed(compiled_half))  # type: ignore[arg-type]
    return variants


def nchw(network: nn.Module) -> nn.Module:
    """Another copy, with weights in PyTorch's usual order."""
    return FastCopy(network, fold=False, winograd=False).network.to(memory_format=torch.contiguous_format)  # type: ignore[no-any-return, call-overload]


def race(variants: dict[str, Variant], images: Tensor, watch: Stopwatch, turns: int) -> dict[str, list[float]]:
    """Seconds of each turn, the order turning round each time."""

    def once(variant: Variant) -> None:
        asked = images.contiguous(memory_format=variant.layout).detach().requires_grad_(True)
        torch.autograd.grad(variant.network(asked).sum(), asked)

    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(turns + 1):
        for name in list(variants)[:: 1 if turn % 2 == 0 else -1]:
            with tf32(variants[name].tf32):
                taken = watch.time(lambda name=name: once(variants[name]))
            if turn:
                seconds[name].append(taken)
    return seconds


def print_table(network: str, seconds: dict[str, list[float]]) -> None:
    plain = seconds["as it is"]
    print(f"\n{network:38s} ms  ratio (least..most)")
    for name, taken in seconds.items():
        ratios = [a / b for a, b in zip(plain, taken, strict=True)]
        median = statistics.median(ratios)
        print(f"{name:36s} {1e3 * statistics.median(taken):7.2f}  {median:5.2f} ({spread(ratios)})")
        if name != "as it is":
            keep(f"lever {network} {name}", median, "x plain", better="higher")


if __name__ == "__main__":
    main()
