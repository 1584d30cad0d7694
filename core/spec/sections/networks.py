"""Settings of networks: the student, and the teachers with where they come from."""

from pydantic import Field

from core.spec.sections.base import (
    Blocks,
    MethodName,
    ModelName,
    NormalisationName,
    PublishedName,
    Section,
    TeacherSource,
)
from core.spec.sections.training import AttackSection, OptimSection


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
