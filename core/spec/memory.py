"""How much memory of a GPU training will take, roughly, from counts alone: no torch, no network is built.

What autograd keeps for the backward pass dominates: it is counted per network and image (tests compare the counts with
what PyTorch really keeps), times the forwards of a step that carry gradient. Not counted: what cuDNN and the allocator
take beyond that, for which a fixed share is added. Expect it to be right within a third.
"""

from dataclasses import dataclass

from core.spec.config import ModelSection, RunConfig, TeacherSection
from core.spec.data_files import image_channels, image_size

FLOAT = 4  # bytes
CONTEXT = 700 * 2**20  # what a process takes on a GPU before its first tensor
ALLOCATOR_SHARE = 0.15
REFERENCE_SIZE = 32
CLASSES = 10  # the last layer is too small to matter

# Parameters, and floats kept for the backward pass of one 32x32 colour image.
COUNTS = {
    "resnet-18": (11_173_962, 1_175_040),
    "resnet-50": (23_520_842, 6_378_496),
    "preactresnet-18": (11_172_170, 1_117_696),
    "mobilenetv2": (2_296_922, 3_401_984),
    "wrn-34-10": (46_160_474, 5_770_880),
    "wrn-34-20": (184_533_530, 11_511_000),
    "wrn-28-10-silu": (36_479_194, 7_376_160),
    "vit-b": (85_152_010, 10_299_202),
    "deit-s": (21_342_346, 5_152_762),
}
# Forwards of the student with gradient in one step, of the batch size, and those that the IGDM term adds.
FORWARDS = {
    "standard": 1, "pgd-at": 1, "trades": 3, "mart": 2, "ard": 1, "iad": 2, "iad-2": 2, "akd": 1, "rslad": 2,
    "adaad": 1, "adaiad": 2,
}  # fmt: skip
TEACHER_IN_ATTACK = ("adaad", "adaiad")  # its gradient to the images is asked for
GIB = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class MemoryEstimate:
    """Bytes on one GPU. weights: networks, gradients, momentum. batch: the larger of attack and outer loss."""

    weights: int
    batch: int

    @property
    def total(self) -> int:
        """With the share of the allocator and the process itself."""
        return round((self.weights + self.batch) * (1 + ALLOCATOR_SHARE)) + CONTEXT

    def __str__(self) -> str:
        return f"about {self.total / GIB:.1f} GiB"


def training_memory(config: RunConfig) -> MemoryEstimate | None:
    """What training the student takes on each GPU; None for networks of one's own, whose counts are not known."""
    student = _counts(config.student, config)
    teacher = (0, 0) if config.teacher.source in ("none", "run", "published") else _counts(config.teacher, config)
    if student is None or teacher is None:
        return None
    images = -(-config.optim.batch_size // config.runtime.devices)
    copies = 3 + bool(config.optim.weight_average)  # weights, gradient, momentum
    outer = gradient_forwards(config) * student[1] * (0.5 if config.optim.mixed_precision else 1)
    attack = student[1] + (teacher[1] if config.method.name in TEACHER_IN_ATTACK else 0)
    return MemoryEstimate(
        weights=FLOAT * (copies * student[0] + 2 * teacher[0]),  # the teacher and its copy for the attack
        batch=round(FLOAT * images * max(outer, attack)),
    )


def gradient_forwards(config: RunConfig) -> int:
    """Forwards of the student with gradient that one step keeps at the same time, in batches."""
    name, igdm = config.method.name, config.igdm
    # DARWIN: clean, adv, target, and both paths at every step before the last.
    own = 3 + 2 * (config.attack.num_steps - 1) if name.startswith("darwin") else FORWARDS[name]
    if not igdm.alpha:
        return own
    return own + 1 + (igdm.beta != 1)


def _counts(section: ModelSection | TeacherSection, config: RunConfig) -> tuple[int, int] | None:
    """Parameters, and floats kept per image of the configured size."""
    size, channels = image_size(config.data), image_channels(config.data)
    if section.model == "resnet":
        return _resnet_counts(section.width, section.blocks, channels, size)
    if section.model not in COUNTS:
        return None
    parameters, floats = COUNTS[section.model]
    return parameters, round(floats * (size / REFERENCE_SIZE) ** 2)


def _resnet_counts(width: int, blocks: tuple[int, ...], channels: int, size: int) -> tuple[int, int]:
    """A stage halves the image and doubles the channels; a block keeps four tensors, a shortcut one."""
    floats = channels * size**2 + 2 * width * size**2 + width * 2 ** (len(blocks) - 1)
    parameters = 9 * channels * width + 2 * width + (width * 2 ** (len(blocks) - 1) + 1) * CLASSES
    before = width
    for stage, count in enumerate(blocks):
        out = width * 2**stage
        side = -(-size // 2**stage)
        floats += (4 * count + (stage > 0)) * out * side**2
        parameters += 9 * out * (before + out * (2 * count - 1)) + 4 * out * count
        parameters += (out * before + 2 * out) if before != out else 0
        before = out
    return parameters, floats
