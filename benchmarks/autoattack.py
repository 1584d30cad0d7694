"""AutoAttack standard through the suite against pyautoattack on the plain network: seconds, and verdicts that differ.

    python benchmarks/autoattack.py [--examples 100] [--iterations 100] [--queries 5000] [--pairs 3]

A network is trained for a moment on generated images of CIFAR size, or loaded with --checkpoint. Both sides attack the
same images with the same seed in one process, in pairs, the order alternating; compare the median of the ratios.
Fewer iterations and queries shorten every stage alike. The first lines say what each change is worth by itself, those
of a pair what each stage took. CPU seconds say more than the clock's on a machine that does other things too.
"""

import argparse
import copy
import logging
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from pyautoattack import AutoAttack
from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import Geometry, ImageSet
from core.evaluation.autoattack import autoattack_plan, build_autoattack
from core.evaluation.cascade import Cascade
from core.evaluation.outcome import StateFile
from core.models import build_model
from core.models.folding import FastCopy, fast_copy
from core.spec.config import ModelSection
from core.teachers.checkpoint import load_checkpoint_file

SEED = 0
GEOMETRY = Geometry(channels=3, image_size=32, classes=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="resnet-18")
    parser.add_argument("--checkpoint", type=Path, help="weights; without it, trained for --steps")
    parser.add_argument("--steps", type=int, default=30, help="training steps of 64 images")
    parser.add_argument("--examples", type=int, default=100)
    parser.add_argument("--iterations", type=int, default=100, help="of APGD and FAB")
    parser.add_argument("--queries", type=int, default=5000, help="of Square")
    parser.add_argument("--epsilon", type=float, default=1.0, help="in 1/255")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-parts", action="store_true", help="only the comparison of whole attacks")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    images = generated_images(options.examples)
    model = build_model(ModelSection(model=options.model), GEOMETRY, SEED, dataset="cifar-10")
    if options.checkpoint:
        load_checkpoint_file(model, options.checkpoint, classes=GEOMETRY.classes)
    else:
        train(model, options.steps)
    model.eval()
    if not options.no_parts:
        print_parts(model, images)
    print_ratio(model, images, options)


def generated_images(count: int) -> ImageSet:
    """Coarse patterns, one per class, under noise."""
    generator = torch.Generator().manual_seed(SEED)
    patterns = torch.rand(GEOMETRY.classes, 3, 4, 4, generator=generator)
    labels = torch.randint(0, GEOMETRY.classes, (count,), generator=generator)
    noise = torch.rand(count, 3, 32, 32, generator=generator)
    pixels = 0.6 * F.interpolate(patterns[labels], size=32) + 0.4 * noise
    return ImageSet(levels=(255 * pixels).to(torch.uint8), labels=labels, max_level=255)


def train(model: nn.Module, steps: int) -> None:
    """A few steps of ordinary training: attacks then have something to break."""
    images = generated_images(64 * 8)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    model.train()
    for step in range(steps):
        part = slice(64 * (step % 8), 64 * (step % 8) + 64)
        optimiser.zero_grad()
        F.cross_entropy(model(images.images(part)), images.labels[part]).backward()
        optimiser.step()
    optimiser.zero_grad()


def print_parts(model: nn.Module, images: ImageSet) -> None:
    """Forward, and forward with input gradient, on each kind of copy."""
    few = images.first(32)
    batch, labels = few.images(), few.labels
    frozen = copy.deepcopy(model).eval().requires_grad_(False)
    kinds: dict[str, nn.Module | None] = {
        "plain": model,
        "no parameter gradients": frozen,
        "channels-last": copy.deepcopy(frozen).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        "folded, channels-last": FastCopy(model, winograd=False).network,
        "and fewer products": FastCopy(model).network,
    }

    def forward(network: nn.Module) -> None:
        with torch.no_grad():
            network(batch)

    def gradient(network: nn.Module) -> None:
        variable = batch.clone().requires_grad_(True)
        torch.autograd.grad(F.cross_entropy(network(variable), labels, reduction="sum"), variable)

    def backward(network: nn.Module) -> None:
        variable = batch.clone().requires_grad_(True)
        F.cross_entropy(network(variable), labels, reduction="sum").backward()  # type: ignore[no-untyped-call]

    for name, work in (("forward", forward), ("input gradient (APGD)", gradient), ("backward (FAB)", backward)):
        reference = median_seconds(work, model)
        for kind, network in kinds.items():
            if network is not None:
                seconds = median_seconds(work, network)
                print(f"{name:22s} {kind:24s} {1000 * seconds:8.1f} ms CPU  {reference / seconds:5.2f} times as fast")


def median_seconds(work: Callable[[nn.Module], None], network: nn.Module) -> float:
    """Median CPU seconds of five, after one to warm up."""
    work(network)
    seconds = []
    for _ in range(5):
        began = time.process_time()
        work(network)
        seconds.append(time.process_time() - began)
    return statistics.median(seconds)


