"""Every attack by its name in the catalogue."""

from collections.abc import Callable

from core.evaluation.autoattack import Norm, Version, autoattack_plan, build_autoattack
from core.evaluation.carlini_wagner import cw2_plan
from core.evaluation.cascade import AttackPlan
from core.evaluation.margin_attacks import cw30_plan, cw_plan
from core.evaluation.norm_attacks import RADII, mild_plan, strong_plan
from core.evaluation.sign_attacks import fgsm_plan, pgd_plan
from core.evaluation.target import Target
from core.evaluation.transfer_attacks import OFFICIAL, TORCHATTACKS, vmi_plan
from core.spec.attack_names import SWEEP_LEVELS

Build = Callable[[Target], AttackPlan]


def autoattack(target: Target, version: Version = "standard", norm: Norm = "Linf") -> AttackPlan:
    """A version of AutoAttack; in L1 and L2 with the radii of the papers."""
    epsilon = target.epsilon if norm == "Linf" else RADII[norm]
    attack = build_autoattack(
        target.network, norm=norm, epsilon=epsilon, seed=target.seed, device=target.device, version=version
    )
    return autoattack_plan(attack)


def _sweep(level: int) -> Build:
    return lambda target: pgd_plan(target, num_steps=20, epsilon=level / 255)


ATTACK_PLANS: dict[str, Build] = {
    "fgsm": fgsm_plan,
    "pgd10": lambda target: pgd_plan(target, num_steps=10),
    "pgd20": lambda target: pgd_plan(target, num_steps=20),
    "pgd20-restarts": lambda target: pgd_plan(target, num_steps=20, restarts=10),
    "cw": cw_plan,
    "cw30": cw30_plan,
    "cw2": cw2_plan,
    "autoattack": autoattack,
    "autoattack-plus": lambda target: autoattack(target, "plus"),
    "autoattack-rand": lambda target: autoattack(target, "rand"),
    "autoattack-l2": lambda target: autoattack(target, norm="L2"),
    "autoattack-l1": lambda target: autoattack(target, norm="L1"),
    "pgd-l2-mild": lambda target: mild_plan(target, "L2"),
    "pgd-l2-strong": lambda target: strong_plan(target, "L2"),
    "pgd-l1-mild": lambda target: mild_plan(target, "L1"),
    "pgd-l1-strong": lambda target: strong_plan(target, "L1"),
    "vmi": lambda target: vmi_plan(target, OFFICIAL, "official"),
    "vmi-torchattacks": lambda target: vmi_plan(target, TORCHATTACKS, "torchattacks"),
    **{f"pgd20-at-{level}": _sweep(level) for level in SWEEP_LEVELS},
}
