"""RunConfig: everything that describes one run. Each field states meaning, unit, range and source of its default.

Images are in [0, 1]; a pixel-unit field accepts "8/255", which is exact. Sources: "ICLR" is Lee, Cho and Kim,
Indirect Gradient Matching for Adversarial Robust Distillation, ICLR 2025.
"""

from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from core.spec.model_names import check_model_name
from core.spec.rational import Rational

CONFIG_VERSION = 1

DatasetName = Literal["digits", "cifar-10", "cifar-100", "svhn", "tiny-imagenet", "folder"]
NormalisationName = Literal["auto", "cifar-10", "cifar-100", "half", "none"]
MethodName = Literal[
    "standard", "pgd-at", "trades", "mart", "ard", "iad", "iad-2", "akd", "rslad", "adaad", "adaiad",
    "darwin", "darwin-lf",
]  # fmt: skip
TermName = Literal["igdm", "direct-gradient", "trades-like", "trades-reg"]
TeacherSource = Literal["train", "none", "published", "checkpoint", "run"]
PublishedName = Literal["bdm-at", "ikl-at", "ltd", "ltd2"]
SurrogateName = Literal["kl", "l2", "l1"]
CheckpointName = Literal["best", "last"]
AttackName = Literal["clean", "pgd20", "autoattack", "gradients"]
ATTACK_NAMES: tuple[str, ...] = get_args(AttackName)

PositiveInt = Annotated[int, Field(ge=1)]
Blocks = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=4, strict=False)]
Milestones = Annotated[tuple[PositiveInt, ...], Field(strict=False)]


def _known_model(name: str) -> str:
    wrong = check_model_name(name)
    if wrong:
        raise PydanticCustomError("igdm", "{message} ({advice})", {"message": wrong[0], "advice": wrong[1]})
    return name


