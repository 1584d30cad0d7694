"""AutoAttack through pyautoattack: its versions and norms as plans for our walk.

The attacks, their parameters, order, seeds and reliability checks are pyautoattack's.
Source: Croce and Hein 2020, Section 5.
"""

import importlib.metadata
from typing import Any, Literal

import torch
from pyautoattack import AutoAttack, checks
from torch import Tensor, nn

from core.attacks import Ball, L1Ball, L2Ball, LinfBall
from core.evaluation.cascade import AttackPlan, Stage
from core.evaluation.sparing import spare_broken

PACKAGE = f"pyautoattack {importlib.metadata.version('pyautoattack')}"
STAGES = ("apgd-ce", "apgd-t", "fab-t", "square")
ALL_STAGES = ("apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square")

Norm = Literal["Linf", "L2", "L1"]
Version = Literal["standard", "plus", "rand", "custom"]


def build_autoattack(
    network: nn.Module,
    *,
    norm: Norm,
    epsilon: float,
    seed: int,
    device: torch.device,
    version: Version = "standard",
    stages: tuple[str, ...] | None = None,
) -> AutoAttack:
    """pyautoattack's own object, which knows the parameters of each part.

    network: what is attacked, logits out. stages: of ALL_STAGES, only with version "custom".
    Raises: ValueError for an unknown stage, or stages with another version.
    """
    unknown = set(stages or ()) - set(ALL_STAGES)
    if unknown or (version == "custom") != (stages is not None):
        raise ValueError(f"version {version} with stages {stages}: custom takes some of {ALL_STAGES}, others none")
    attack = AutoAttack(
        network, norm=norm, eps=epsilon, seed=seed, version=version, attacks=stages and list(stages),
        device=str(device),
    )  # fmt: skip
    for part in (attack.apgd, attack.apgd_targeted, attack.fab, attack.square):
        part.seed = seed
    return attack


def autoattack_plan(attack: AutoAttack) -> AttackPlan:
    """The stages that this object would run, with the checks it would make; broken images cost APGD nothing more."""
    for part in (attack.apgd, attack.apgd_targeted):
        spare_broken(part)
    names = tuple(attack.attacks_to_run)
    stages = tuple(Stage(name=name, perturb=_perturbation(attack, name)) for name in names)

    def inspect(model: nn.Module, images: Tensor, labels: Tensor) -> None:
        logger = attack.logger
        if attack.version != "rand":
            checks.check_randomized(model, images, labels, bs=len(images), logger=logger)
        classes = checks.check_range_output(model, images, logger=logger)
        checks.funcs.update(dict.fromkeys(checks.funcs, 0))  # the package counts over all networks it ever saw
        checks.check_dynamic(model, images, False, logger=logger)
        targets = attack.apgd_targeted.n_target_classes, attack.fab.n_target_classes
        checks.check_n_classes(classes, list(names), *targets, logger=logger)

    return AttackPlan(
        stages=stages,
        ball=ball_of(attack.norm, attack.epsilon),
        parameters={"epsilon": attack.epsilon, "norm": attack.norm, "version": attack.version, "stages": list(names)},
        package=PACKAGE,
        inspect=inspect,
        conclude=lambda after: checks.check_square_sr(after, logger=attack.logger),
    )


def ball_of(norm: str, epsilon: float) -> Ball:
    """The ball of a norm by its name in pyautoattack."""
    balls: dict[str, Any] = {"Linf": LinfBall, "L2": L2Ball, "L1": L1Ball}
    ball: Ball = balls[norm](epsilon=epsilon)
    return ball


def _perturbation(attack: AutoAttack, name: str) -> Any:
    """One part as a function; what pyautoattack switches before it runs the part is switched here too."""

    def perturb(images: Tensor, labels: Tensor, _batch: int) -> Tensor:
        if name in ("apgd-ce", "apgd-dlr"):
            attack.apgd.loss = name.removeprefix("apgd-")
            found = attack.apgd.perturb(images, labels)
        elif name == "apgd-t":
            found = attack.apgd_targeted.perturb(images, labels)
        elif name in ("fab", "fab-t"):
            attack.fab.targeted = name == "fab-t"
            restarts = attack.fab.n_restarts
            attack.fab.n_restarts = 1 if name == "fab-t" else restarts
            found = attack.fab.perturb(images, labels)
            attack.fab.n_restarts = restarts
        else:
            found = attack.square.perturb(images, labels)
        result: Tensor = found
        return result

    return perturb
