"""The network of a teacher, whatever its source: which architecture, and for all but trained ones its weights."""

from collections.abc import Callable

from torch import nn

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.config import ModelSection, RunConfig
from core.spec.errors import IgdmError, TrainingError
from core.spec.home import Home
from core.spec.loading import load_config
from core.spec.published import find_published
from core.spec.teacher_source import checkpoint_path, finished_run
from core.teachers.checkpoint import load_checkpoint_file

RUN_WEIGHTS = "last.pt"
SAME_IMAGES = ("name", "folder", "test_fraction", "split_seed")


def load_teacher(
    config: RunConfig, geometry: Geometry, home: Home, *, warn: Callable[[str], None] = lambda _: None
) -> nn.Module:
    """A teacher that is not trained here, on the CPU.

    warn: called with what the user should know about it.
    Raises: TrainingError when it does not fit; IgdmError when it is not there.
    """
    loaders = {"published": _published, "checkpoint": _checkpoint, "run": _run}
    return loaders[config.teacher.source](config, geometry, home, warn)


def _published(config: RunConfig, geometry: Geometry, _home: Home, _warn: Callable[[str], None]) -> nn.Module:
    name, dataset = config.teacher.published or "", config.data.name
    published = find_published(name, dataset)
    if published is None:
        raise TrainingError(f"teacher.published: no {name} for {dataset}")
    if not published.path.is_file():
        raise IgdmError(f"{published.path}: not fetched yet (run: igdm teachers fetch {name} --dataset {dataset})")
    model = build_model(ModelSection(model=published.model), geometry, 0, dataset=dataset)
    load_checkpoint_file(model, published.path, classes=geometry.classes)
    return model


def _checkpoint(config: RunConfig, geometry: Geometry, home: Home, _warn: Callable[[str], None]) -> nn.Module:
    model = build_model(config.teacher, geometry, 0, dataset=config.data.name)
    load_checkpoint_file(model, checkpoint_path(config.teacher, home), classes=geometry.classes)
    return model


def _run(config: RunConfig, geometry: Geometry, home: Home, warn: Callable[[str], None]) -> nn.Module:
    folder = finished_run(config.teacher.run or "", home)
    theirs = load_config(folder.config)
    other = [key for key in SAME_IMAGES if getattr(theirs.data, key) != getattr(config.data, key)]
    if other:
        keys = ", ".join(f"data.{key}" for key in other)
        warn(f"the teacher, run {folder.run_id}, has other {keys}: it may have been trained on these test images")
    model = build_model(theirs.student, geometry, 0, dataset=theirs.data.name)
    load_checkpoint_file(model, folder.checkpoints / RUN_WEIGHTS, classes=geometry.classes)
    return model
