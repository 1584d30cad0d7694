"""How the time of an epoch grows with images, classes, attack steps and width: measured points and a straight line.

    python benchmarks/growth.py [--repeats 3] [--clock cpu]

An AdaAD + IGDM epoch on generated 8x8 images with a small residual network and teacher, one thing doubled at a time.
Each point is the least of the repeats, taken in turns. r2 is the share of the variance that the line explains; width
enters squared, as the work of a convolution does.
"""

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
import torch
from figures import keep
from torch import nn

from core.data.dataset import Geometry, ImageSet
from core.methods import build_method, build_term
from core.models import build_model
from core.spec.config import (
    AttackSection,
    DataSection,
    IgdmSection,
    MethodSection,
    ModelSection,
    OptimSection,
    SpeedSection,
)
from core.training.paths import build_step
from core.training.trainer import Trainer

SEED, IMAGE_SIZE, BATCH, TEACHER_WIDTH = 0, 8, 64, 8


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one epoch is made of."""

    images: int
    classes: int = 10
    attack_steps: int = 5
    width: int = 16


POINTS = {
    "classes": (10, 100, 200, 400),
    "attack_steps": (2, 5, 10, 20),
    "width": (8, 16, 32, 64),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--images", type=int, default=512, help="of an epoch, where nothing else is said")
    parser.add_argument("--points", type=int, default=4, help="of each line, the smallest first")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    base = Size(images=options.images)
    print(f"torch {torch.__version__}, {options.threads} threads, {options.clock} time; {base}, batch {BATCH}")
    print(f"{'':14s}{'seconds per epoch':48s}{'line':34s}r2")
    images = tuple(options.images // 2 * 2**place for place in range(4))
    for name, all_values in {"images": images, **POINTS}.items():
        values = all_values[: options.points]
        print_line(name, values, measure([replace(base, **{name: value}) for value in values], options.repeats, clock))


def measure(sizes: list[Size], repeats: int, clock: object) -> list[float]:
    """The least seconds of an epoch of each size, measured in turns after one to warm up."""
    trainers = [make_trainer(size, repeats + 1) for size in sizes]
    seconds: list[list[float]] = [[] for _ in sizes]
    for turn in range(repeats + 1):
        for trainer, taken in zip(trainers, seconds, strict=True):
            began = clock()  # type: ignore[operator]
            trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)
            if turn:
                taken.append(clock() - began)  # type: ignore[operator]
    return [min(taken) for taken in seconds]


def print_line(name: str, values: tuple[int, ...], seconds: list[float]) -> None:
    places = np.array(values, dtype=float) ** (2 if name == "width" else 1)
    slope, base = np.polyfit(places, seconds, 1)
    residual = np.square(seconds - (base + slope * places)).sum()
    r2 = 1 - residual / np.square(seconds - np.mean(seconds)).sum()
    keep(f"epoch over {name}: line explains", 100 * r2, "% of variance", better="higher")
    points = ", ".join(f"{value}: {second:.2f}" for value, second in zip(values, seconds, strict=True))
    line = f"{base:.2f} + {slope:.2g} x {name}{'^2' if name == 'width' else ''}"
    print(f"{name:14s}{points:48s}{line:34s}{r2:.4f}", flush=True)


def make_trainer(size: Size, epochs: int) -> Trainer:
    geometry = Geometry(channels=3, image_size=IMAGE_SIZE, classes=size.classes)
    generator = torch.Generator().manual_seed(SEED)
    shape = (size.images, 3, IMAGE_SIZE, IMAGE_SIZE)
    images = ImageSet(
        levels=torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8),
        labels=torch.arange(size.images) % size.classes,
        max_level=255,
    )
    attack = AttackSection(num_steps=size.attack_steps)
    teacher: nn.Module = build_model(ModelSection(width=TEACHER_WIDTH), geometry, 1).eval().requires_grad_(False)
    step = build_step(
        SpeedSection(),
        student=build_model(ModelSection(width=size.width), geometry, 0),
        teacher=teacher,
        method=build_method(MethodSection(name="adaad"), attack),
        igdm=build_term(IgdmSection(alpha=5.0)),
        attack=attack,
        num_epochs=epochs,
    )
    optim = OptimSection(num_epochs=epochs, batch_size=BATCH, learning_rate=0.01, milestones=())
    return Trainer(step, images=images, data=DataSection(), optim=optim, seed=SEED, device=torch.device("cpu"))


if __name__ == "__main__":
    main()
