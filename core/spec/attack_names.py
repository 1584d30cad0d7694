"""Names of everything an evaluation can measure, the metrics that come out, and suites of them. No torch.

`ATTACKS` are those a form offers; names with parameters of their own (`core.spec.attack_forms`) are as good.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from core.spec.attack_forms import HOW, parse_attack

SWEEP_LEVELS = (8, 10, 12, 14, 16)  # radii of the larger-epsilon sweep, in 1/255 (arXiv v1 Fig. 5)


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackEntry:
    """One measurement with the text a form shows for it.

    needs_teacher: compares with the teacher and is left out where there is none. needs_source: makes its images on the
    network of `evaluation.transfer_source`. is_accuracy: its metric is `<name>_accuracy`, "_" for all but letters and
    digits.
    """

    name: str
    title: str
    summary: str
    needs_teacher: bool = False
    needs_source: bool = False
    is_accuracy: bool = True

    @property
    def metric(self) -> str:
        """Name of the accuracy it gives."""
        return f"{re.sub('[^a-z0-9]', '_', self.name)}_accuracy"


ATTACKS = {
    entry.name: entry
    for entry in (
        AttackEntry(name="clean", title="Clean", summary="accuracy on unperturbed test images"),
        AttackEntry(name="fgsm", title="FGSM", summary="one step of epsilon, no random start"),
        AttackEntry(name="pgd10", title="PGD-10", summary="10 ascent steps of epsilon/4, random start"),
        AttackEntry(
            name="pgd20",
            title="PGD-20",
            summary="20 ascent steps of epsilon/4 on cross-entropy, random start",
        ),
        AttackEntry(name="pgd20x10", title="PGD-20 x10", summary="PGD-20 from ten random starts"),
        AttackEntry(name="cw", title="C&W", summary="l-infinity margin attack, 50 steps, 10 restarts"),
        AttackEntry(name="cw30", title="CW-30", summary="cheap l-infinity margin attack, 30 steps (IAD)"),
        AttackEntry(name="cw2", title="CW2", summary="L2 attack, c = 0.1, unbounded, 1000 iterations"),
        AttackEntry(
            name="autoattack",
            title="AA",
            summary="AutoAttack: APGD-CE, APGD-T, FAB-T and Square, standard version",
        ),
        AttackEntry(name="autoattack-plus", title="AA+", summary="AutoAttack plus: six parts, more restarts"),
        AttackEntry(name="autoattack-rand", title="AA rand", summary="AutoAttack for randomised networks"),
        AttackEntry(name="autoattack-l2", title="AA L2", summary="AutoAttack standard, L2, 128/255"),
        AttackEntry(name="autoattack-l1", title="AA L1", summary="AutoAttack standard, L1, 12"),
        AttackEntry(name="pgd-l2-mild", title="PGD-L2 mild", summary="L2, 128/255, 20 steps of 15/255"),
        AttackEntry(name="pgd-l2-strong", title="PGD-L2 strong", summary="L2, 128/255, APGD, 100 iterations"),
        AttackEntry(name="pgd-l1-mild", title="PGD-L1 mild", summary="L1, 12, 20 sparse steps"),
        AttackEntry(name="pgd-l1-strong", title="PGD-L1 strong", summary="L1, 12, APGD, 100 iterations"),
        AttackEntry(
            name="vmi",
            title="VMI",
            summary="VMI-FGSM from another network, 16/255, official parameters",
            needs_source=True,
        ),
        AttackEntry(
            name="vmi-torchattacks",
            title="VMI ta",
            summary="VMI-FGSM from another network, 16/255, torchattacks parameters",
            needs_source=True,
        ),
        *(
            AttackEntry(name=f"pgd20-at-{level}", title=f"PGD-20 {level}", summary=f"PGD-20 with epsilon {level}/255")
            for level in SWEEP_LEVELS
        ),
        AttackEntry(
            name="gradients",
            title="GD and GC",
            summary="input-gradient distance and cosine to the teacher",
            needs_teacher=True,
            is_accuracy=False,
        ),
        AttackEntry(
            name="pointwise",
            title="D",
            summary="distance of outputs to the teacher's: clean, noisy, adversarial",
            needs_teacher=True,
            is_accuracy=False,
        ),
        AttackEntry(
            name="linearity",
            title="remainder",
            summary="share of the output that a first-order expansion misses",
            is_accuracy=False,
        ),
    )
}

SUITES: dict[str, tuple[str, ...]] = {
    "quick": ("clean", "pgd20"),
    "paper": ("clean", "fgsm", "pgd20", "cw", "autoattack", "gradients"),
    "sweep": tuple(f"pgd20-at-{level}" for level in SWEEP_LEVELS),
    "sweep-autoattack": tuple(f"autoattack-at-{level}" for level in SWEEP_LEVELS),
    "full": tuple(name for name, entry in ATTACKS.items() if not entry.needs_source),
}
"""Lists of measurements by name. "full" is everything but transfer, which needs a source network."""


def attack_entry(name: str) -> AttackEntry:
    """What is known of an attack by its name.

    Raises: KeyError for a name that `check_attack_name` refuses.
    """
    if name in ATTACKS:
        return ATTACKS[name]
    form = parse_attack(name)
    if form is None:
        raise KeyError(name)
    return AttackEntry(name=name, title=form.title, summary=form.summary)


def check_attack_name(name: str) -> tuple[str, str] | None:
    """What is wrong with a name and what to write instead; None when it can be measured."""
    if name in ATTACKS or parse_attack(name):
        return None
    near = difflib.get_close_matches(name, ATTACKS, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{name!r} is not known", f"{hint}one of: {', '.join(ATTACKS)}; {HOW}"


def radius_family(name: str) -> str:
    """The attack that a name is one radius of: "pgd20" for pgd20 and pgd20-at-12; "" where epsilon plays no part."""
    form = parse_attack(name)
    return form.at_evaluation_radius.name if form and form.norm == "Linf" else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """What to write instead of a name that is not known: the nearest one, then all."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"{f'did you mean {near[0]!r}? ' if near else ''}one of: {', '.join(names)}"
