"""RunConfig: everything that describes one run. Each field states meaning, unit, range and source of its default.

Images are in [0, 1]; a pixel-unit field accepts "8/255", which is exact. Sources: "ICLR" is Lee, Cho and Kim,
Indirect Gradient Matching for Adversarial Robust Distillation, ICLR 2025.
"""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from core.spec.rational import Rational

CONFIG_VERSION = 1

DatasetName = Literal["digits"]
ModelName = Literal["resnet"]
MethodName = Literal["standard", "pgd-at", "ard", "adaad"]
TeacherSource = Literal["train", "none"]
SurrogateName = Literal["kl", "l2", "l1"]
AttackName = Literal["clean", "pgd20", "autoattack", "gradients"]
ATTACK_NAMES: tuple[str, ...] = get_args(AttackName)

PositiveInt = Annotated[int, Field(ge=1)]
Blocks = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=4, strict=False)]
Milestones = Annotated[tuple[PositiveInt, ...], Field(strict=False)]


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values are never coerced from text, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class DataSection(Section):
    """Which images, and how they are split and augmented."""

    name: DatasetName = "digits"
    """Data set by name. Default: the handwritten digits that come with scikit-learn."""
    test_fraction: float = Field(default=0.2, gt=0, lt=0.5)
    """Share of images kept for the test set, where the data set has no test set of its own. In (0, 0.5)."""
    validation_fraction: float = Field(default=0.1, ge=0, lt=0.5)
    """Share of the training images held out for validation. In [0, 0.5); 0 trains on all of them."""
    split_seed: int = Field(default=0, ge=0)
    """Seed of the split: runs that differ only in their own seed share the same images. 0 or more."""
    random_crop_padding: int = Field(default=0, ge=0, le=16)
    """Pixels of zero padding before a random crop back to size; 0 is off. CIFAR recipes use 4 (ICLR App. B.1)."""
    horizontal_flip: bool = False
    """Flip half of the training images left to right. CIFAR recipes do (ICLR App. B.1); digits must not."""


class ModelSection(Section):
    """A network."""

    model: ModelName = "resnet"
    """Architecture by name."""
    width: int = Field(default=64, ge=4, le=1024)
    """Channels of the first stage; each further stage doubles them. 64 with blocks 2, 2, 2, 2 is CIFAR ResNet-18."""
    blocks: Blocks = (2, 2, 2, 2)
    """Residual blocks per stage, 1 to 4 stages; every stage after the first halves the image."""


class AttackSection(Section):
    """The inner maximisation during training, in the l-infinity ball."""

    epsilon: Rational = Field(default=8 / 255, ge=0, le=1)
    """Perturbation radius in pixel units, images in [0, 1]. In [0, 1]; 8/255 (ICLR App. B.1)."""
    step_size: Rational = Field(default=2 / 255, ge=0, le=1)
    """Length of one ascent step in pixel units. In [0, 1]; 2/255 (ICLR App. B.1)."""
    num_steps: int = Field(default=10, ge=0, le=1000)
    """Ascent steps. 0 to 1000; 10 (ICLR App. B.1)."""
    batchnorm: Literal["eval", "train"] = "eval"
    """BatchNorm during the attack: running statistics (eval), or the batch's own, which also moves the running ones
    (train, as the first ARD and IAD code does). Default eval, as the ICLR code."""


class OptimSection(Section):
    """The outer minimisation: SGD with a step schedule."""

    num_epochs: int = Field(default=200, ge=1, le=100_000)
    """Passes over the training images. 1 or more; 200 (ICLR App. B.1)."""
    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Images per step; the last, smaller batch is kept. 1 or more; 128 (ICLR code)."""
    learning_rate: float = Field(default=0.1, gt=0, le=100)
    """SGD learning rate of the first epoch. Above 0; 0.1 (ICLR App. B.1)."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """SGD momentum. In [0, 1); 0.9 (ICLR App. B.1)."""
    weight_decay: float = Field(default=5e-4, ge=0, le=1)
    """L2 penalty on all parameters, BatchNorm included. In [0, 1]; 5e-4 (ICLR App. B.1; the code has 2e-4)."""
    milestones: Milestones = (100, 150)
    """Epochs after which the rate is multiplied by `decay`, rising. (100, 150) of 200 (ICLR App. B.1)."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """Factor applied to the learning rate at each milestone. In (0, 1]; 0.1 (ICLR App. B.1)."""


class TeacherSection(Section):
    """The robust teacher: where it comes from. Trained teachers are cached by the hash of this section and `data`."""

    source: TeacherSource = "train"
    """Where the teacher comes from: trained here from the recipe below, or none."""
    model: ModelName = "resnet"
    """Architecture by name."""
    width: int = Field(default=64, ge=4, le=1024)
    """Channels of the first stage; each further stage doubles them."""
    blocks: Blocks = (2, 2, 2, 2)
    """Residual blocks per stage, 1 to 4 stages; every stage after the first halves the image."""
    method: Literal["pgd-at"] = "pgd-at"
    """Adversarial training that makes the teacher."""
    seed: int = Field(default=0, ge=0)
    """Seed of the teacher's training: students with different seeds share one teacher. 0 or more."""
    attack: AttackSection = AttackSection()
    """The teacher's own inner maximisation."""
    optim: OptimSection = OptimSection()
    """The teacher's own outer minimisation."""


