"""What is wrong between settings that are each fine alone, and settings that will silently do nothing."""

import re

from core.spec.attack_names import attack_entry
from core.spec.catalogue import METHODS
from core.spec.config import RunConfig
from core.spec.data_files import data_problems, data_warnings, image_channels, image_size
from core.spec.errors import Problem
from core.spec.network_settings import model_problems, model_warnings
from core.spec.teacher_source import teacher_problems, teacher_warnings

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def consistency_problems(config: RunConfig) -> list[Problem]:
    """What is wrong between settings that are each fine alone."""
    problems = []
    method = METHODS[config.method.name]
    if config.name is not None and CONTROL_CHARACTERS.search(config.name):
        problems.append(Problem(key="name", message="contains control characters", advice="use printable characters"))
    if config.name is not None and not config.name.strip():
        problems.append(Problem(key="name", message="is blank", advice="use printable characters, or give no name"))
    if config.teacher.source == "none":
        if method.needs_teacher:
            message = f"{method.name} distils from a teacher and there is none"
            problems.append(Problem(key="teacher.source", message=message, advice='use "train"'))
        elif config.igdm.alpha > 0:
            message = "IGDM compares with a teacher and there is none"
            problems.append(Problem(key="teacher.source", message=message, advice='use "train", or igdm.alpha = 0'))
    if method.needs_second_teacher and config.second_teacher.source == "none":
        message = f"{method.name} also distils from a standard-trained teacher and there is none"
        problems.append(Problem(key="second_teacher.source", message=message, advice='use "train"'))
    if config.igdm.alpha > 0 and not method.has_inner:
        message = f"{method.name} has no attack, so there is no delta for IGDM"
        problems.append(Problem(key="igdm.alpha", message=message, advice="use 0, or another method"))
    for key, optim in (("optim", config.optim), ("teacher.optim", config.teacher.optim)):
        if list(optim.milestones) != sorted(set(optim.milestones)):
            problems.append(
                Problem(
                    key=f"{key}.milestones",
                    message=f"{list(optim.milestones)} does not rise",
                    advice="sort it",
                )
            )
    if config.runtime.devices > 1:
        problems += devices_problems(config)
    if len(set(config.evaluation.attacks)) != len(config.evaluation.attacks):
        problems.append(Problem(key="evaluation.attacks", message="names an attack twice", advice="name each once"))
    transfer = [name for name in config.evaluation.attacks if attack_entry(name).needs_source]
    if transfer and config.evaluation.transfer_source is None:
        message = f"{transfer[0]} makes its images on another network and none is named"
        problems.append(
            Problem(key="evaluation.attacks", message=message, advice="set evaluation.transfer_source, or leave it out")
        )
    if config.speed.attack_precision != "float32" and config.attack.batchnorm == "train":
        message = "an attack that moves BatchNorm statistics runs on the student itself, in float32"
        problems.append(
            Problem(key="speed.attack_precision", message=message, advice='use "float32", or attack.batchnorm = "eval"')
        )
    if config.method.name.startswith("darwin"):
        problems += darwin_problems(config)
    problems += data_problems(config.data)
    problems += model_problems(config, image_size=image_size(config.data), channels=image_channels(config.data))
    problems += teacher_problems(config)
    return problems


def darwin_problems(config: RunConfig) -> list[Problem]:
    """What a method that follows the whole path of the attack, and compares images of a batch, cannot do without."""
    name, found = config.method.name, []
    if config.attack.num_steps < 1:
        message = f"{name} distils along the path of the attack, and 0 steps make none"
        found.append(Problem(key="attack.num_steps", message=message, advice="use 1 or more"))
    message = f"{name} weighs each image by the largest gap of its whole batch"
    if config.runtime.devices > 1:
        found.append(Problem(key="runtime.devices", message=message, advice="use 1"))
    if config.runtime.on_oom != "fail":
        advice = 'use "fail", and a smaller optim.batch_size'
        found.append(Problem(key="runtime.on_oom", message=message, advice=advice))
    return found


def devices_problems(config: RunConfig) -> list[Problem]:
    """What several devices cannot do together."""
    runtime, found = config.runtime, []
    if runtime.device.startswith("cuda:"):
        message = f"{runtime.device} is one device and runtime.devices asks for {runtime.devices}"
        advice = "use cuda, and CUDA_VISIBLE_DEVICES to choose among them"
        found.append(Problem(key="runtime.device", message=message, advice=advice))
    if runtime.on_oom != "fail":
        message = "one of several devices cannot take more turns than the others"
        found.append(Problem(key="runtime.on_oom", message=message, advice='use "fail", or runtime.devices = 1'))
    if config.optim.batch_size < runtime.devices:
        message = f"{config.optim.batch_size} images cannot be shared among {runtime.devices} devices"
        found.append(Problem(key="optim.batch_size", message=message, advice="use a larger batch"))
    return found


def config_warnings(config: RunConfig) -> list[str]:
    """Settings that will silently do nothing, or that are probably a slip; a run goes on with them."""
    warnings = []
    method = METHODS[config.method.name]
    options = {option for entry in METHODS.values() for option in entry.options}
    changed = config.method.model_dump(exclude_defaults=True)
    for option in sorted(options & changed.keys()):
        if option not in method.options:
            warnings.append(f"method.{option} has no effect on {method.name}")
    begin = {"iad": "iad_begin", "adaiad": "iad_begin", "iad-2": "iad2_begin"}.get(method.name)
    if begin and getattr(config.method, begin) >= config.optim.num_epochs:
        epochs = f"{getattr(config.method, begin)} is not before the last of {config.optim.num_epochs} epochs"
        warnings.append(f"method.{begin} {epochs}: introspection never begins")
    if config.speed.path == "literal":
        of_the_fast_path = {"attack_precision", "winograd", "heavy_kernels", "compile", "cuda_graphs"}
        for option in sorted(config.speed.model_dump(exclude_defaults=True).keys() & of_the_fast_path):
            warnings.append(f'speed.{option} has no effect with speed.path = "literal"')
    warnings += data_warnings(config.data) + model_warnings(config) + teacher_warnings(config)
    for key, optim in (("optim", config.optim), ("teacher.optim", config.teacher.optim)):
        if key == "teacher.optim" and config.teacher.source != "train":
            continue
        late = [m for m in optim.milestones if m >= optim.num_epochs]
        if late:
            warnings.append(f"{key}.milestones {late} come after the last epoch and have no effect")
    attack = config.attack
    if method.has_inner and attack.step_size > 2 * attack.epsilon > 0:
        warnings.append(f"attack.step_size {attack.step_size:g} is more than the whole ball, 2 x epsilon")
    if method.has_inner and 0 < attack.step_size * attack.num_steps < attack.epsilon:
        warnings.append(
            "attack.step_size x num_steps is less than epsilon: the attack cannot reach the edge of its ball"
        )
    return warnings
