"""Settings of the method and of the IGDM term."""

from typing import Literal

from pydantic import Field

from core.spec.sections.base import MethodName, Section, SurrogateName, TermName


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
