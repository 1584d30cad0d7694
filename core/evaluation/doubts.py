"""Reasons to doubt a robust accuracy, kept as flags beside the number: masked gradients, outputs, order of attacks."""

import math
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import nn

from core.data.dataset import ImageSet
from core.seeding import generator_for
from core.spec.attack_forms import parse_attack

CHECKED_IMAGES = 128
ZERO_SHARE = 0.05  # of images without any input gradient, from which on gradients count as masked
RANDOM_CORNERS = 5
RISE_TOLERANCE = 1e-6
ENOUGH_STEPS = 10  # from which on PGD from a random start must not lose to one whole step
NORMAL_QUANTILE = 1.959964  # two-sided 95 %

# Attacks without a form that are stronger versions of others.
STRONGER = {
    "pgd-l2-strong": ("pgd-l2-mild",),
    "pgd-l1-strong": ("pgd-l1-mild",),
    "autoattack-l2": ("pgd-l2-mild", "pgd-l2-strong"),
    "autoattack-l1": ("pgd-l1-mild", "pgd-l1-strong"),
}


def network_flags(model: nn.Module, images: ImageSet, *, epsilon: float, seed: int) -> list[str]:
    """Doubts about a network whatever attacks it: masked gradients, probabilities instead of logits.

    Looks at the first 128 images. Gradients are masked where they vanish, or where following them raises the loss
    less than jumping to a random corner of the ball does (Athalye et al. 2018, Section 3.1).
    """
    few = images.first(CHECKED_IMAGES)
    clean_images, labels = few.images(), few.labels
    with torch.enable_grad():
        variable = clean_images.clone().requires_grad_(True)
        logits = model(variable)
        loss = F.cross_entropy(logits, labels, reduction="sum")
        gradient = torch.autograd.grad(loss, variable)[0] if loss.requires_grad else torch.zeros_like(clean_images)
    flags = []
    probabilities = logits.detach()
    sums_to_one = bool(((probabilities.sum(dim=1) - 1).abs() < 1e-5).all())
    if sums_to_one and float(probabilities.min()) >= 0:
        flags.append("the network returns probabilities, not logits: losses of attacks are flattened")
    without = (gradient.flatten(1).abs().amax(dim=1) == 0).float().mean()
    if float(without) > ZERO_SHARE:
        flags.append(f"{float(without):.0%} of images have no input gradient: gradient-based attacks are blind there")
    elif epsilon > 0:
        flags += _random_beats_gradient(model, few, gradient, epsilon=epsilon, seed=seed)
    return flags


def _random_beats_gradient(
    model: nn.Module, images: ImageSet, gradient: torch.Tensor, *, epsilon: float, seed: int
) -> list[str]:
    clean_images, labels = images.images(), images.labels
    generator = generator_for(clean_images.device, seed, "masking")

    def mean_loss(direction: torch.Tensor) -> float:
        with torch.no_grad():
            moved = (clean_images + epsilon * direction).clamp(0.0, 1.0)
            return float(F.cross_entropy(model(moved), labels))

    along = mean_loss(gradient.sign())
    noise = [torch.randn(gradient.shape, generator=generator, device=gradient.device) for _ in range(RANDOM_CORNERS)]
    random = max(mean_loss(direction.sign()) for direction in noise)
    if random > along + RISE_TOLERANCE:
        return [f"a random step of epsilon raises the loss to {random:.3g}, the gradient's to {along:.3g}: masked?"]
    return []


def order_flags(attack: str, correct: int, examples: int, before: dict[str, int]) -> list[str]:
    """Where an attack found fewer adversaries than a weaker one, beyond the interval of the weaker one's accuracy.

    correct of examples: images that withstood. before: the same for measurements made earlier, by name.
    """
    flags = []
    for other, other_correct in before.items():
        counts = {attack: correct, other: other_correct}
        for strong, weak in ((attack, other), (other, attack)):
            if is_stronger(strong, weak) and counts[strong] / examples > upper_bound(counts[weak], examples):
                flags.append(
                    f"order: {counts[strong]} of {examples} images withstand {strong},"
                    f" only {counts[weak]} the weaker {weak}"
                )
    return flags


def is_stronger(strong: str, weak: str) -> bool:
    """Whether one attack can break no fewer images than another: nothing is weaker than no attack at all, FGSM is the
    weakest at its radius, AutoAttack the strongest, and the same attack gains by starts and by its radius.
    """
    if "clean" in (strong, weak):
        return weak == "clean" != strong
    if weak in STRONGER.get(strong, ()):
        return True
    a, b = parse_attack(strong), parse_attack(weak)
    if a is None or b is None or a == b or a.norm != b.norm:
        return False
    if a.level != b.level:
        same = a.at_evaluation_radius == b.at_evaluation_radius
        return same and a.level is not None and b.level is not None and a.level > b.level
    if a.family == "autoattack":
        return a.version in ("standard", "plus") and b.family != "autoattack"
    if b.family == "fgsm":
        return a.family in ("cw", "cw30") or a.num_steps >= ENOUGH_STEPS
    return replace(a, restarts=b.restarts) == b and a.restarts > b.restarts


def upper_bound(correct: int, examples: int) -> float:
    """Upper end of the 95 % Wilson interval of an accuracy."""
    share, z2 = correct / examples, NORMAL_QUANTILE**2
    centre = share + z2 / (2 * examples)
    spread = NORMAL_QUANTILE * math.sqrt(share * (1 - share) / examples + z2 / (4 * examples**2))
    return (centre + spread) / (1 + z2 / examples)
