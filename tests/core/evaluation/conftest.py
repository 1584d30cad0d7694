"""A small student, trained for a moment on digits, so that attacks find both robust and broken images."""

import pytest
import torch

from core.data import load_dataset
from core.methods import build_method
from core.models import build_model
from core.spec.config import AttackSection, DataSection, MethodSection, ModelSection, OptimSection
from core.training.literal import LiteralStep
from core.training.trainer import Trainer

ATTACK = AttackSection(epsilon=0.15, step_size=0.08, num_steps=3)


@pytest.fixture(scope="session")
def dataset():
    return load_dataset(DataSection())


@pytest.fixture(scope="session")
def trained(dataset):
    torch.set_num_threads(1)
    model = build_model(ModelSection(width=4, blocks=(1, 1)), dataset.geometry, 0)
    step = LiteralStep(
        student=model,
        teacher=None,
        method=build_method(MethodSection(name="pgd-at"), ATTACK),
        igdm=None,
        attack=ATTACK,
        num_epochs=10,
    )
    optim = OptimSection(num_epochs=10, batch_size=64, milestones=())
    trainer = Trainer(step, images=dataset.train, data=DataSection(), optim=optim, seed=0, device=torch.device("cpu"))
    while not trainer.is_complete:
        trainer.run_epoch(on_step=lambda *_: None, should_stop=lambda: False)
    return model.eval().requires_grad_(False)
