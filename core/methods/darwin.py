"""DARWIN and its label-free form: distillation along the whole path of the attack.

Source: Dong et al., CVPR 2024, of which the slides could be read; pairing and starts follow code of the same group.
What neither states is a setting or a choice named in docs/methods.md: the triplet distance and margin, the weight of
the adversarial term, the start noise, the order of forwards, the label-free rule.
"""

from dataclasses import replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.attacks import Start
from core.data.batches import augment
from core.data.dataset import ImageSet
from core.methods.losses import kl_divergence
from core.methods.plan import Batch, Maximise, Method, Outputs, StudentForward, SurrogateLoss, student_cross_entropy
from core.spec.config import DataSection

TINY = 1e-12


class Darwin(Method):
    """Inner: CE(student(x'), y) from a Gaussian start, every iterate x'_1..x'_n kept; and from an image p of another
    class a path p'_1..p'_n that descends towards y.

    Forwards: [clean, adv = x'_n, (x'_i and p'_i together) for i < n, p'_n].
    Outer: KL(teacher(x) || student(x)) + beta KL(teacher(x') || student(x')) + sum over i < n of w_i KL(teacher(x'_i)
    || student(x'_i)) + weight of the triplets, summed over i, between both paths.
    """

    name: ClassVar[str] = "darwin"
    start: ClassVar[Start] = "gaussian"
    _members: "ClassMembers | None" = None  # of the training images seen last

    @property
    def _steps(self) -> range:
        return range(1, self.num_steps + 1)

    @property
    def _inner_steps(self) -> range:
        return range(1, self.num_steps)

    def forwards(self, epoch: int) -> tuple[StudentForward, ...]:
        """As the class says."""
        both = tuple(StudentForward(f"both_{i}") for i in self._inner_steps)
        return (StudentForward("clean"), StudentForward("adv"), *both, StudentForward("target"))

    def teacher_inputs(self, epoch: int) -> tuple[str, ...]:
        """Clean images, their pairs, and every point of the untargeted path."""
        return ("clean", "adv", "paired", *(f"path_{i}" for i in self._inner_steps))

    def surrogate_loss(self, student: nn.Module, teacher: nn.Module | None, batch: Batch) -> SurrogateLoss:
        """CE(student(x'), y), per image."""
        return student_cross_entropy(student, batch.labels)

    def prepare(
        self, batch: Batch, images: ImageSet, data: DataSection, teacher: nn.Module | None, generator: torch.Generator
    ) -> Batch:
        """Pair every image with a training image of another class: the class uniform, then the image in it uniform."""
        if self._members is None or self._members.labels is not images.labels:
            self._members = ClassMembers(images.labels)
        others = other_classes(batch.labels, self._members.classes, generator)
        index = self._members.draw(others, generator)
        paired = augment(images.images(index).to(batch.clean_images.dtype), data, generator)
        return replace(batch, paired_images=paired, paired_labels=others)

    def adversarial_images(
        self, student: nn.Module, teacher: nn.Module | None, batch: Batch, maximise: Maximise
    ) -> dict[str, Tensor]:
        """Both paths: "adv" and "path_i" from the images, "target" from their pairs, points of both as "both_i"."""
        assert batch.paired_images is not None
        towards = student_cross_entropy(student, batch.labels)
        path: list[Tensor] = []
        target: list[Tensor] = []
        maximise(towards, batch.clean_images, start=self.start, on_iterate=path.append)
        maximise(lambda images: -towards(images), batch.paired_images, start=self.start, on_iterate=target.append)
        images = {"adv": path[-1], "target": target[-1], "paired": batch.paired_images}
        for i in self._inner_steps:
            images[f"path_{i}"] = path[i - 1]
            images[f"both_{i}"] = torch.cat([path[i - 1], target[i - 1]])
        return images

    def loss_terms(self, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
        """Clean, adversarial, intermediate and triplet terms."""
        settings, teacher, student = self.settings, outputs.teacher, outputs.student
        intermediate = torch.zeros_like(student["clean"][:, 0])
        triplets = torch.zeros_like(intermediate)
        for i in self._steps:
            on_path, on_target = self._points(student, i)
            weight = self._weight(teacher["clean"], on_path, batch.labels, i)
            if i < self.num_steps:
                intermediate = intermediate + weight * kl_divergence(teacher[f"path_{i}"], on_path)
            assert batch.paired_labels is not None
            weight_paired = self._weight(teacher["paired"], on_target, batch.paired_labels, i)
            triplets = (
                triplets
                + weight * self._triplet(teacher["clean"], on_path, on_target)
                + weight_paired * self._triplet(teacher["paired"], on_target, on_path)
            )
        share = 1 / self.num_steps if settings.darwin_average else 1.0
        return {
            "clean_kl": kl_divergence(teacher["clean"], student["clean"]),
            "adv_kl": settings.darwin_beta * kl_divergence(teacher["adv"], student["adv"]),
            "intermediate_kl": share * intermediate,
            "triplet": share * settings.darwin_triplet * triplets,
        }

    def _points(self, student: dict[str, Tensor], i: int) -> tuple[Tensor, Tensor]:
        """The student's logits on the i-th point of both paths."""
        if i == self.num_steps:
            return student["adv"], student["target"]
        on_path, on_target = student[f"both_{i}"].chunk(2)
        return on_path, on_target

    def _weight(self, teacher_clean: Tensor, on_path: Tensor, labels: Tensor, i: int) -> Tensor:
        """(1 - g) i/n + g |f_T(x)_y - f_S(x'_i)_y| over its maximum in the batch: (B,) in [0, 1], detached."""
        share = self.settings.darwin_gamma
        gap = (_probability(teacher_clean, labels) - _probability(on_path.detach(), labels)).abs()
        return (1 - share) * i / self.num_steps + share * gap / (gap.max() + TINY)

    def _triplet(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """relu(||a - p|| - ||a - n|| + margin) on probabilities: (B,)."""
        a, p, n = (F.softmax(logits, dim=1) for logits in (anchor, positive, negative))
        distance = _norm(a - p) - _norm(a - n) + self.settings.darwin_margin
        return F.relu(distance)


class DarwinLf(Darwin):
    """DARWIN without labels: the teacher's prediction stands for the label, and pairs come from the batch."""

    name: ClassVar[str] = "darwin-lf"

    def prepare(
        self, batch: Batch, images: ImageSet, data: DataSection, teacher: nn.Module | None, generator: torch.Generator
    ) -> Batch:
        """Labels from the teacher; each image is paired with a random one of the batch that the teacher puts elsewhere.

        Where the teacher sees one class only, an image is paired with itself: its triplets then pull and push alike.
        """
        assert teacher is not None
        with torch.no_grad():
            labels = teacher(batch.clean_images).argmax(dim=1)
        chances = labels[:, None] != labels[None, :]
        itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
        index = _draw(torch.where(chances.any(dim=1, keepdim=True), chances, itself), generator)
        return replace(batch, labels=labels, paired_images=batch.clean_images[index], paired_labels=labels[index])


class ClassMembers:
    """Where the images of each class are, looked up once, so that drawing them never waits for a device.

    labels: (N,). classes: (C,), those that occur.
    """

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels
        self.classes, counts = torch.unique(labels, return_counts=True)
        self._order = labels.argsort(stable=True)
        self._counts = torch.zeros(int(self.classes.max()) + 1, dtype=torch.int64, device=labels.device)
        self._counts[self.classes] = counts
        self._first = self._counts.cumsum(0) - self._counts

    def draw(self, classes: Tensor, generator: torch.Generator) -> Tensor:
        """The position of an image of each class, uniformly among its images: (B,) -> (B,)."""
        share = torch.rand(len(classes), generator=generator, device=classes.device, dtype=torch.float64)
        counts = self._counts[classes]
        return self._order[self._first[classes] + (share * counts).long()]


def other_classes(labels: Tensor, classes: Tensor, generator: torch.Generator) -> Tensor:
    """For each label a class uniformly among the other ones of `classes`: (B,) -> (B,)."""
    return classes[_draw(labels[:, None] != classes[None, :], generator)]


def _draw(allowed: Tensor, generator: torch.Generator) -> Tensor:
    """A column of each row, uniformly among those that are allowed: (B, N) -> (B,).

    torch.multinomial draws in the same way, by the first of so many exponential arrivals, and waits for the device.
    """
    arrivals = torch.empty(allowed.shape, device=allowed.device).exponential_(generator=generator)
    return (allowed / arrivals).argmax(dim=1)


def _probability(logits: Tensor, labels: Tensor) -> Tensor:
    return F.softmax(logits, dim=1).gather(1, labels[:, None]).squeeze(1)


def _norm(difference: Tensor) -> Tensor:
    """Euclidean norm with a gradient at zero."""
    return (difference.square().sum(dim=1) + TINY).sqrt()