class MethodSection(Section):
    """The adversarial distillation method: its inner problem and its loss."""

    name: MethodName = "adaad"
    """Method by name."""
    temperature: float = Field(default=1.0, gt=0, le=1000)
    """ARD: softening of both outputs; the loss is multiplied by its square. Above 0; 1 (ICLR code; ARD's own: 30)."""
    ard_lambda: float = Field(default=1.0, ge=0, le=1)
    """ARD: weight of the teacher term; the rest is cross-entropy on clean images. In [0, 1]; 1 (ICLR code)."""
    adaad_lambda: float = Field(default=1.0, ge=0, le=1)
    """AdaAD: weight of the adversarial term; the rest is the clean term. In [0, 1]; 1 (AdaAD code, ICLR Table 8)."""


class IgdmSection(Section):
    """The IGDM term added to the method: match the teacher's output difference between x+beta*delta and
    x-gamma*delta (ICLR Eq. 8)."""

    alpha: float = Field(default=0.0, ge=0, le=1e6)
    """Weight of the term at the last epoch; 0 leaves the module out. 0 or more; published 0.2 to 220
    (ICLR App. B.2)."""
    beta: float = Field(default=1.0, ge=0, le=10)
    """Multiple of delta on the plus side. In [0, 10]; 1 (ICLR; free in arXiv v1 Eq. 8)."""
    gamma: float = Field(default=1.0, ge=0, le=10)
    """Multiple of delta on the minus side. In [0, 10]; 1 (ICLR; free in arXiv v1 Eq. 8)."""
    surrogate: SurrogateName = "kl"
    """Distance between the two output differences. kl (ICLR Section 4.1, which finds l1 and l2 alike)."""
    schedule: Literal["linear", "constant"] = "linear"
    """T(alpha): alpha * epoch / num_epochs, epoch from 1 (ICLR App. B.2), or alpha throughout."""
    ramp_epochs: int | None = Field(default=None, ge=1)
    """Length of the linear ramp in epochs when it is not the run's own (public code writes 200 or 300).
    None: the run's."""
    literal_forwards: bool = False
    """Forward the adversarial batch twice where the public code does (AdaAD), which moves BatchNorm statistics once
    more. Default: reuse it, which is exact for the loss when beta is 1."""


class EvaluationSection(Section):
    """What is measured: during training on a fixed subset, at the end on the test set."""

    attacks: Annotated[tuple[AttackName, ...], Field(strict=False)] = (
        "clean",
        "pgd20",
        "autoattack",
        "gradients",
    )
    """Measured after training on the test set, in this order. Any of the catalogue's attacks, each once."""
    num_examples: int | None = Field(default=None, ge=1)
    """Test images used, the first of the split. 1 or more; None: all."""
    epsilon: Rational | None = Field(default=None, ge=0, le=1)
    """Radius in pixel units. In [0, 1]; None: that of the training attack."""
    batch_size: int = Field(default=250, ge=1, le=65_536)
    """Images per batch. 1 or more; 250 (AutoAttack's own default)."""
    seed: int = Field(default=0, ge=0)
    """Seed of random starts and of AutoAttack, which would take the clock otherwise. 0 or more."""
    validation_every: int = Field(default=1, ge=0)
    """Epochs between measurements of clean and PGD-10 accuracy on the validation split; 0 is never."""
    gradient_every: int = Field(default=1, ge=0)
    """Epochs between measurements of GD and GC during training; 0 is never."""
    gradient_examples: int = Field(default=256, ge=1)
    """Test images of the fixed subset on which GD and GC are followed during training. 1 or more."""


class RuntimeSection(Section):
    """Where and how the run executes. Only the seed changes numbers, and rounding between devices."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of initialisation, order of images and random starts. 0 or more, below 2**32."""
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    """auto (a CUDA device if there is one), cpu, cuda, or cuda:0, cuda:1, ..."""
    threads: int = Field(default=0, ge=0, le=1024)
    """CPU threads of the worker; 0: one per core. Tiny networks want 1, and so do several workers on few cores."""
    log_every: int = Field(default=10, ge=1)
    """Steps between two logged steps. 1 or more."""
    checkpoint_every: int = Field(default=1, ge=1)
    """Epochs between two checkpoints. 1 or more."""


class RunConfig(Section):
    """One run, complete: what is trained from what, how, and how it is judged."""

    config_version: int = Field(default=CONFIG_VERSION, ge=1)
    """Version of this form; a newer one is refused with a clear message."""
    name: str | None = Field(default=None, min_length=1, max_length=80)
    """A name to show and to call the run by; need not be unique. 1 to 80 printable characters. None: made from the
    settings."""
    data: DataSection = DataSection()
    """Which images."""
    teacher: TeacherSection = TeacherSection()
    """The robust teacher."""
    student: ModelSection = ModelSection()
    """The network that is trained."""
    method: MethodSection = MethodSection()
    """The method."""
    igdm: IgdmSection = IgdmSection()
    """The IGDM term."""
    attack: AttackSection = AttackSection()
    """The inner maximisation."""
    optim: OptimSection = OptimSection()
    """The outer minimisation."""
    evaluation: EvaluationSection = EvaluationSection()
    """What is measured."""
    runtime: RuntimeSection = RuntimeSection()
    """Where it runs."""

    @property
    def evaluation_epsilon(self) -> float:
        """Radius of the evaluation in pixel units: its own, else that of the training attack."""
        own = self.evaluation.epsilon
        return self.attack.epsilon if own is None else own

    @property
    def title(self) -> str:
        """The name, or one made from method, IGDM weight, student and seed: "adaad+igdm20 resnet16 s0"."""
        if self.name:
            return self.name
        igdm = f"+igdm{self.igdm.alpha:g}" if self.igdm.alpha else ""
        return f"{self.method.name}{igdm} {self.student.model}{self.student.width} s{self.runtime.seed}"
