"""What saying a step costs: events per second, bytes per record, and the share of a training epoch on digits.

    python benchmarks/event_logging.py [--events 50000] [--epochs 2]

Every step is logged, which is ten times as often as by default, with the recipe of configs/digits.toml (AdaAD + IGDM,
untrained teacher: the weights do not change the time). One CPU thread.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from figures import keep
from stopwatch import make_trainer

from core.data import load_dataset
from core.reporter import Reporter
from core.spec.event_file import EventWriter
from core.spec.events import StepLogged
from core.spec.loading import load_config
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder

LOSSES = {f"loss_{number}": 0.31234567 * (number + 1) for number in range(8)}
RECIPE = Path(__file__).parent.parent / "configs" / "digits.toml"
REPEATS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--epochs", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        rates = [write_events(Path(folder) / f"events-{number}", options.events) for number in range(REPEATS)]
        size = (Path(folder) / "events-0").stat().st_size / options.events
        share, per_event_s, step_s = train(Path(folder) / "training", options.epochs)
    print(f"written           {statistics.median(rates):10,.0f} events/s   median of {REPEATS}, 8 losses each")
    keep("events written", statistics.median(rates), "events/s", better="higher", goal=100_000)
    keep("a record of 8 losses", size, "bytes", better="lower", goal=200)
    keep("saying every step", 100 * share, "% of training", better="lower", goal=1)
    print(f"a record          {size:10.0f} bytes      8 losses with names of 6 letters")
    print(f"while training    {share:10.3%} of the time  {per_event_s * 1e6:.0f} us of a step of {step_s * 1e3:.1f} ms")


def write_events(path: Path, count: int) -> float:
    """Events per second through the writer of a run, one write each, without waiting for the disk."""
    writer = EventWriter(path)
    began = time.perf_counter()
    for step in range(1, count + 1):
        writer.write(StepLogged(epoch=1, step=step, metrics=LOSSES))
    rate = count / (time.perf_counter() - began)
    writer.close()
    return rate


def train(path: Path, epochs: int) -> tuple[float, float, float]:
    """Share of training spent on saying every step; seconds per event and per step."""
    config = load_config(RECIPE)
    trainer = make_trainer(config, load_dataset(config.data), epochs)
    path.mkdir()
    folder, spent = RunFolder(path), []
    folder.claim(ProcessIdentity.of_this(), 1)
    reporter = Reporter(folder, 1)  # as in a run: each line only while no newer attempt has claimed it

    def on_step(epoch: int, number: int, named: dict[str, torch.Tensor]) -> None:
        began = time.perf_counter()
        reporter.emit(StepLogged(epoch=epoch, step=number, metrics={key: float(loss) for key, loss in named.items()}))
        spent.append(time.perf_counter() - began)

    began = time.perf_counter()
    for _ in range(epochs):
        trainer.run_epoch(on_step=on_step, should_stop=lambda: False)
    total_s = time.perf_counter() - began
    reporter.close()
    return sum(spent) / total_s, statistics.median(spent), total_s / len(spent)


if __name__ == "__main__":
    main()
