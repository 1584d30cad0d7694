"""A training step on the fast path against the literal one: ratio, spread and peak memory, for every method.

    python benchmarks/train_step.py [--methods adaad,ard] [--students mobilenetv2] [--batch 32] [--pairs 3] [--table6]

Both sides of a row work on the same batch in one process, in turns; the ratio is the median over the turns, with the
smallest and the largest behind it. The literal side is the public code forward by forward: `adv` and `plus` apart, and
what is multiplied by zero differentiated. `--merged` lets it have `adv` and `plus` as one, as runs do by default.
On a busy machine take `--threads 1 --clock cpu`: processor time of this process, which others do not lengthen much.
Freed memory of one side serves the next: what counts on a CPU is `--memory`, which starts each side afresh.
With `--device cuda` the sides that change arithmetic come too, and each side's share of the card's peak.
"""

import argparse
import statistics
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context

import torch
from figures import keep
from stopwatch import CLASSES, SEED, Stopwatch, generated_images, spread
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from core.data.dataset import Geometry
from core.device import tf32
from core.methods import METHODS, Batch, build_method, build_term
from core.models import build_model
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection, ModelSection, SpeedSection
from core.training.gradient import BatchGradient
from core.training.paths import build_step

ALPHA, EPOCHS = 5.0, 200
EPOCH_IMAGES = 50_000  # of CIFAR
TARGET = ("adaad", ALPHA)  # also in bfloat16 on a CPU
QUICK: dict[str, object] = {"attack_precision": "bfloat16", "tf32": True, "cuda_graphs": True}  # on CUDA


@dataclass(frozen=True, kw_only=True)
class Case:
    """One kind of step."""

    student: str
    teacher: str
    method: str
    alpha: float
    speed: SpeedSection
    literal_forwards: bool = False
    options: tuple[tuple[str, object], ...] = ()
    attack_steps: int = 10


@dataclass(frozen=True, kw_only=True)
class Measured:
    """seconds: of each turn. memory: bytes at the peak above what was there before. flops: of the fast step."""

    seconds: list[float]
    memory: int
    flops: int = 0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", default=",".join(METHODS), help="all by default")
    parser.add_argument("--students", default="mobilenetv2,resnet-18")
    parser.add_argument("--teacher", default="resnet-18")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--attack-steps", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3, help="turns after one that warms up")
    parser.add_argument("--image-size", type=int, default=32)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--matrix", type=int, default=8192, help="CUDA: side of the products that show the peak")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--merged", action="store_true", help="adv and plus as one on the literal side too")
    parser.add_argument("--compile", action="store_true", help="also with torch.compile: minutes to warm up")
    parser.add_argument("--light", action="store_true", help="also without heavy kernels")
    parser.add_argument("--no-bfloat16", action="store_true")
    parser.add_argument("--memory", action="store_true", help="only memory, each side in a process of its own")
    parser.add_argument("--table6", action="store_true", help="only Table 6's four rows, with minutes per epoch")
    options = parser.parse_args()
    bench = Bench(options)
    bench.print_head()
    for student in options.students.split(","):
        if options.table6:
            bench.print_table6(student)
            continue
        for method in options.methods.split(","):
            for alpha in (0.0, ALPHA) if method != "standard" else (0.0,):
                bench.print_row(student, method, alpha)


