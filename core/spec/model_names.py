"""Names that a `model` setting takes: the networks here, "package.module:factory", and entry points of packages."""

import difflib
import re
from dataclasses import dataclass

ENTRY_POINT_GROUP = "igdm_tui.models"
FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelEntry:
    """One architecture.

    options: keys of a model's section that it reads. multiple: the side of an image must be one of this, in pixels.
    """

    name: str
    title: str
    summary: str
    options: tuple[str, ...] = ()
    multiple: int = 1


MODELS = {
    entry.name: entry
    for entry in (
        ModelEntry(
            name="resnet",
            title="ResNet",
            summary="CIFAR-style residual network; width and blocks per stage are settings",
            options=("width", "blocks"),
        ),
        ModelEntry(
            name="resnet-18",
            title="ResNet-18",
            summary="CIFAR ResNet-18, 11.2 M parameters: the papers' main student",
        ),
        ModelEntry(
            name="resnet-50",
            title="ResNet-50",
            summary="CIFAR ResNet-50, 23.5 M parameters: the network that transfer examples are made on",
        ),
        ModelEntry(
            name="preactresnet-18",
            title="PreActResNet-18",
            summary="pre-activated ResNet-18, 11.2 M parameters: the student for Tiny-ImageNet",
        ),
        ModelEntry(
            name="mobilenetv2",
            title="MobileNetV2",
            summary="CIFAR MobileNetV2 with ReLU, 2.3 M parameters: the papers' small student",
        ),
        ModelEntry(
            name="wrn-34-10",
            title="WideResNet-34-10",
            summary="TRADES naming, 46 M parameters: the LTD teacher",
        ),
        ModelEntry(
            name="wrn-34-20",
            title="WideResNet-34-20",
            summary="TRADES naming, 185 M parameters: the larger LTD teacher",
        ),
        ModelEntry(
            name="wrn-28-10-silu",
            title="WideResNet-28-10 SiLU",
            summary="normalises inside, 36 M parameters: the BDM-AT and IKL-AT teachers",
            options=("normalisation",),
            multiple=4,
        ),
        ModelEntry(
            name="vit-b",
            title="ViT-B",
            summary="vision transformer on 4x4 patches, timm's names, normalises inside, 85 M parameters",
            options=("normalisation",),
            multiple=4,
        ),
        ModelEntry(
            name="deit-s",
            title="DeiT-S",
            summary="smaller vision transformer on 4x4 patches, timm's names, normalises inside, 21 M parameters",
            options=("normalisation",),
            multiple=4,
        ),
    )
}
ALL_OPTIONS = ("width", "blocks", "normalisation")


def check_model_name(name: str) -> tuple[str, str] | None:
    """What is wrong with a name and what to write instead; None when it can stand for a network.

    Nothing of the user's is imported to find out.
    """
    if name in MODELS or FACTORY.fullmatch(name):
        return None
    if ":" in name:
        return f"{name!r} is no factory", "write package.module:function"
    installed = _entry_points()
    if name in installed:
        return None
    known = [*MODELS, *installed]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{name!r} is not known", f"{hint}one of: {', '.join(known)}, or package.module:factory"


def _entry_points() -> list[str]:
    """Names that installed packages offer."""
    from importlib.metadata import entry_points

    return sorted(entry_points(group=ENTRY_POINT_GROUP).names)
