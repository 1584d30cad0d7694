"""What an attack is aimed at, and the ascent that most attacks share."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.attacks import Ball, LinfBall, Start, maximise_surrogate
from core.evaluation.cascade import Stage
from core.seeding import generator_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """One network under attack.

    network: what gradients are taken from, in eval mode, logits out. epsilon: radius of the l-infinity attacks in pixel
    units. transfer_source: the network on which transfer examples are made; None where there is none.
    """

    network: nn.Module
    epsilon: float
    seed: int
    device: torch.device
    transfer_source: nn.Module | None = None

    @property
    def ball(self) -> LinfBall:
        """The l-infinity ball of radius epsilon."""
        return LinfBall(epsilon=self.epsilon)

    def generator(self, *purpose: str | int) -> torch.Generator:
        """Random numbers for one purpose, the same whenever it is asked for."""
        return generator_for(self.device, self.seed, *purpose)


SampleLoss = Callable[[Tensor, Tensor], Tensor]  # logits (B, K), labels (B,) -> (B,)


def ascent_stages(
    target: Target,
    name: str,
    sample_loss: SampleLoss,
    *,
    ball: Ball,
    start: Start,
    step_size: float,
    num_steps: int,
    restarts: int = 1,
) -> tuple[Stage, ...]:
    """Projected gradient ascent on a loss of the logits, one stage per restart."""

    def stage(restart: int) -> Stage:
        def perturb(images: Tensor, labels: Tensor, batch: int) -> Tensor:
            return maximise_surrogate(
                lambda adv_images: sample_loss(target.network(adv_images), labels),
                images,
                ball=ball,
                start=start,
                step_size=step_size,
                num_steps=num_steps,
                generator=target.generator(name, restart, batch),
            )

        return Stage(name=name if restarts == 1 else f"{name} {restart + 1}", perturb=perturb)

    return tuple(stage(restart) for restart in range(restarts))
