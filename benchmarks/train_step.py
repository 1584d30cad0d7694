"""A training step on the fast path against the literal one: ratio, spread and peak memory, for every method.

    python benchmarks/train_step.py [--methods adaad,ard] [--students mobilenetv2] [--batch 32] [--pairs 3] [--table6]

Both sides of a row work on the same batch in one process, in turns; the ratio is the median over the turns, with the
smallest and the largest behind it. The literal side is the public code forward by forward: `adv` and `plus` apart, and
what is multiplied by zero differentiated. `--merged` lets it have `adv` and `plus` as one, as runs do by default.
On a busy machine take `--threads 1 --clock cpu`: processor time of this process, which others do not lengthen much.
"""

import argparse
import ctypes
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from figures import keep
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from core.data.dataset import Geometry, ImageSet
from core.methods import METHODS, Batch, build_method, build_term
from core.models import build_model
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection, ModelSection, SpeedSection
from core.training.paths import build_step

SEED, ALPHA, EPOCHS = 0, 5.0, 200
CLASSES = 10
EPOCH_IMAGES = 50_000  # of CIFAR
TARGET = ("adaad", ALPHA)  # also in bfloat16


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
    parser.add_argument("--no-bfloat16", action="store_true")
    parser.add_argument("--table6", action="store_true", help="only Table 6's four rows, with minutes per epoch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
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
        self.device = torch.device(options.device)
        self.images = generated_images(max(options.batch, 100), options.image_size).to(self.device)

    def print_head(self) -> None:
        options, cuda = self.options, self.device.type == "cuda"
        where = torch.cuda.get_device_name(self.device) if cuda else f"CPU, {options.threads} threads"
        print(f"torch {torch.__version__}, {where}, {options.clock} time, {options.pairs} pairs")
        print(f"teacher {options.teacher}, batch {options.batch}, {options.attack_steps} attack steps")
        self.peaks = self.matrix_peaks() if cuda else {}
        if self.peaks:
            found = ", ".join(f"{name} {rate / 1e12:,.1f} TFLOP/s" for name, rate in self.peaks.items())
            print(f"products of large matrices: {found}")
        share = "  of peak" if self.peaks else ""
        print(f"student      method       side              s/step   ratio (least..most)  images/s{share}  peak memory")

    def print_row(self, student: str, method: str, alpha: float) -> None:
        """The literal side, the fast one, and what may be chosen besides."""
        case = Case(
            student=student,
            teacher=self.options.teacher,
            method=method,
            alpha=alpha,
            speed=SpeedSection(path="literal"),
            literal_forwards=bool(alpha) and not self.options.merged,
            attack_steps=self.options.attack_steps,
        )
        sides = {"literal": case, "fast": fast(case)}
        if not self.options.no_bfloat16 and ((method, alpha) == TARGET or self.device.type == "cuda"):
            sides["fast bf16"] = fast(case, attack_precision="bfloat16")
        if self.device.type == "cuda":
            sides["fast tf32"] = fast(case, tf32=True)
        if self.options.compile:
            sides["fast compiled"] = fast(case, compile=True)
            sides["fast bf16 comp."] = fast(case, compile=True, attack_precision="bfloat16")
        row = f"{student:12s} {method + ('+igdm' if alpha else ''):12s}"
        measured = self.race(sides)
        for side, result in measured.items():
            self.print_side(row, side, result, measured["literal"], sides[side].speed)

    def print_table6(self, student: str) -> None:
        """AdaAD and IGDM with and without the teacher in the attack, each on both paths."""
        sides = {}
        for alpha, name in ((0.0, "AdaAD"), (ALPHA, "IGDM")):
            for with_teacher in (True, False):
                literal = Case(
                    student=student,
                    teacher=self.options.teacher,
                    method="adaad",
                    alpha=alpha,
                    speed=SpeedSection(path="literal"),
                    literal_forwards=bool(alpha) and not self.options.merged,
                    options=(("teacher_in_attack", with_teacher),),
                    attack_steps=self.options.attack_steps,
                )
                row = f"{name}{'' if with_teacher else ' w/o T_in'}"
                sides[f"literal {row}"] = literal
                sides[f"fast {row}"] = fast(literal)
        measured = self.race(sides)
        for side, result in measured.items():
            epoch = result.median * EPOCH_IMAGES / self.options.batch / 60
            print(f"{student:12s} {side:24s} {result.median:8.3f} s/step {epoch:8.1f} minutes per 50,000 images")
        for first, second in (
            ("literal AdaAD", "fast IGDM w/o T_in"),
            ("literal AdaAD", "literal IGDM w/o T_in"),
            ("fast AdaAD", "fast IGDM w/o T_in"),
        ):
            ratio = ratios(measured[first], measured[second])
            print(f"{student:12s} {first} over {second}: {statistics.median(ratio):.2f} ({spread(ratio)})", flush=True)

    def race(self, sides: dict[str, Case]) -> dict[str, Measured]:
        """Every side in turns, the order turning round each time."""
        steps, memory, flops = {}, {}, 0
        for name, case in sides.items():
            with self.precision(case):
                before = self.reset_memory()
                steps[name] = self.build(case)
                steps[name]()
                memory[name] = self.peak_memory() - before
        if self.peaks and "fast" in steps:
            flops = count_flops(steps["fast"])
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(self.options.pairs):
            for name in list(sides) if turn % 2 == 0 else list(sides)[::-1]:
                with self.precision(sides[name]):
                    seconds[name].append(self.time(steps[name]))
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
        part = slice(0, self.options.batch)
        batch = Batch(clean_images=self.images.images(part), labels=self.images.labels[part], epoch=EPOCHS)

        def one() -> None:
            generator = generator_for(self.device, SEED, "benchmark")
            ready = step.prepare(batch, self.images, DataSection(), generator)
            losses = step.losses(ready, step.adversarial_images(ready, generator))
            optimizer.zero_grad(set_to_none=True)
            losses.total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()

        return one

    def time(self, work: Callable[[], None]) -> float:
        clock = time.process_time if self.options.clock == "cpu" else time.perf_counter
        self.wait()
        began = clock()
        work()
        self.wait()
        return clock() - began

    def wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @contextmanager
    def precision(self, case: Case) -> Iterator[None]:
        """TF32 for the sides that ask for it."""
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = case.speed.tf32
        try:
            yield
        finally:
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    def matrix_peaks(self) -> dict[str, float]:
        """FLOP/s in each precision: the best of five products of large matrices."""
        size, peaks = self.options.matrix, {}
        for name, dtype in (("float32", torch.float32), ("tf32", torch.float32), ("bfloat16", torch.bfloat16)):
            torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
            left, right = torch.rand(2, size, size, device=self.device).to(dtype)
            times = [self.time(lambda left=left, right=right: torch.mm(left, right)) for _ in range(6)]
            peaks[name] = 2 * size**3 / min(times[1:])
        torch.backends.cuda.matmul.allow_tf32 = False
        return peaks

    def reset_memory(self) -> int:
        """Start a new peak; what is in use now, in bytes."""
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)
            return torch.cuda.memory_allocated(self.device)
        if sys.platform != "linux":
            return 0
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
        return resident("VmRSS")

    def peak_memory(self) -> int:
        """The peak since then, in bytes; 0 where it cannot be known."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return resident("VmHWM") if sys.platform == "linux" else 0

    def print_side(self, row: str, side: str, result: Measured, literal: Measured, speed: SpeedSection) -> None:
        ratio = ratios(literal, result)
        if side != "literal":
            keep(f"step {row.strip()} {side}", statistics.median(ratio), "x literal", better="higher")
        share = ""
        if self.peaks:
            kind = "bfloat16" if speed.attack_precision == "bfloat16" else "tf32" if speed.tf32 else "float32"
            share = f"  {result.flops / result.median / self.peaks[kind]:7.1%}"
        print(
            f"{row} {side:15s} {result.median:8.3f}   {statistics.median(ratio):5.2f} ({spread(ratio)})"
            f"  {self.options.batch / result.median:8.1f}{share}  {result.memory / 2**20:7,.0f} MiB",
            flush=True,
        )


def fast(case: Case, **speed: object) -> Case:
    """The same step on the fast path, as runs have it."""
    changes = {"speed": SpeedSection(**speed), "literal_forwards": False}  # type: ignore[arg-type]
    return Case(**({name: getattr(case, name) for name in Case.__dataclass_fields__} | changes))


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


def ratios(slow: Measured, quick: Measured) -> list[float]:
    return [a / b for a, b in zip(slow.seconds, quick.seconds, strict=True)]


def spread(values: list[float]) -> str:
    return f"{min(values):.2f}..{max(values):.2f}"


def resident(field: str) -> int:
    """A size from the kernel's account of this process, in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def generated_images(count: int, size: int) -> ImageSet:
    """Coarse patterns, one per class, under noise."""
    generator = torch.Generator().manual_seed(SEED)
    patterns: Tensor = torch.rand(CLASSES, 3, 4, 4, generator=generator)
    labels = torch.arange(count) % CLASSES
    noise = torch.rand(count, 3, size, size, generator=generator)
    pixels = 0.6 * F.interpolate(patterns[labels], size=size) + 0.4 * noise
    return ImageSet(levels=(255 * pixels).to(torch.uint8), labels=labels, max_level=255)


if __name__ == "__main__":
    main()
