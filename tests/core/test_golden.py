"""The first 20 losses of every method on digits in float64, with and without IGDM, as kept in tests/golden.

A change that should not change numbers leaves them as they are. One that should says so in CHANGELOG.md and renews
them: `python -m tests.core.test_golden`.
"""

import json
from pathlib import Path

import pytest
import torch

from core.data import load_dataset
from core.data.batches import epoch_batches
from core.methods import METHODS, Batch, build_method, build_term
from core.models import build_model
from core.seeding import generator_for
from core.spec.config import AttackSection, DataSection, IgdmSection, MethodSection, ModelSection
from core.training.literal import LiteralStep

GOLDEN = Path(__file__).parents[1] / "golden"
STEPS, BATCH, EPOCHS = 20, 32, 4
CPU = torch.device("cpu")
CASES = [(name, alpha) for name in METHODS for alpha in (0.0, 5.0) if not (name == "standard" and alpha)]


def first_losses(name: str, alpha: float) -> list[float]:
    """Total losses of the first steps, two epochs of ten steps, so that T(alpha) and introspection come in."""
    torch.set_num_threads(1)
    dataset = load_dataset(DataSection())
    images = dataset.train.first(STEPS // 2 * BATCH)
    models = [build_model(ModelSection(width=8, blocks=(1, 1)), dataset.geometry, seed).double() for seed in (0, 1, 2)]
    student, teacher, second = models
    for frozen in (teacher, second):
        frozen.eval().requires_grad_(False)
    attack = AttackSection(epsilon=0.15, step_size=0.05, num_steps=3)
    step = LiteralStep(
        student=student,
        teacher=teacher,
        method=build_method(MethodSection(name=name, iad_begin=1, iad2_begin=1), attack),
        igdm=build_term(IgdmSection(alpha=alpha)),
        attack=attack,
        num_epochs=EPOCHS,
    )
    step.second_teacher = second
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    losses = []
    for epoch in (1, 2):
        batches = epoch_batches(images, DataSection(), batch_size=BATCH, seed=0, epoch=epoch)
        for number, (pixels, labels) in enumerate(batches):
            batch = Batch(clean_images=pixels.double(), labels=labels, epoch=epoch)
            batch = step.prepare(batch, images, DataSection(), generator_for(CPU, 0, "pairs", epoch, number))
            adversarial = step.adversarial_images(batch, generator_for(CPU, 0, "attack", epoch, number))
            loss = step.losses(batch, adversarial)
            optimizer.zero_grad()
            loss.total.backward()
            optimizer.step()
            losses.append(float(loss.named["loss"]))
    return losses


def golden_file(name: str, alpha: float) -> Path:
    return GOLDEN / f"{name}{'+igdm' if alpha else ''}.json"


@pytest.mark.parametrize(("name", "alpha"), CASES)
def test_the_first_losses_are_the_golden_ones(name, alpha):
    expected = json.loads(golden_file(name, alpha).read_text())
    assert len(expected) == STEPS
    assert first_losses(name, alpha) == pytest.approx(expected, rel=1e-6)


if __name__ == "__main__":
    for case in CASES:
        golden_file(*case).write_text(json.dumps(first_losses(*case), indent=0) + "\n")
