"""Settings of what is measured, and of where a run executes."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from core.spec.rational import Rational
from core.spec.sections.base import AttackName, CheckpointName, ModelName, Section, suite_attacks

DEFAULT_BATCH_SIZE = 250


class EvaluationSection(Section):
    """What is measured: during training on a fixed subset, at the end on the test set."""

    attacks: Annotated[tuple[AttackName, ...], Field(strict=False), BeforeValidator(suite_attacks)] = (
        "clean",
        "pgd20",
        "autoattack",
        "gradients",
    )
    """Measured after training on the test set, in this order. Any of the catalogue's attacks, each once; or the name of
    a suite: "quick", "paper", "sweep", "full"."""
    num_examples: int | None = Field(default=None, ge=1)
    """Test images used, the first of the split. 1 or more; None: all."""
    epsilon: Rational | None = Field(default=None, ge=0, le=1)
    """Radius in pixel units. In [0, 1]; None: that of the training attack."""
    batch_size: int = Field(default=DEFAULT_BATCH_SIZE, ge=0, le=65_536)
    """Images per batch; 0: the largest that fits on a GPU, a measured one on a CPU, and 250 in measurements before the
    final one. 250 (AutoAttack's own default)."""
    seed: int = Field(default=0, ge=0)
    """Seed of random starts and of AutoAttack, which would take the clock otherwise. 0 or more."""
    transfer_source: str | None = Field(default=None, min_length=1)
    """Checkpoint file of the network on which `vmi` makes its images. ~ is your own folder; a relative path starts at
    the home. None: no transfer attacks."""
    transfer_model: ModelName = "resnet-50"
    """Architecture of that network, by name; it is made for the same data set."""
    checkpoint_file: str | None = Field(default=None, min_length=1)
    """Checkpoint file of a network like `student` that is measured as it is; nothing is trained. ~ is your own folder;
    a relative path starts at the home. None: a run like any other."""
    checkpoints: Annotated[tuple[CheckpointName, ...], Field(min_length=1, strict=False)] = ("best", "last")
    """Which weights are measured after training: those of the last epoch, whose figures are the run's (ICLR code), and
    those of the epoch with the best PGD-10 accuracy on the validation images, where there are any."""
    validation_every: int = Field(default=1, ge=0)
    """Epochs between measurements of clean and PGD-10 accuracy on the validation split; 0 is never."""
    gradient_every: int = Field(default=1, ge=0)
    """Epochs between measurements of GD and GC during training; 0 is never."""
    gradient_examples: int = Field(default=256, ge=1)
    """Test images of the fixed subset on which GD, GC and linearity are followed during training. 1 or more."""
    linearity_every: int = Field(default=0, ge=0)
    """Epochs between measurements of local linearity during training (ICLR Fig. 2b); 0 is never."""

    @property
    def interim_batch_size(self) -> int:
        """Images per batch of a teacher's accuracies and of what is followed during training.

        Never one that fits: it would hang on what else is on the GPU, and random starts are drawn batch by batch.
        """
        return self.batch_size or DEFAULT_BATCH_SIZE


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
    checkpoint_minutes: float = Field(default=15.0, ge=0)
    """Minutes after which a checkpoint is saved within an epoch too; 0 is never."""
    devices: int = Field(default=1, ge=1, le=64)
    """GPUs of this host (on a CPU: processes) that train the student together; each batch is shared among them, so
    optim.batch_size stays what it is. 1 to 64. Rounding differs; see also optim.sync_batchnorm."""
    on_oom: Literal["fail", "halve-batch"] = "fail"
    """When GPU memory runs out in training: end the run, or work on each batch in 2, 4, 8 ... parts and add their
    gradients up. The batch of the optimiser stays the same, but BatchNorm sees one part at a time."""
