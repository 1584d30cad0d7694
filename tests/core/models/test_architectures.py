"""Parameter counts, tensor counts and names of the published architectures; images of other sizes."""

import pytest
import torch
import torch.nn.functional as F

from core.data.dataset import Geometry
from core.models import build_model
from core.models.silu_wide_resnet import SiluBlock
from core.spec.config import ModelSection

COUNTS = [
    ("resnet-18", 10, 32, 11_173_962, 122),
    ("resnet-18", 100, 32, 11_220_132, 122),
    ("resnet-50", 10, 32, 23_520_842, 320),
    ("preactresnet-18", 100, 32, 11_218_340, 107),
    ("preactresnet-18", 200, 64, 11_269_640, 107),
    ("mobilenetv2", 10, 32, 2_296_922, 344),
    ("mobilenetv2", 100, 32, 2_412_212, 344),
    ("wrn-34-10", 10, 32, 46_160_474, 191),
    ("wrn-34-20", 10, 32, 184_531_674, 191),
    ("wrn-28-10-silu", 10, 32, 36_479_194, 155),
    ("wrn-28-10-silu", 100, 32, 36_536_884, 155),
    ("vit-b", 10, 32, 85_152_010, 152),
    ("deit-s", 10, 32, 21_342_346, 152),
]
NAMES = {
    "resnet-18": ["conv1.weight", "bn1.running_var", "layer2.0.shortcut.0.weight", "layer4.1.bn2.bias", "linear.bias"],
    "resnet-50": ["layer1.0.shortcut.1.bias", "layer3.5.conv3.weight", "layer4.2.bn3.running_var", "linear.weight"],
    "preactresnet-18": ["conv1.weight", "layer1.0.bn1.weight", "layer2.0.shortcut.0.weight", "bn.bias", "linear.bias"],
    "mobilenetv2": ["layers.0.shortcut.1.bias", "layers.16.conv3.weight", "conv2.weight", "bn2.bias", "linear.weight"],
    "wrn-34-10": ["block1.layer.0.convShortcut.weight", "block3.layer.4.bn2.bias", "bn1.bias", "fc.weight"],
    "wrn-28-10-silu": ["init_conv.weight", "layer.0.block.0.shortcut.weight", "layer.2.block.3.batchnorm_1.bias"],
    "deit-s": ["cls_token", "pos_embed", "patch_embed.proj.bias", "blocks.11.attn.qkv.bias", "blocks.0.mlp.fc2.bias"],
}
ALL = ["resnet-18", "resnet-50", "preactresnet-18", "mobilenetv2", "wrn-34-10", "wrn-28-10-silu", "deit-s"]


def built(name, *, classes=10, image_size=32, channels=3, dataset="cifar-10", **settings):
    geometry = Geometry(channels=channels, image_size=image_size, classes=classes)
    return build_model(ModelSection(model=name, **settings), geometry, 0, dataset=dataset)


@pytest.mark.parametrize(("name", "classes", "image_size", "parameters", "tensors"), COUNTS)
def test_sizes_are_the_published_ones(name, classes, image_size, parameters, tensors):
    with torch.device("meta"):
        model = built(name, classes=classes, image_size=image_size)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters
    assert len(model.state_dict()) == tensors
    assert set(NAMES.get(name, [])) <= set(model.state_dict())


@pytest.mark.parametrize("name", ALL)
def test_every_network_takes_digits(name):
    model = built(name, image_size=8, channels=1, dataset="digits").eval()
    with torch.no_grad():
        assert model(torch.rand(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize("name", ["preactresnet-18", "mobilenetv2"])
def test_tiny_imagenet_passes_through_unchanged_networks(name):
    with torch.no_grad():
        assert built(name, classes=200, image_size=64).eval()(torch.rand(1, 3, 64, 64)).shape == (1, 200)


def test_resnet_18_is_the_family_at_its_defaults():
    named, family = built("resnet-18"), built("resnet")
    assert named.state_dict().keys() == family.state_dict().keys()
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(named.eval()(images), family.eval()(images))


def test_a_stride_two_block_pads_right_and_below_only():
    torch.manual_seed(0)
    block = SiluBlock(4, 8, 2).double().eval()
    features = torch.randn(2, 4, 6, 6, dtype=torch.float64)
    seen = []
    block.conv_0.register_forward_hook(lambda *arguments: seen.append(arguments[2]))
    block(features)
    activated = F.silu(block.batchnorm_0(features))
    weight = block.conv_0.weight
    assert torch.equal(seen[0], F.conv2d(F.pad(activated, (0, 1, 0, 1)), weight, stride=2))
    assert not torch.allclose(seen[0], F.conv2d(activated, weight, stride=2, padding=1))


def test_mobilenet_convolves_a_shortcut_where_the_size_stays_and_channels_differ():
    layers = built("mobilenetv2").layers
    with_convolution = [number for number, block in enumerate(layers) if len(block.shortcut)]
    assert with_convolution == [0, 1, 10, 16]
    assert [number for number, block in enumerate(layers) if block.stride == 2] == [3, 6, 13]


def test_pixel_statistics_follow_the_data_set_and_stay_out_of_the_state_dict():
    model = built("deit-s", dataset="cifar-100")
    assert model.normalise.mean.flatten().tolist() == pytest.approx([0.5071, 0.4865, 0.4409])
    assert not [name for name in model.state_dict() if "normalise" in name]
    assert built("deit-s", dataset="svhn").normalise.std.flatten().tolist() == [0.5, 0.5, 0.5]
    assert built("deit-s", normalisation="none").normalise.std.flatten().tolist() == [1, 1, 1]


@pytest.mark.parametrize("name", ["mobilenetv2", "wrn-28-10-silu", "deit-s"])
def test_gradients_reach_every_parameter_and_the_image(name):
    model = built(name, image_size=8, channels=1, dataset="digits").train()
    images = torch.rand(4, 1, 8, 8, requires_grad=True)
    model(images).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert float(images.grad.abs().sum()) > 0
