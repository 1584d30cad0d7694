"""Process entry for teachers without a run: `python -P -m core.teacher_process train|check ...`.

train HOME: reads a configuration as TOML from stdin and makes its teacher; one JSON line on stdout per step of the way.
check FILE MODEL DATASET HOME: loads a checkpoint strictly; one JSON object on stdout, with the clean accuracy where the
data set is there. stderr is talk; its last line says why when the exit code is not 0.
"""

import json
import os
import sys
import tomllib
from pathlib import Path
from typing import Any

from core.spec.config import DataSection, ModelSection, RunConfig
from core.spec.data_files import require_data
from core.spec.errors import IgdmError, StopRequested, TrainingError
from core.spec.events import Event, TeacherProgress, Warned
from core.spec.home import Home
from core.spec.loading import build_config
from core.stopping import StopSignal

EXAMPLES_ON_CPU = 500
BATCH_SIZE = 250


def main(arguments: list[str]) -> int:
    """Do what is asked. Returns the exit code: 0 done, 1 failed, 2 usage, 128 + signal stopped."""
    should_stop = StopSignal()
    try:
        if len(arguments) == 2 and arguments[0] == "train":
            config = build_config(tomllib.loads(sys.stdin.read()), source="stdin")
            train(config, Home(Path(arguments[1])), should_stop)
        elif len(arguments) == 5 and arguments[0] == "check":
            _answer(check(Path(arguments[1]), arguments[2], arguments[3], Home(Path(arguments[4]))))
        else:
            print("usage: train HOME, or check FILE MODEL DATASET HOME", file=sys.stderr)
            return 2
    except StopRequested:
        return 128 + should_stop.number
    except IgdmError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def train(config: RunConfig, home: Home, should_stop: StopSignal) -> None:
    """Make the teacher of a configuration, or find that it is there.

    Raises: StopRequested after a checkpoint when asked to stop; TrainingError when it cannot go on.
    """
    threads = config.runtime.threads or os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    from core.data import load_dataset
    from core.device import prepare_device
    from core.teaching import Teaching

    device = prepare_device(config.runtime.device, threads)
    dataset = load_dataset(config.data, home).to(device)
    teaching = Teaching(
        config=config, home=home, device=device, made_by="", emit=_answer_event, should_stop=should_stop
    )
    teaching.obtain(dataset)


def check(path: Path, model: str, dataset: str, home: Home) -> dict[str, Any]:
    """Load a checkpoint strictly into an architecture for a data set; its size, and its accuracy where images are.

    Returns tensors, parameters, clean_accuracy (in [0, 1] or None) and examples (test images used).
    Raises: TrainingError when it does not fit.
    """
    from core.data.dataset import Geometry
    from core.models import build_model
    from core.spec.catalogue import DATASETS
    from core.teachers import freeze, load_checkpoint_file

    if dataset not in DATASETS:
        raise TrainingError(f"{dataset}: not a data set (one of: {', '.join(DATASETS)})")
    entry = DATASETS[dataset]
    geometry = Geometry(channels=entry.channels, image_size=entry.image_size, classes=entry.classes)
    network = freeze(build_model(ModelSection.model_validate({"model": model}), geometry, 0, dataset=dataset))
    load_checkpoint_file(network, path, classes=geometry.classes)
    answer: dict[str, Any] = {
        "tensors": len(network.state_dict()),
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "clean_accuracy": None,
        "examples": 0,
    }
    data = DataSection.model_validate({"name": dataset})
    try:
        require_data(data, home)
    except TrainingError as error:
        print(f"clean accuracy not measured: {error}", file=sys.stderr)
        return answer
    return answer | _clean_accuracy(network, data, home)


def _clean_accuracy(network: Any, data: DataSection, home: Home) -> dict[str, Any]:
    """Clean accuracy on the test images; on a CPU on the first few hundred, because these networks are large."""
    from core.data import load_dataset
    from core.device import prepare_device
    from core.evaluation.accuracy import clean_mask

    device = prepare_device("auto", os.cpu_count() or 1)
    images = load_dataset(data, home).test.first(EXAMPLES_ON_CPU if device.type == "cpu" else None).to(device)
    mask = clean_mask(network.to(device), images, batch_size=BATCH_SIZE, should_stop=lambda: False)
    return {"clean_accuracy": float(mask.double().mean()), "examples": len(images)}


def _answer_event(event: Event) -> None:
    if isinstance(event, TeacherProgress):
        names = ("state", "recipe_hash", "epoch", "epochs", "cached", "metrics")
        _answer({name: getattr(event, name) for name in names})
    elif isinstance(event, Warned):
        print(f"warning: {event.message}", file=sys.stderr, flush=True)


def _answer(content: dict[str, Any]) -> None:
    print(json.dumps(content), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
