"""The inner maximisation of training as an attack of the evaluation: 20 steps, in eval mode, at its radius."""

from collections.abc import Callable

from torch import Tensor, nn

from core.attacks import LinfBall, Start, maximise_surrogate
from core.data.dataset import ImageSet
from core.diagnostics.pointwise import Perturb
from core.evaluation.accuracy import STEPS_PER_EPSILON
from core.methods import METHODS, Batch
from core.methods.plan import SurrogateLoss
from core.seeding import generator_for
from core.spec.catalogue import METHODS as METHOD_ENTRIES
from core.spec.config import RunConfig

NUM_STEPS = 20


def inner_attack(config: RunConfig, student: nn.Module, teacher: nn.Module | None, images: ImageSet) -> Perturb | None:
    """The method's own attack with 20 steps of epsilon/4, from its own start; None for a method without an attack.

    images: those that are perturbed; methods that pair images draw the partners from them.
    Source: ICLR Table 5, where delta is the perturbation of training.
    """
    if not METHOD_ENTRIES[config.method.name].has_inner:
        return None
    method = METHODS[config.method.name](config.method, num_steps=NUM_STEPS)
    epsilon = config.evaluation_epsilon

    def perturb(clean_images: Tensor, labels: Tensor, number: int) -> Tensor:
        generator = generator_for(clean_images.device, config.evaluation.seed, "inner", number)

        def maximise(
            surrogate_loss: SurrogateLoss,
            images: Tensor,
            *,
            start: Start,
            on_iterate: Callable[[Tensor], None] | None = None,
        ) -> Tensor:
            return maximise_surrogate(
                surrogate_loss,
                images,
                ball=LinfBall(epsilon=epsilon),
                start=start,
                step_size=epsilon / STEPS_PER_EPSILON,
                num_steps=NUM_STEPS,
                generator=generator,
                on_iterate=on_iterate,
            )

        batch = Batch(clean_images=clean_images, labels=labels, epoch=config.optim.num_epochs)
        batch = method.prepare(batch, images, config.data, teacher, generator)
        return method.adversarial_images(student, teacher, batch, maximise)["adv"]

    return perturb
