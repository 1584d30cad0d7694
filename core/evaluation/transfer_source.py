"""The network on which transfer examples are made, from the file that the settings name."""

from torch import nn

from core.data.dataset import Geometry
from core.models import build_model
from core.spec.config import ModelSection, RunConfig
from core.spec.home import Home
from core.spec.transfer_file import transfer_file
from core.teachers import freeze
from core.teachers.checkpoint import load_checkpoint_file


def load_transfer_source(config: RunConfig, geometry: Geometry, home: Home) -> nn.Module | None:
    """The network, frozen, on the CPU; None where none is named.

    Raises: TrainingError when the file is not there or does not fit `evaluation.transfer_model`.
    """
    path = transfer_file(config, home)
    if path is None:
        return None
    section = ModelSection(model=config.evaluation.transfer_model)
    model = build_model(section, geometry, 0, dataset=config.data.name)
    load_checkpoint_file(model, path, classes=geometry.classes)
    return freeze(model)
