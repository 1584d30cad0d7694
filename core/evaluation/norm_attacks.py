"""PGD in the L1 and L2 balls, each in a mild and a strong version; which one a paper ran is rarely said.

Radii are those of CIFAR-size images (arXiv v1 Section 4.5). Mild is plain ascent, strong is APGD on cross-entropy.
"""

from core.attacks import L1Ball, L2Ball
from core.evaluation.autoattack import Norm, autoattack_plan, ball_of, build_autoattack
from core.evaluation.cascade import AttackPlan
from core.evaluation.sign_attacks import cross_entropy
from core.evaluation.target import Target, ascent_stages

EPSILON_L1 = 12.0
EPSILON_L2 = 128 / 255
MILD_STEPS = 20
STEP_L2 = 15 / 255
STEP_L1 = 1.0  # l1 length of one sparse step: 20 of them reach the border of the ball
RADII: dict[Norm, float] = {"L1": EPSILON_L1, "L2": EPSILON_L2}


def mild_plan(
    target: Target, norm: Norm, *, epsilon: float | None = None, step_size: float | None = None,
    num_steps: int = MILD_STEPS,
) -> AttackPlan:  # fmt: skip
    """Ascent on cross-entropy from a random start: along the gradient in L2, a few pixels at a time in L1."""
    radius = RADII[norm] if epsilon is None else epsilon
    length = step_size or (STEP_L2 if norm == "L2" else STEP_L1)
    ball = L2Ball(epsilon=radius) if norm == "L2" else L1Ball(epsilon=radius)
    stages = ascent_stages(
        target, f"pgd-{norm.lower()}-mild", cross_entropy, ball=ball, start="uniform", step_size=length,
        num_steps=num_steps,
    )  # fmt: skip
    parameters = {"norm": norm, "epsilon": radius, "step_size": length, "num_steps": num_steps, "version": "mild"}
    return AttackPlan(stages=stages, ball=ball, parameters=parameters)


def strong_plan(target: Target, norm: Norm, *, epsilon: float | None = None) -> AttackPlan:
    """APGD on cross-entropy, 100 iterations; in L1 with radii that shrink onto epsilon (Croce and Hein 2021)."""
    radius = RADII[norm] if epsilon is None else epsilon
    attack = build_autoattack(
        target.network, norm=norm, epsilon=radius, seed=target.seed, device=target.device, version="custom",
        stages=("apgd-ce",),
    )  # fmt: skip
    attack.apgd.n_restarts = 1
    attack.apgd.use_largereps = norm == "L1"
    plan = autoattack_plan(attack)
    parameters = {"norm": norm, "epsilon": radius, "num_steps": attack.apgd.n_iter, "restarts": 1, "version": "strong"}
    return AttackPlan(
        stages=plan.stages, ball=ball_of(norm, radius), parameters=parameters, package=plan.package,
        inspect=plan.inspect,
    )  # fmt: skip
