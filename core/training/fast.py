"""The fast path: the numbers of the literal one up to rounding, sooner.

What pays, measured by benchmarks/train_step.py: attacks on frozen copies with BatchNorm folded (brought up to date for
each attack), one clean forward for all steps of an attack, channels-last images and weights, no gradient through what
has no weight, one teacher forward for small batches, no second one for clean images the attack asked about, on a CPU a
quarter of the products in wide convolutions of copies and student. `attack_precision`, `tf32` and `compile` change more
than the order of rounding, so they are settings; `cuda_graphs` and `heavy_kernels` take memory, so they are, too.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from core.attacks import attack_mode
from core.data.dataset import ImageSet
from core.device import give_memory_back
from core.methods import Batch, StudentForward
from core.models.fewer_products import fewer_products, may_pay
from core.models.folding import FastCopy, fast_copy, mixes_images
from core.models.memory_order import answers_channels_last, may_learn_channels_last
from core.models.replay import Replayed
from core.spec.config import DataSection, SpeedSection
from core.training.step import AttackNetworks, Losses, TrainingStep

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}  # None: that of the network
MANY_IMAGES = 128  # together they are no quicker than one by one, and their activations are what takes memory
TRIED_IMAGES = 2  # on which it is seen whether networks take channels-last


class FastStep(TrainingStep):
    """See `TrainingStep`; the student's own weights are brought into the order of the images."""

    def __init__(self, *, speed: SpeedSection, **parts: Any) -> None:
        super().__init__(**parts)
        self.speed = speed
        self._copies: dict[tuple[int, torch.dtype | None], FastCopy] = {}
        self._attack_teacher: _Remembering | None = None  # of the last attack, with what it answered there
        self._is_wide = any(may_pay(layer) for layer in self.student.modules())
        self._may_learn_channels_last = may_learn_channels_last(self.student)
        self._takes_channels_last, self._is_tried = True, False
        if self._learns_channels_last:
            self.student.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def lay_out(self, images: Tensor) -> Tensor:
        """Channels-last, but for exact float32 on CUDA, narrow networks on a CPU, and forwards that refuse it."""
        if self._learns_channels_last and not self._is_tried:
            self._try_channels_last(images[:TRIED_IMAGES])
        return images.contiguous(memory_format=torch.channels_last) if self._learns_channels_last else images

    def forget(self) -> None:
        """Let the copies go."""
        self._copies.clear()
        self._attack_teacher = None

    def prepare(self, batch: Batch, images: ImageSet, data: DataSection, generator: torch.Generator) -> Batch:
        """Laid out already, so that attack and outer loss see the same tensors."""
        return super().prepare(self._laid_out(batch), images, data, generator)

    @contextmanager
    def attack_networks(self, images: Tensor) -> Iterator[AttackNetworks]:
        """Folded copies; with `attack.batchnorm = "train"` the student itself, frozen, for its statistics must move."""
        precision = PRECISIONS[self.speed.attack_precision]
        with ExitStack() as copies:
            if self._hands_gaps_back:
                give_memory_back()
                copies.callback(give_memory_back)
            teacher = None
            if self.teacher is not None and self.method.attacks_with_teacher:
                teacher = _Remembering(copies.enter_context(self._awake(self.teacher, images, precision)), images)
                self._attack_teacher = teacher
            if self.attack.batchnorm == "train":
                copies.enter_context(attack_mode(self.student, "train"))
                copies.enter_context(_frozen(self.student))
                copies.enter_context(self._fewer_products(heavy=self.speed.heavy_kernels))
                yield AttackNetworks(self.student, teacher)
            else:
                student = copies.enter_context(self._awake(self.student, images, precision))
                yield AttackNetworks(_Remembering(student, images), teacher)

    def losses(self, batch: Batch, adversarial: dict[str, Tensor]) -> Losses:
        """With quicker convolutions in the student, too; not in mixed precision, which has its own."""
        if self.mixed_precision:
            return super().losses(batch, adversarial)
        with self._fewer_products():
            return super().losses(batch, adversarial)

    def _fewer_products(self, *, heavy: bool = False) -> AbstractContextManager[None]:
        """In the student itself."""
        return fewer_products(self.student, winograd=self.speed.winograd, heavy=heavy)

    def student_logits(self, forward: StudentForward, images: Tensor) -> Tensor:
        """With gradient only where the loss has weight."""
        with torch.set_grad_enabled(forward.has_gradient):
            logits: Tensor = self.student(images)
        return logits

    def teacher_logits(self, teacher: nn.Module, batches: list[Tensor]) -> list[Tensor]:
        """Of a folded copy; small batches in one forward, and none for what the attack has asked already."""
        known = [self._known(teacher, images) for images in batches]
        unknown = [images for images, logits in zip(batches, known, strict=True) if logits is None]
        answers = iter(self._asked(teacher, unknown) if unknown else ())
        return [next(answers) if logits is None else logits for logits in known]

    def _asked(self, teacher: nn.Module, batches: list[Tensor]) -> list[Tensor]:
        copy = self._copy(teacher, batches[0], None)
        if copy.is_released:
            copy.refresh()
            copy.rest()  # a kernel does not pay for one forward
        sizes = [len(images) for images in batches]
        if sum(sizes) > MANY_IMAGES or mixes_images(teacher):
            answers = [copy.network(images) for images in batches]
        else:
            answers = list(copy.network(torch.cat(batches)).split(sizes))
        self._release(copy, batches[0])  # the activations of the student that come now are what takes memory
        return answers

    def _known(self, teacher: nn.Module, images: Tensor) -> Tensor | None:
        """What the teacher answered to clean images in the attack, if it computes there as it does here."""
        asked = self._attack_teacher
        is_same = teacher is self.teacher and self.speed.attack_precision == "float32" and not self.mixed_precision
        return asked.clean_logits if asked and is_same and images is asked.clean_images else None

    @contextmanager
    def _awake(self, network: nn.Module, images: Tensor, precision: torch.dtype | None) -> Iterator[nn.Module]:
        """The copy of a network as it is now, for a while: the outer loss wants memory that only attacks need."""
        copy = self._copy(network, images, precision)
        if network is self.student or not copy.is_awake:
            copy.refresh()
        try:
            yield copy.network
        finally:
            copy.rest()
            if network is self.student:
                self._release(copy, images)

    def _release(self, copy: FastCopy, images: Tensor) -> None:
        """But not if it is recorded or compiled: those remember where their weights lie."""
        if images.device.type == "cpu" and not self.speed.compile:
            copy.release()

    def _copy(self, network: nn.Module, images: Tensor, precision: torch.dtype | None) -> FastCopy:
        key = id(network), precision
        if key not in self._copies:
            made = fast_copy(
                network,
                images,
                precision=precision,
                winograd=self._takes_winograd(network),
                heavy_kernels=self._takes_heavy_kernels(network),
                channels_last=self._is_channels_last(precision),
            )
            may_be_recorded = self.speed.cuda_graphs and images.is_cuda and made.is_traced
            if self.speed.compile:
                made.network = torch.compile(made.network, dynamic=False)  # type: ignore[assignment]
            if may_be_recorded:
                made.network = Replayed(made.network)
            self._copies[key] = made
        return self._copies[key]

    def _takes_winograd(self, network: nn.Module) -> bool:
        """In a copy: only attacks ask for gradients, and compilers do not see through it."""
        is_attacked = network is self.student or self.method.attacks_with_teacher
        return self.speed.winograd and not self.speed.compile and is_attacked

    def _takes_heavy_kernels(self, network: nn.Module) -> bool:
        """In one network of an attack, or they outweigh what a step saves: the teacher if the student can have none."""
        return self.speed.heavy_kernels and (network is self.student or not self._makes_kernels)

    @property
    def _hands_gaps_back(self) -> bool:
        """An attack with kernels and the outer loss leave gaps in the heap that the other cannot fill.

        Where the outer loss has more forwards than the attack has steps (DARWIN), it decides on memory and time: fresh
        pages for it would cost a sixth of a step and gain nothing.
        """
        return self._makes_kernels and len(self.method.forwards(epoch=1)) <= self.attack.num_steps

    @property
    def _makes_kernels(self) -> bool:
        """For the student in an attack."""
        return self._takes_winograd(self.student) and self._is_wide and self.speed.attack_precision == "float32"

    @property
    def _learns_channels_last(self) -> bool:
        is_cuda = next(self.student.parameters()).is_cuda
        may_learn = is_cuda or self._may_learn_channels_last
        return self._is_channels_last(None) and may_learn and self._takes_channels_last

    def _try_channels_last(self, images: Tensor) -> None:
        """Every network sees the same images, so each must take the order they are in."""
        networks = [network for network in (self.student, self.teacher, self.second_teacher) if network is not None]
        self._takes_channels_last = all(answers_channels_last(network, images) for network in networks)
        if not self._takes_channels_last:
            self.student.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self._is_tried = True

    def _is_channels_last(self, precision: torch.dtype | None) -> bool:
        """CUDA has quick convolutions in this order for tensor cores alone; float32 proper is quicker without."""
        is_cuda = next(self.student.parameters()).is_cuda
        return not is_cuda or self.speed.tf32 or precision is not None or self.mixed_precision


class _Remembering(nn.Module):
    """A network that does not change during an attack, asked about the clean images of the attack at most once."""

    def __init__(self, network: nn.Module, clean_images: Tensor) -> None:
        super().__init__()
        self.network = network
        self.clean_images = clean_images
        self.clean_logits: Tensor | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K); those of the clean images without gradient."""
        if images is not self.clean_images:
            logits: Tensor = self.network(images)
            return logits
        if self.clean_logits is None:
            with torch.no_grad():
                self.clean_logits = self.network(images)
        return self.clean_logits


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    """Without gradients to its parameters for a while."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)
