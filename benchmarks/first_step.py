"""How long `igdm run` takes to the first training step of the digits recipe, beside what `import torch` costs.

    python benchmarks/first_step.py [--repeats 5]

The teacher is ready, as it is after the first run of a recipe. Medians of fresh processes in turns. The step's own time
is within: it is logged when it is done.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import keep

from core.spec.event_file import read_records
from core.spec.events import StepLogged
from core.spec.home import Home

RECIPE = Path(__file__).parent.parent / "configs" / "digits.toml"
RUN = [
    *(sys.executable, "-m", "igdm_tui.cli.entry", "run", str(RECIPE), "--device", "cpu"),
    *("--set", "teacher.optim.num_epochs=1", "--set", "teacher.optim.milestones=[]"),
    *("--set", "optim.num_epochs=1", "--set", "optim.milestones=[]", "--set", 'evaluation.attacks=["clean"]'),
    *("--set", "runtime.log_every=1"),
]
GOAL_S = 1.0
POLL_S = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    imports, steps = [], []
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IGDM_HOME"] = folder
        home = Home(Path(folder)).ensure()
        subprocess.run([*RUN, "--seed", "0"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for seed in range(1, options.repeats + 1):
            began = time.perf_counter()
            subprocess.run([sys.executable, "-c", "import torch"], check=True)
            imports.append(time.perf_counter() - began)
            steps.append(first_step_s(home, seed))
    torch_s, step_s = statistics.median(imports), statistics.median(steps)
    extra = statistics.median(step - imported for step, imported in zip(steps, imports, strict=True))
    print(f"import torch                 {torch_s:6.2f} s")
    print(f"igdm run, first step done    {step_s:6.2f} s")
    print(f"beyond import torch          {extra:6.2f} s   goal {GOAL_S} s")
    keep("first training step, beyond import torch", extra, "s", better="lower", goal=GOAL_S)


def first_step_s(home: Home, seed: int) -> float:
    """Seconds from the command to the first step in the run's events; the run then goes on to its end."""
    before = set(home.runs.iterdir())
    began = time.perf_counter()
    command = subprocess.Popen([*RUN, "--seed", str(seed)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(has_step(run) for run in set(home.runs.iterdir()) - before):
        if command.poll() is not None:
            raise SystemExit(f"the run ended with {command.returncode} before its first step")
        time.sleep(POLL_S)
    seconds = time.perf_counter() - began
    command.wait()
    return seconds


def has_step(run: Path) -> bool:
    return any(isinstance(record.event, StepLogged) for record in read_records(run / "events.jsonl"))


if __name__ == "__main__":
    main()