@dataclass
class Side:
    """One way to attack: seconds by the clock and of the CPU, CPU seconds of each stage, images asked about."""

    verdicts: Tensor
    clock: float
    cpu: float
    stages: dict[str, float]
    asked: int


class Counting(nn.Module):
    """A network that counts the images it is asked about."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.asked = 0

    def forward(self, images: Tensor) -> Tensor:
        self.asked += len(images)
        logits: Tensor = self.network(images)
        return logits


class StageClock(logging.Handler):
    """CPU seconds of each stage, from what pyautoattack logs or our walk reports."""

    def __init__(self) -> None:
        super().__init__(level=logging.DEBUG)
        self.stages: dict[str, float] = {}
        self._began = time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.stages[stage] = now - self._began
        self._began = now

    def emit(self, record: logging.LogRecord) -> None:
        found = re.match(r"robust accuracy after (\S+):", record.getMessage())
        if found:
            self.lap(found[1].lower())


def print_ratio(model: nn.Module, images: ImageSet, options: argparse.Namespace) -> None:
    """Both sides in pairs, their seconds and the images on which they disagree."""
    epsilon = options.epsilon / 255

    def shorten(attack: AutoAttack) -> None:
        attack.apgd.n_iter = attack.apgd_targeted.n_iter = attack.fab.n_iter = options.iterations
        attack.square.n_queries = options.queries

    def theirs(network: Counting, clock: StageClock) -> Tensor:
        attack = AutoAttack(network, norm="Linf", eps=epsilon, seed=SEED, version="standard")
        shorten(attack)
        adv_images, _ = attack.run_standard_evaluation(images.images(), images.labels, batch_size=len(images))
        with torch.no_grad():
            return model(adv_images).argmax(dim=1) == images.labels

    def ours(network: Counting, clock: StageClock) -> Tensor:
        attack = build_autoattack(network, norm="Linf", epsilon=epsilon, seed=SEED, device=torch.device("cpu"))
        shorten(attack)

        def on_stage(*, stage: str, batch: int, batches: int, **_: object) -> None:
            if batches and batch == batches:
                clock.lap(stage)

        with tempfile.TemporaryDirectory() as folder, attack_mode(model):
            state = StateFile(Path(folder) / "state.json", "benchmark")
            cascade = Cascade(model, images, autoattack_plan(attack), batch_size=len(images), state=state)
            return cascade.run(on_stage, lambda: False).robust

    fast = fast_copy(model, images.images(slice(0, 16))).network
    ratios: list[tuple[float, float]] = []
    for pair in range(options.pairs):
        order = [("pyautoattack", theirs, model), ("ours", ours, fast)]
        found = {name: run_side(side, network) for name, side, network in order[:: 1 if pair % 2 == 0 else -1]}
        reference, own = found["pyautoattack"], found["ours"]
        ratios.append((reference.clock / own.clock, reference.cpu / own.cpu))
        differ = int((reference.verdicts != own.verdicts).sum())
        print(
            f"pair {pair + 1}: pyautoattack {reference.clock:.1f} s, ours {own.clock:.1f} s, ratio {ratios[-1][0]:.2f}"
            f" (CPU {reference.cpu:.1f} s, {own.cpu:.1f} s, {ratios[-1][1]:.2f});"
            f" robust {int(reference.verdicts.sum())} and {int(own.verdicts.sum())} of {len(images)},"
            f" {differ} verdicts differ; images asked about {reference.asked} and {own.asked}"
        )
        for stage in reference.stages.keys() & own.stages.keys():
            seconds = reference.stages[stage], own.stages[stage]
            print(f"  {stage:8s} CPU {seconds[0]:7.1f} s, ours {seconds[1]:7.1f} s, {seconds[0] / seconds[1]:.2f}")
        sys.stdout.flush()
    medians = [statistics.median(column) for column in zip(*ratios, strict=True)]
    print(f"median ratio {medians[0]:.2f}, of CPU seconds {medians[1]:.2f}")


def run_side(side: Callable[[Counting, StageClock], Tensor], network: nn.Module) -> Side:
    """Attack once, with the clocks running."""
    counting, clock, logger = Counting(network).eval(), StageClock(), logging.getLogger("auto-attack")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(clock)
    began, cpu = time.perf_counter(), time.process_time()
    try:
        verdicts = side(counting, clock)
    finally:
        logger.removeHandler(clock)
        logger.setLevel(level)
    return Side(
        verdicts=verdicts,
        clock=time.perf_counter() - began,
        cpu=time.process_time() - cpu,
        stages=clock.stages,
        asked=counting.asked,
    )


if __name__ == "__main__":
    main()
