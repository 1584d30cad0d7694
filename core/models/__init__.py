"""Student and teacher architectures by name."""

import torch
from torch import nn

from core.data.dataset import Geometry
from core.models.resnet import ResNet
from core.seeding import seed_for
from core.spec.config import ModelSection, TeacherSection

MODELS = {"resnet": ResNet}


def build_model(settings: ModelSection | TeacherSection, geometry: Geometry, seed: int) -> nn.Module:
    """A network with fresh weights that depend on the seed alone; the global generator is left as it was.

    Takes images (B, C, H, W) in [0, 1] without normalisation and returns logits (B, K).
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "initialisation"))
        return MODELS[settings.model](
            width=settings.width, blocks=settings.blocks, channels=geometry.channels, classes=geometry.classes
        )


__all__ = ["MODELS", "ResNet", "build_model"]
