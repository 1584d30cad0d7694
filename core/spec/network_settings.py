"""What is wrong, or without effect, in the sections that describe a network. No torch."""

from collections.abc import Iterator

from core.spec.config import ModelSection, RunConfig, TeacherSection
from core.spec.errors import Problem
from core.spec.model_names import ALL_OPTIONS, MODELS

COLOURS = 3


def model_problems(config: RunConfig, *, image_size: int, channels: int) -> list[Problem]:
    """Networks that cannot take the images: image_size in pixels, channels a count."""
    problems: list[Problem] = []
    for section, network in _networks(config):
        problems += _blocks_problems(section, network, image_size)
        entry = MODELS.get(network.model)
        if entry and image_size % entry.multiple:
            message = (
                f"{network.model} needs a side divisible by {entry.multiple}; images are {image_size}x{image_size}"
            )
            advice = "use resnet-18, or another image size"
            problems.append(Problem(key=f"{section}.model", message=message, advice=advice))
        normalises = entry is not None and "normalisation" in entry.options
        if normalises and network.normalisation.startswith("cifar") and channels != COLOURS:
            message = f"{network.normalisation} is for {COLOURS} channels; images have {channels}"
            problems.append(Problem(key=f"{section}.normalisation", message=message, advice="use auto"))
    return problems


def model_warnings(config: RunConfig) -> list[str]:
    """Options of a network that it does not read."""
    warnings = []
    for section, network in _networks(config):
        entry = MODELS.get(network.model)
        read = entry.options if entry else ()
        changed = network.model_dump(include=set(ALL_OPTIONS), exclude_defaults=True)
        warnings += [f"{section}.{option} has no effect on {network.model}" for option in changed if option not in read]
    return warnings


def _networks(config: RunConfig) -> Iterator[tuple[str, ModelSection | TeacherSection]]:
    """The sections whose network is made, by name."""
    yield "student", config.student
    for section, teacher in (("teacher", config.teacher), ("second_teacher", config.second_teacher)):
        if teacher.source in ("train", "checkpoint"):
            yield section, teacher


def _blocks_problems(section: str, network: ModelSection | TeacherSection, image_size: int) -> list[Problem]:
    if network.model != "resnet" or image_size >> (len(network.blocks) - 1) >= 1:
        return []
    message = f"{len(network.blocks)} stages halve a {image_size}x{image_size} image to nothing"
    return [Problem(key=f"{section}.blocks", message=message, advice="use fewer stages")]