ModelName = Annotated[str, AfterValidator(_known_model)]


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values are never coerced from text, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class DataSection(Section):
    """Which images, and how they are split and augmented."""

    name: DatasetName = "digits"
    """Data set by name. Default: the handwritten digits that come with scikit-learn."""
    root: str | None = Field(default=None, min_length=1)
    """Folder that holds the data sets, where it is not in the usual place. ~ is your own folder; a relative path starts
    at the home. None: the variable IGDM_DATA, else data/ in the home. Says where, not what: no part of any hash."""
    download: bool = False
    """Fetch a missing CIFAR or SVHN into the root first. Default: say what is missing and how to get it."""
    folder: str | None = Field(default=None, min_length=1)
    """Data set "folder": its folder with train/ and test/ (or val/), each with one folder of images per class;
    relative to the root. Teachers are cached by this name, so give changed images another one."""
    image_size: int = Field(default=32, ge=4, le=512)
    """Data set "folder": side in pixels to which images are brought, by cutting out the middle square. 4 to 512."""
    channels: int = Field(default=3, ge=1, le=3)
    """Data set "folder": 3 for colour, 1 for grey."""
    extra: str | None = Field(default=None, min_length=1)
    """Generated images with pseudo labels for training, never for tests: an .npz with `image` (N, H, W, C) uint8 and
    `label` (N,), as the public DM-Improves-AT sets; relative to the root. None: none."""
    extra_fraction: float = Field(default=0.7, ge=0, le=1)
    """Share of every batch drawn from `extra`; an epoch keeps its number of steps. In [0, 1]; 0.7 (DM-Improves-AT)."""
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
    """Architecture by name, "package.module:factory" for one of your own, or an entry point (docs/models.md)."""
    width: int = Field(default=64, ge=4, le=1024)
    """resnet: channels of the first stage; each further stage doubles them. 64 with blocks 2, 2, 2, 2 is resnet-18."""
    blocks: Blocks = (2, 2, 2, 2)
    """resnet: residual blocks per stage, 1 to 4 stages; every stage after the first halves the image."""
    normalisation: NormalisationName = "auto"
    """Networks that normalise inside: which pixel statistics. auto is those of the data set, 0.5 where none are known;
    half is 0.5, none leaves images alone."""


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
    schedule: Literal["multistep", "cosine", "one-cycle"] = "multistep"
    """Learning rate over the run: dropped at the milestones (ICLR App. B.1), falling along a cosine to 0, or one cycle
    that rises to `learning_rate` in the first quarter and falls to almost 0 (PyTorch's OneCycleLR)."""
    gradient_clip: float = Field(default=0.0, ge=0, le=1e6)
    """Largest norm of the gradient, longer ones are scaled back; 0 is off."""
    weight_average: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step of an exponential average of the weights, which is then what is measured and kept as the student;
    0 is off, published recipes use 0.995."""
    mixed_precision: bool = False
    """Run the forwards of the outer loss in bfloat16; attacks and optimiser stay in float32. Changes numbers."""
    decay: float = Field(default=0.1, gt=0, le=1)
    """Factor applied to the learning rate at each milestone. In (0, 1]; 0.1 (ICLR App. B.1)."""


class TeacherSection(Section):
    """The robust teacher: where it comes from. Trained teachers are cached by the hash of this section and `data`."""

    source: TeacherSource = "train"
    """Where the teacher comes from: trained here from the recipe below, a published checkpoint, a file, a finished
    run of this home, or none."""
    published: PublishedName | None = None
    """Source "published": which one; it must fit the data set and brings its own architecture."""
    path: str | None = Field(default=None, min_length=1)
    """Source "checkpoint": the file, for the architecture below. ~ is your own folder; a relative path starts at the
    home."""
    run: str | None = Field(default=None, min_length=1)
    """Source "run": identifier of a finished run; its student becomes the teacher, with its own architecture."""
    model: ModelName = "resnet"
    """Architecture by name, "package.module:factory" for one of your own, or an entry point (docs/models.md)."""
    width: int = Field(default=64, ge=4, le=1024)
    """resnet: channels of the first stage; each further stage doubles them."""
    blocks: Blocks = (2, 2, 2, 2)
    """resnet: residual blocks per stage, 1 to 4 stages; every stage after the first halves the image."""
    normalisation: NormalisationName = "auto"
    """Networks that normalise inside: which pixel statistics; as for the student."""
    method: MethodName = "pgd-at"
    """Source "train": the method that makes the teacher; any that needs none itself."""
    seed: int = Field(default=0, ge=0)
    """Source "train": seed of the training: students with different seeds share one teacher. 0 or more."""
    attack: AttackSection = AttackSection()
    """The teacher's own inner maximisation; its epsilon is also the radius at which any teacher is measured."""
    optim: OptimSection = OptimSection()
    """The teacher's own outer minimisation."""


class SecondTeacherSection(TeacherSection):
    """A second teacher, standard-trained unless its method says otherwise; as the first one in everything else."""

    source: TeacherSource = "none"
    """Where the second teacher comes from; none unless the method asks two."""
    method: MethodName = "standard"
    """Source "train": the method that makes the teacher; any that needs none itself. standard (IAD-II)."""


