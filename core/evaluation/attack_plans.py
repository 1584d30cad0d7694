"""Every attack by its name: those that carry parameters by their form, the others one by one."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

from core.evaluation.autoattack import Norm, Version, autoattack_plan, build_autoattack
from core.evaluation.carlini_wagner import cw2_plan
from core.evaluation.cascade import AttackPlan
from core.evaluation.margin_attacks import cw30_plan, cw_plan
from core.evaluation.norm_attacks import RADII, mild_plan, strong_plan
from core.evaluation.sign_attacks import fgsm_plan, pgd_plan
from core.evaluation.target import Target
from core.evaluation.transfer_attacks import OFFICIAL, TORCHATTACKS, vmi_plan
from core.spec.attack_forms import AttackForm, parse_attack


def attack_plan(name: str, target: Target) -> AttackPlan:
    """What an attack of this name does to a target.

    Raises: KeyError for a name that core.spec.attack_names.check_attack_name refuses, or that is no attack.
    """
    form = parse_attack(name)
    if form is None:
        return NAMED[name](target)
    return FAMILIES[form.family](target if form.level is None else replace(target, epsilon=form.level / 255), form)


def _autoattack(target: Target, form: AttackForm) -> AttackPlan:
    """A version of AutoAttack; in L1 and L2 with the radii of the papers."""
    norm = cast(Norm, form.norm)
    attack = build_autoattack(
        target.network,
        norm=norm,
        epsilon=RADII.get(norm, target.epsilon),
        seed=target.seed,
        device=target.device,
        version=cast(Version, form.version),
        stages=form.parts or None,
    )
    return autoattack_plan(attack)


FAMILIES: dict[str, Callable[[Target, AttackForm], AttackPlan]] = {
    "fgsm": lambda target, _form: fgsm_plan(target),
    "pgd": lambda target, form: pgd_plan(target, num_steps=form.num_steps, restarts=form.restarts),
    "cw": lambda target, form: cw_plan(target, restarts=form.restarts),
    "cw30": lambda target, form: cw30_plan(target, restarts=form.restarts),
    "autoattack": _autoattack,
}
NAMED: dict[str, Callable[[Target], AttackPlan]] = {
    "cw2": cw2_plan,
    "pgd-l2-mild": lambda target: mild_plan(target, "L2"),
    "pgd-l2-strong": lambda target: strong_plan(target, "L2"),
    "pgd-l1-mild": lambda target: mild_plan(target, "L1"),
    "pgd-l1-strong": lambda target: strong_plan(target, "L1"),
    "vmi": lambda target: vmi_plan(target, OFFICIAL, "official"),
    "vmi-torchattacks": lambda target: vmi_plan(target, TORCHATTACKS, "torchattacks"),
}
