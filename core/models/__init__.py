"""Student and teacher architectures by name. All take images in [0, 1] and return logits."""

from collections.abc import Callable

import torch
from torch import nn

from core.data.dataset import Geometry
from core.models.custom import build_custom
from core.models.mobilenetv2 import MobileNetV2
from core.models.normalisation import PixelStatistics, pixel_statistics
from core.models.preactresnet import PreActResNet18
from core.models.resnet import BottleneckBlock, ResNet
from core.models.silu_wide_resnet import SiluWideResNet
from core.models.vision_transformer import VisionTransformer
from core.models.wide_resnet import WideResNet
from core.seeding import seed_for
from core.spec.config import ModelSection, TeacherSection

Settings = ModelSection | TeacherSection


def _resnet(settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return ResNet(width=settings.width, blocks=settings.blocks, channels=geometry.channels, classes=geometry.classes)


def _resnet18(_settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return ResNet(width=64, blocks=(2, 2, 2, 2), channels=geometry.channels, classes=geometry.classes)


def _resnet50(_settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return ResNet(
        width=64, blocks=(3, 4, 6, 3), block=BottleneckBlock, channels=geometry.channels, classes=geometry.classes
    )


def _preactresnet18(_settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return PreActResNet18(channels=geometry.channels, classes=geometry.classes)


def _mobilenetv2(_settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return MobileNetV2(channels=geometry.channels, classes=geometry.classes)


def _wrn_34_10(_settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return WideResNet(depth=34, widen=10, channels=geometry.channels, classes=geometry.classes)


def _wrn_34_20(_settings: Settings, geometry: Geometry, _: PixelStatistics) -> nn.Module:
    return WideResNet(depth=34, widen=20, channels=geometry.channels, classes=geometry.classes)


def _wrn_28_10_silu(_settings: Settings, geometry: Geometry, statistics: PixelStatistics) -> nn.Module:
    return SiluWideResNet(
        depth=28, widen=10, channels=geometry.channels, classes=geometry.classes, statistics=statistics
    )


def _transformer(width: int, num_heads: int, geometry: Geometry, statistics: PixelStatistics) -> nn.Module:
    return VisionTransformer(
        width=width,
        depth=12,
        num_heads=num_heads,
        channels=geometry.channels,
        image_size=geometry.image_size,
        classes=geometry.classes,
        statistics=statistics,
    )


def _vit_b(_settings: Settings, geometry: Geometry, statistics: PixelStatistics) -> nn.Module:
    return _transformer(768, 12, geometry, statistics)


def _deit_s(_settings: Settings, geometry: Geometry, statistics: PixelStatistics) -> nn.Module:
    return _transformer(384, 6, geometry, statistics)


MODELS: dict[str, Callable[[Settings, Geometry, PixelStatistics], nn.Module]] = {
    "resnet": _resnet,
    "resnet-18": _resnet18,
    "resnet-50": _resnet50,
    "preactresnet-18": _preactresnet18,
    "mobilenetv2": _mobilenetv2,
    "wrn-34-10": _wrn_34_10,
    "wrn-34-20": _wrn_34_20,
    "wrn-28-10-silu": _wrn_28_10_silu,
    "vit-b": _vit_b,
    "deit-s": _deit_s,
}


def build_model(settings: Settings, geometry: Geometry, seed: int, *, dataset: str = "") -> nn.Module:
    """A network with fresh weights that depend on the seed alone; the global generator is left as it was.

    Takes images (B, C, H, W) in [0, 1] and returns logits (B, K). dataset: its name, by which a network that
    normalises inside knows the pixel statistics.
    Raises: TrainingError when a network of the user's own cannot be made.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_for(seed, "initialisation"))
        if settings.model not in MODELS:
            return build_custom(settings.model, geometry)
        statistics = pixel_statistics(settings.normalisation, dataset, geometry.channels)
        return MODELS[settings.model](settings, geometry, statistics)


__all__ = ["MODELS", "ResNet", "build_model"]