class MethodSection(Section):
    """The adversarial distillation method: its inner problem and its loss."""

    name: MethodName = "adaad"
    """Method by name."""
    teacher_in_attack: bool = True
    """RSLAD, AdaAD, AdaIAD: the inner problem asks the teacher. False replaces it by cross-entropy on the student
    alone from a uniform start (ICLR Table 6, "w/o T_in")."""
    temperature: float = Field(default=1.0, gt=0, le=1000)
    """ARD, IAD, AdaIAD: softening of both outputs; the loss is multiplied by its square. Above 0; 1 (ICLR code; ARD's
    and AdaIAD's own: 30)."""
    trades_beta: float = Field(default=6.0, ge=0, le=1000)
    """TRADES: weight of the robust term. 0 or more; 6 (TRADES training script)."""
    mart_beta: float = Field(default=5.0, ge=0, le=1000)
    """MART: weight of the divergence. 0 or more; 5 (MART's ResNet-18 script; 6 for WideResNet-34-10)."""
    ard_lambda: float = Field(default=1.0, ge=0, le=1)
    """ARD: weight of the teacher term; the rest is cross-entropy on clean images. In [0, 1]; 1 (ICLR code)."""
    iad_exponent: float = Field(default=0.1, gt=0, le=10)
    """IAD, AdaIAD: the teacher's reliability is its probability of the label to this power. Above 0; 0.1 (IAD code)."""
    iad_begin: int = Field(default=60, ge=0)
    """IAD, AdaIAD: epochs of full trust in the teacher before introspection begins. 0 or more; 60 (IAD-I code)."""
    iad_teacher_weight: Literal["none", "reliability"] = "none"
    """IAD: leave the teacher term unweighted (IAD-I code) or weigh it by the reliability (its paper, unverified)."""
    iad2_begin: int = Field(default=40, ge=0)
    """IAD-II: as iad_begin. 0 or more; 40 (IAD-II code)."""
    iad2_robust: float = Field(default=0.5, ge=0, le=1)
    """IAD-II: weight of the robust teacher's terms. In [0, 1]; 0.5 (IAD-II code)."""
    iad2_standard: float = Field(default=0.25, ge=0, le=1)
    """IAD-II: weight of the standard-trained teacher's term. In [0, 1]; 0.25 (IAD-II code)."""
    akd_mix: float = Field(default=0.5, ge=0, le=1)
    """AKD: weight of the teacher term, the rest is cross-entropy. In [0, 1]; 0.5 (a choice: the paper was not read)."""
    akd_teacher_input: Literal["adv", "clean"] = "adv"
    """AKD: images the teacher is asked about (a choice, unverified)."""
    rslad_scale: float = Field(default=0.1, gt=0, le=1000)
    """RSLAD: factor of the whole loss. Above 0; 1/10 (RSLAD code; the published IGDM weights depend on it)."""
    adaad_lambda: float = Field(default=1.0, ge=0, le=1)
    """AdaAD: weight of the adversarial term; the rest is the clean term. In [0, 1]; 1 (AdaAD code, ICLR Table 8)."""
    darwin_beta: float = Field(default=5.0, ge=0, le=1000)
    """DARWIN: weight of the term on the last adversary. 0 or more; 5 (a choice: not on the slides)."""
    darwin_gamma: float = Field(default=0.5, ge=0, le=1)
    """DARWIN: share of the teacher-student gap in the weight of an intermediate adversary, the rest grows with its
    step. In [0, 1]; 0.5 (slides)."""
    darwin_triplet: float = Field(default=1.0, ge=0, le=1000)
    """DARWIN: weight of the triplet terms. 0 or more; 1 (a choice)."""
    darwin_margin: float = Field(default=1.0, ge=0, le=10)
    """DARWIN: margin of the triplets, on distances of probabilities. 0 or more; 1 (a choice)."""
    darwin_average: bool = False
    """DARWIN: divide the sums over the steps of the attack by their number. False: literal sums (slides)."""


class IgdmSection(Section):
    """The IGDM term added to the method: match the teacher's output difference between x+beta*delta and
    x-gamma*delta (ICLR Eq. 8)."""

    alpha: float = Field(default=0.0, ge=0, le=1e6)
    """Weight of the term at the last epoch; 0 leaves the module out. 0 or more; published 0.2 to 220
    (ICLR App. B.2)."""
    term: TermName = "igdm"
    """The term itself, or one of the paper's ablations: direct gradient matching (ICLR Eq. 11), TRADES-like (Eq. 12),
    TRADES-reg (Eq. 13)."""
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
    """Forward the adversarial batch twice where the public code does (AdaAD, RSLAD), which moves BatchNorm statistics
    once more. Default: reuse it, which is exact for the loss when beta is 1."""


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
    checkpoints: Annotated[tuple[CheckpointName, ...], Field(min_length=1, strict=False)] = ("best", "last")
    """Which weights are measured after training: those of the last epoch, whose figures are the run's (ICLR code), and
    those of the epoch with the best PGD-10 accuracy on the validation images, where there are any."""
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
    second_teacher: SecondTeacherSection = SecondTeacherSection()
    """IAD-II's second, standard-trained teacher."""
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
        width = self.student.width if self.student.model == "resnet" else ""
        return f"{self.method.name}{igdm} {self.student.model}{width} s{self.runtime.seed}"
