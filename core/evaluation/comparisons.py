"""Measurements that are no accuracy: gradient alignment, point-wise distance, linearity; all image by image."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from core.data.dataset import ImageSet
from core.diagnostics import (
    gradient_alignment,
    input_gradients,
    no_perturbation,
    pointwise_distance,
    taylor_remainder,
    uniform_perturbation,
)
from core.diagnostics.pointwise import Perturb
from core.evaluation.sign_attacks import pgd_plan
from core.evaluation.target import Target


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """What is compared, and how. inner_attack: the perturbation of training with 20 steps; None: PGD-20."""

    model: nn.Module
    teacher: nn.Module | None
    images: ImageSet
    epsilon: float
    seed: int
    batch_size: int
    inner_attack: Perturb | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Metrics by name, the values per image they are made from, (N,) each, and what they were measured with."""

    metrics: dict[str, float]
    values: dict[str, Tensor]
    parameters: dict[str, Any] = field(default_factory=dict)


def gradients(compared: Compared) -> Measured:
    """GD, GD_raw and GC."""
    assert compared.teacher is not None
    alignment = gradient_alignment(
        input_gradients(compared.model, compared.images), input_gradients(compared.teacher, compared.images)
    )
    values = {"squared_distance": alignment.squared_distance, "cosine": alignment.cosine}
    return Measured(metrics=alignment.metrics, values=values)


def pointwise(compared: Compared) -> Measured:
    """D on clean, noisy and adversarial images, of probabilities and of logits."""
    assert compared.teacher is not None
    target = Target(
        network=compared.model,
        epsilon=compared.epsilon,
        seed=compared.seed,
        device=compared.images.labels.device,
    )
    perturbations = {
        "clean": no_perturbation,
        "uniform": uniform_perturbation(compared.epsilon, compared.seed),
        "adversarial": compared.inner_attack or pgd_plan(target, num_steps=20).stages[0].perturb,
    }
    values = {}
    for where, perturb in perturbations.items():
        distance = pointwise_distance(
            compared.model, compared.teacher, compared.images, perturb=perturb, batch_size=compared.batch_size
        )
        values[f"pointwise_{where}"] = distance.probabilities
        values[f"pointwise_{where}_logits"] = distance.logits
    parameters = {"epsilon": compared.epsilon, "adversarial": "training" if compared.inner_attack else "pgd20"}
    return Measured(metrics=_means(values), values=values, parameters=parameters)


def linearity(compared: Compared) -> Measured:
    """Share of the logits that a first-order expansion misses."""
    remainder = taylor_remainder(
        compared.model,
        compared.images,
        epsilon=compared.epsilon,
        seed=compared.seed,
        batch_size=compared.batch_size,
    )
    values = {"linearity_remainder": remainder}
    return Measured(metrics=_means(values), values=values, parameters={"epsilon": compared.epsilon, "noise": "uniform"})


COMPARISONS: dict[str, Callable[[Compared], Measured]] = {
    "gradients": gradients,
    "pointwise": pointwise,
    "linearity": linearity,
}


def _means(values: dict[str, Tensor]) -> dict[str, float]:
    return {name: float(column.double().mean()) for name, column in values.items()}
