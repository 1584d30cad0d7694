"""What measuring a student after an epoch costs, as a share of the epoch: GD and GC, and the validation accuracies.

    python benchmarks/following.py [--epochs 3]            # the digits recipe, whole epochs
    python benchmarks/following.py --cifar [--steps 3]     # ResNet-18s, CIFAR's sizes: some steps, times their number

Both in one process, in turns, medians. GD and GC are measured with every epoch by default, on 256 test images.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from figures import keep
from stopwatch import generated_images, make_trainer

from core.data import Dataset, load_dataset
from core.data.dataset import Geometry
from core.device import prepare_device
from core.following import Following
from core.spec.config import RunConfig
from core.spec.loading import load_config
from core.training.trainer import Trainer

RECIPE = Path(__file__).parent.parent / "configs" / "digits.toml"
CIFAR_IMAGES = 50_000
GOAL = 2.0  # % of an epoch, of GD and GC
METRICS = {"GD and GC": "gradient_every", "validation": "validation_every"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cifar", action="store_true")
    parser.add_argument("--epochs", type=int, default=3, help="of digits, after one that warms up")
    parser.add_argument("--steps", type=int, default=3, help="of CIFAR, after one that warms up")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    prepare_device("cpu", options.threads)
    config = cifar_config() if options.cifar else load_config(RECIPE)
    dataset = cifar_dataset(config, options.steps) if options.cifar else load_dataset(config.data)
    turns = 1 if options.cifar else options.epochs
    trainer = make_trainer(config, dataset, turns + 1)
    measured: dict[str, list[float]] = {"epoch": [], **{name: [] for name in METRICS}}
    with tempfile.TemporaryDirectory() as folder:
        followings = {name: make_following(config, dataset, trainer, Path(folder), name) for name in METRICS}
        for turn in range(turns + 1):
            times = {"epoch": timed(lambda: trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False))}
            for name, following in followings.items():
                times[name] = timed(lambda following=following: following.measure(trainer.result, 1))  # type: ignore[misc]
            if turn:
                for name, seconds in times.items():
                    measured[name].append(seconds)
    scale = dict.fromkeys(measured, 1.0)
    if options.cifar:
        train = round(CIFAR_IMAGES * (1 - config.data.validation_fraction))
        scale["epoch"] = train / len(dataset.train)
        scale["validation"] = (CIFAR_IMAGES - train) / len(dataset.validation)
    print_shares({name: statistics.median(found) * scale[name] for name, found in measured.items()}, options.cifar)


def print_shares(seconds: dict[str, float], is_cifar: bool) -> None:
    where = "CIFAR, ResNet-18" if is_cifar else "digits"
    print(f"{where}: an epoch {seconds['epoch']:,.2f} s")
    for name in METRICS:
        share = 100 * seconds[name] / seconds["epoch"]
        print(f"  {name:12s} {seconds[name]:8.3f} s  {share:6.2f} % of it")
        goal = GOAL if name == "GD and GC" else None
        keep(f"{name}, {where}", share, "% of an epoch", better="lower", goal=goal)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def cifar_config() -> RunConfig:
    """AdaAD + IGDM of one ResNet-18 from another, batch 128, ten attack steps."""
    model = {"model": "resnet-18"}
    optim = {"num_epochs": 200, "batch_size": 128}
    return RunConfig.model_validate(
        {"teacher": model, "student": model, "method": {"name": "adaad"}, "igdm": {"alpha": 5.0}, "optim": optim}
    )


def cifar_dataset(config: RunConfig, steps: int) -> Dataset:
    """Generated images of CIFAR's size: so many steps of training, a batch for validation, and those followed."""
    images = generated_images(max(steps * config.optim.batch_size, config.evaluation.gradient_examples), 32)
    train = images.first(steps * config.optim.batch_size)
    return Dataset(
        train=train, validation=images.first(128), test=images, geometry=Geometry(channels=3, image_size=32, classes=10)
    )


def make_following(config: RunConfig, dataset: Dataset, trainer: Trainer, folder: Path, name: str) -> Following:
    """One that measures this alone."""
    off = dict.fromkeys(METRICS.values(), 0) | {METRICS[name]: 1}
    config = config.model_copy(update={"evaluation": config.evaluation.model_copy(update=off)})
    return Following(config, dataset, trainer.step.teacher, folder, print)


if __name__ == "__main__":
    main()
