"""Images per second of a forward with its input gradient, by batch size: where `batch_size = 0` on a CPU comes from.

python -m benchmarks.batch_size [--threads N]. Medians of interleaved passes in one process, as ratios to batch 250.
"""

import argparse
import statistics
import time

import torch
import torch.nn.functional as F

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.config import ModelSection

SIZES = (8, 16, 32, 64, 128, 250, 500)
NETWORKS = {
    "resnet width 8 on 8x8": (ModelSection(width=8, blocks=(1, 1, 1)), Geometry(channels=1, image_size=8, classes=10)),
    "resnet-18 on 32x32": (ModelSection(model="resnet-18"), Geometry(channels=3, image_size=32, classes=10)),
}
IMAGES = {"resnet width 8 on 8x8": 2000, "resnet-18 on 32x32": 500}
PASSES = 5


def seconds_per_image(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """One forward and input gradient."""
    began = time.perf_counter()
    variable = images.clone().requires_grad_(True)
    torch.autograd.grad(F.cross_entropy(model(variable), labels), variable)
    return (time.perf_counter() - began) / len(images)


def main() -> None:
    """Print one line per network and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--passes", type=int, default=PASSES)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for name, (settings, geometry) in NETWORKS.items():
        model = build_model(settings, geometry, 0).eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        shape = (geometry.channels, geometry.image_size, geometry.image_size)
        taken: dict[int, list[float]] = {size: [] for size in SIZES}
        for _ in range(options.passes + 1):
            for size in SIZES:
                repeats = max(IMAGES[name] // size // 4, 1)
                images, labels = torch.rand(size, *shape), torch.arange(size) % geometry.classes
                taken[size].append(statistics.median(seconds_per_image(model, images, labels) for _ in range(repeats)))
        medians = {size: statistics.median(values[1:]) for size, values in taken.items()}
        for size, seconds in medians.items():
            print(f"{name}: batch {size:>3}: {1 / seconds:8.0f} images/s, {medians[250] / seconds:.2f} of batch 250")


if __name__ == "__main__":
    main()