class Bench:
    """The measurements under one set of options."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.watch = Stopwatch(options.device, options.threads, options.clock)
        self.device = self.watch.device
        self.images = generated_images(max(options.batch, 100), options.image_size).to(self.device)
        self.peaks = self.watch.matrix_peaks(options.matrix) if self.watch.is_cuda else {}

    def print_head(self) -> None:
        options = self.options
        print(f"{self.watch.place}, {options.pairs} pairs")
        print(f"teacher {options.teacher}, batch {options.batch}, {options.attack_steps} attack steps")
        if self.peaks:
            found = ", ".join(f"{name} {rate / 1e12:,.1f} TFLOP/s" for name, rate in self.peaks.items())
            print(f"products of large matrices: {found}")
        share = "  of peak" if self.peaks else ""
        print(f"student      method       side                   s/step   ratio (least..most)  images/s{share}  memory")

    def literal(self, student: str, method: str, alpha: float, **settings: object) -> Case:
        """The step as the public code has it."""
        return Case(
            student=student,
            teacher=self.options.teacher,
            method=method,
            alpha=alpha,
            speed=SpeedSection(path="literal"),
            literal_forwards=bool(alpha) and not self.options.merged,
            options=tuple(settings.items()),
            attack_steps=self.options.attack_steps,
        )

    def print_row(self, student: str, method: str, alpha: float) -> None:
        """The literal side, the fast one, and what may be chosen besides."""
        case = self.literal(student, method, alpha)
        sides = {"literal": case, "fast": fast(case)}
        if self.watch.is_cuda:
            sides["literal tf32"] = replace(case, speed=SpeedSection(path="literal", tf32=True))
            sides["fast tf32"] = fast(case, tf32=True)
            sides["fast tf32 graphs"] = fast(case, tf32=True, cuda_graphs=True)
            sides["fast bf16 graphs"] = fast(case, **QUICK)
        elif not self.options.no_bfloat16 and (method, alpha) == TARGET:
            sides["fast bf16"] = fast(case, attack_precision="bfloat16")
        if self.options.light and not self.watch.is_cuda:
            sides["fast, light"] = fast(case, heavy_kernels=False)
        if self.options.compile:
            quick = QUICK if self.watch.is_cuda else {"attack_precision": "bfloat16"}
            sides["compiled bf16"] = fast(case, compile=True, **quick)
        row = f"{student:12s} {method + ('+igdm' if alpha else ''):14s}"
        if self.options.memory:
            if not self.watch.is_cuda:
                sides["fast, no winograd"] = fast(case, winograd=False)
                sides["fast, light"] = fast(case, heavy_kernels=False)
            for side, peak in peaks(self.options, sides).items():
                print(f"{row} {side:19s} {peak / 2**20:7,.0f} MiB", flush=True)
            return
        measured = self.race(sides)
        for side, result in measured.items():
            self.print_side(row, side, result, measured["literal"], sides[side].speed)

    def print_table6(self, student: str) -> None:
        """AdaAD and IGDM with and without the teacher in the attack, each on both paths."""
        ways = {"literal": None, "fast": {}} | ({"quick": QUICK} if self.watch.is_cuda else {})
        sides = {}
        for alpha, name in ((0.0, "AdaAD"), (ALPHA, "IGDM")):
            for with_teacher in (True, False):
                literal = self.literal(student, "adaad", alpha, teacher_in_attack=with_teacher)
                row = f"{name}{'' if with_teacher else ' w/o T_in'}"
                for way, speed in ways.items():
                    sides[f"{way} {row}"] = literal if speed is None else fast(literal, **speed)
        measured = self.race(sides)
        for side, result in measured.items():
            epoch = result.median * EPOCH_IMAGES / self.options.batch / 60
            print(f"{student:12s} {side:31s} {result.median:8.3f} s/step {epoch:8.2f} minutes per 50,000 images")
        pairs = [("literal AdaAD", f"{way} IGDM w/o T_in") for way in reversed(ways)]
        for first, second in (*pairs, ("fast AdaAD", "fast IGDM w/o T_in")):
            ratio = ratios(measured[first], measured[second])
            print(f"{student:12s} {first} over {second}: {statistics.median(ratio):.2f} ({spread(ratio)})", flush=True)

    def race(self, sides: dict[str, Case]) -> dict[str, Measured]:
        """Every side in turns, the order turning round each time."""
        steps, memory, flops = {}, {}, 0
        for name, case in sides.items():
            with tf32(case.speed.tf32):
                before = self.watch.reset_memory()
                steps[name] = self.build(case)
                steps[name]()
                memory[name] = self.watch.peak_memory() - before
        if self.peaks and "fast" in steps:
            flops = count_flops(steps["fast"])
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(self.options.pairs):
            for name in list(sides) if turn % 2 == 0 else list(sides)[::-1]:
                with tf32(sides[name].speed.tf32):
                    seconds[name].append(self.watch.time(steps[name]))
        return {name: Measured(seconds=seconds[name], memory=memory[name], flops=flops) for name in sides}

    def build(self, case: Case) -> Callable[[], None]:
        """A whole step, with pairs, attack, losses, gradients and SGD, to be called again and again."""
        geometry = Geometry(channels=3, image_size=self.options.image_size, classes=CLASSES)
        names = (case.student, case.teacher, case.teacher)
        student, teacher, second = (
            build_model(ModelSection(model=name), geometry, seed).to(self.device) for seed, name in enumerate(names)
        )
        attack = AttackSection(num_steps=case.attack_steps)
        section = MethodSection(name=case.method, iad_begin=1, iad2_begin=1, **dict(case.options))
        step = build_step(
            case.speed,
            student=student,
            teacher=teacher.eval().requires_grad_(False),
            method=build_method(section, attack),
            igdm=build_term(IgdmSection(alpha=case.alpha, literal_forwards=case.literal_forwards)),
            attack=attack,
            num_epochs=EPOCHS,
        )
        step.second_teacher = second.eval().requires_grad_(False) if case.method == "iad-2" else None
        optimizer = torch.optim.SGD(student.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)
        gradient = BatchGradient(step, ranks=None, may_halve=False, tell=print)
        part = slice(0, self.options.batch)
        batch = Batch(clean_images=self.images.images(part), labels=self.images.labels[part], epoch=EPOCHS)

        def one() -> None:
            generator = generator_for(self.device, SEED, "benchmark")
            gradient.collect(step.prepare(batch, self.images, DataSection(), generator), lambda: generator)
            optimizer.step()

        return one

    def print_side(self, row: str, side: str, result: Measured, literal: Measured, speed: SpeedSection) -> None:
        ratio = ratios(literal, result)
        if side != "literal":
            keep(f"step {row.strip()} {side}", statistics.median(ratio), "x literal", better="higher")
        share = ""
        if self.peaks:
            kind = "bfloat16" if speed.attack_precision == "bfloat16" else "tf32" if speed.tf32 else "float32"
            share = f"  {result.flops / result.median / self.peaks[kind]:7.1%}"
        print(
            f"{row} {side:19s} {result.median:8.4f}   {statistics.median(ratio):5.2f} ({spread(ratio)})"
            f"  {self.options.batch / result.median:8.1f}{share}  {result.memory / 2**20:7,.0f} MiB",
            flush=True,
        )


def fast(case: Case, **speed: object) -> Case:
    """The same step on the fast path, as runs have it."""
    return replace(case, speed=SpeedSection(**speed), literal_forwards=False)  # type: ignore[arg-type]


def count_flops(step: Callable[[], None]) -> int:
    """Floating-point operations of the convolutions and linear layers of a step, those of its gradients included."""
    total = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d | nn.Linear):
            passes = 1 + inputs[0].requires_grad + (module.weight.requires_grad and output.requires_grad)
            total += 2 * passes * output.numel() * module.weight[0].numel()

    handle = register_module_forward_hook(count)  # type: ignore[arg-type]
    step()
    handle.remove()
    return total


def peaks(options: argparse.Namespace, sides: dict[str, Case]) -> dict[str, int]:
    """Peak memory of three steps of each side in bytes, above what was there before the networks were made."""
    found = {}
    for name, case in sides.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
            found[name] = fresh.submit(peak_memory, options, case).result()
    return found


def peak_memory(options: argparse.Namespace, case: Case) -> int:
    """In this process."""
    bench = Bench(options)
    before = bench.watch.reset_memory()
    step = bench.build(case)
    for _ in range(3):
        step()
    return bench.watch.peak_memory() - before


def ratios(slow: Measured, quick: Measured) -> list[float]:
    return [a / b for a, b in zip(slow.seconds, quick.seconds, strict=True)]


if __name__ == "__main__":
    main()
