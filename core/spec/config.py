"""RunConfig: everything that describes one run. Each field states meaning, unit, range and source of its default.

Images are in [0, 1]; a pixel-unit field accepts "8/255", which is exact. Sources: "ICLR" is Lee, Cho and Kim,
Indirect Gradient Matching for Adversarial Robust Distillation, ICLR 2025.
"""

from pathlib import Path

from pydantic import Field

from core.spec.sections.base import (
    AttackName,
    CheckpointName,
    DatasetName,
    MethodName,
    ModelName,
    NormalisationName,
    PublishedName,
    Section,
    SurrogateName,
    TeacherSource,
    TermName,
)
from core.spec.sections.data import DataSection
from core.spec.sections.judging import EvaluationSection, RuntimeSection
from core.spec.sections.methods import IgdmSection, MethodSection
from core.spec.sections.networks import ModelSection, SecondTeacherSection, TeacherSection
from core.spec.sections.slurm import SlurmSection
from core.spec.sections.training import AttackSection, OptimSection, SpeedSection

__all__ = [
    "CONFIG_VERSION",
    "AttackName",
    "AttackSection",
    "CheckpointName",
    "DataSection",
    "DatasetName",
    "EvaluationSection",
    "IgdmSection",
    "MethodName",
    "MethodSection",
    "ModelName",
    "ModelSection",
    "NormalisationName",
    "OptimSection",
    "PublishedName",
    "RunConfig",
    "RuntimeSection",
    "SecondTeacherSection",
    "Section",
    "SlurmSection",
    "SpeedSection",
    "SurrogateName",
    "TeacherSection",
    "TeacherSource",
    "TermName",
]

CONFIG_VERSION = 1


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
    speed: SpeedSection = SpeedSection()
    """How a step is computed."""
    evaluation: EvaluationSection = EvaluationSection()
    """What is measured."""
    runtime: RuntimeSection = RuntimeSection()
    """Where it runs."""
    slurm: SlurmSection = SlurmSection()
    """What it asks of a cluster."""

    @property
    def evaluation_epsilon(self) -> float:
        """Radius of the evaluation in pixel units: its own, else that of the training attack."""
        own = self.evaluation.epsilon
        return self.attack.epsilon if own is None else own

    @property
    def title(self) -> str:
        """The name, or one made from method, IGDM weight, student and seed: "adaad+igdm20 resnet16 s0".

        A checkpoint file that is only measured is called by its own name.
        """
        if self.name:
            return self.name
        if self.evaluation.checkpoint_file is not None:
            return Path(self.evaluation.checkpoint_file).name
        igdm = f"+igdm{self.igdm.alpha:g}" if self.igdm.alpha else ""
        width = self.student.width if self.student.model == "resnet" else ""
        return f"{self.method.name}{igdm} {self.student.model}{width} s{self.runtime.seed}"
