"""Small networks and batches in float64, on which formulas are checked by hand."""

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.methods import Batch
from core.models import build_model
from core.spec.config import ModelSection

GEOMETRY = Geometry(channels=1, image_size=8, classes=10)


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def small_model(seed: int, width: int = 4, blocks: tuple[int, ...] = (1, 1)) -> nn.Module:
    """A small residual network in float64 whose BatchNorm statistics are not the initial ones."""
    model = build_model(ModelSection(width=width, blocks=blocks), GEOMETRY, seed).double()
    generator = torch.Generator().manual_seed(seed + 100)
    model.train()
    for _ in range(3):
        model(torch.rand(16, 1, 8, 8, generator=generator, dtype=torch.float64))
    return model


@pytest.fixture
def student() -> nn.Module:
    return small_model(1)


@pytest.fixture
def teacher() -> nn.Module:
    return small_model(2).eval().requires_grad_(False)


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(3)
    images = torch.rand(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    return Batch(clean_images=images, labels=torch.randint(0, 10, (12,), generator=generator), epoch=3)
