"""Published layouts written out a second time: names and shapes of the tensors, and the forward as formulas.

Nothing here uses core.models: the tests compare its networks with these.
"""

import math

import torch
import torch.nn.functional as F

CIFAR100_MEAN, CIFAR100_STD = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)


class Tensors(dict):
    """A state dict filled with random numbers of a size that keeps activations near one."""

    def __init__(self, seed=0):
        super().__init__()
        self.generator = torch.Generator().manual_seed(seed)

    def conv(self, name, out_channels, in_channels, size):
        std = math.sqrt(2 / (in_channels * size * size))
        self[f"{name}.weight"] = torch.randn(out_channels, in_channels, size, size, generator=self.generator) * std

    def linear(self, name, out_width, in_width):
        self[f"{name}.weight"] = torch.randn(out_width, in_width, generator=self.generator) / math.sqrt(in_width)
        self[f"{name}.bias"] = torch.randn(out_width, generator=self.generator) * 0.1

    def norm(self, name, width, running=True):
        self[f"{name}.weight"] = 1 + 0.1 * torch.randn(width, generator=self.generator)
        self[f"{name}.bias"] = 0.1 * torch.randn(width, generator=self.generator)
        if running:
            self[f"{name}.running_mean"] = 0.1 * torch.randn(width, generator=self.generator)
            self[f"{name}.running_var"] = 1 + 0.2 * torch.rand(width, generator=self.generator)
            self[f"{name}.num_batches_tracked"] = torch.tensor(7)


def batchnorm(x, state, name):
    mean, var = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    scale = state[f"{name}.weight"] / torch.sqrt(var + 1e-5)
    return (x - mean[:, None, None]) * scale[:, None, None] + state[f"{name}.bias"][:, None, None]


# WideResNet-34 in TRADES naming (LTD).


def trades_wrn(widen=10, blocks=5, classes=10, sub_block=False):
    state = Tensors(1)
    state.conv("conv1", 16, 3, 3)
    widths = [16, 16 * widen, 32 * widen, 64 * widen]
    stages = [("block1", 1), ("block2", 2), ("block3", 3), *([("sub_block1", 1)] if sub_block else [])]
    for stage, number in stages:
        for i in range(blocks):
            width_in, width = (widths[number - 1] if i == 0 else widths[number]), widths[number]
            state.norm(f"{stage}.layer.{i}.bn1", width_in)
            state.conv(f"{stage}.layer.{i}.conv1", width, width_in, 3)
            state.norm(f"{stage}.layer.{i}.bn2", width)
            state.conv(f"{stage}.layer.{i}.conv2", width, width, 3)
            if width_in != width:
                state.conv(f"{stage}.layer.{i}.convShortcut", width, width_in, 1)
    state.norm("bn1", widths[3])
    state.linear("fc", classes, widths[3])
    return state


def trades_wrn_forward(state, x, blocks=5):
    x = F.conv2d(x, state["conv1.weight"], padding=1)
    for number in (1, 2, 3):
        for i in range(blocks):
            name = f"block{number}.layer.{i}"
            stride = 2 if i == 0 and number > 1 else 1
            out = F.relu(batchnorm(x, state, f"{name}.bn1"))
            if i == 0:
                x = out
            out = F.conv2d(out, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            out = F.conv2d(F.relu(batchnorm(out, state, f"{name}.bn2")), state[f"{name}.conv2.weight"], padding=1)
            x = (F.conv2d(x, state[f"{name}.convShortcut.weight"], stride=stride) if i == 0 else x) + out
    x = F.avg_pool2d(F.relu(batchnorm(x, state, "bn1")), 8).flatten(1)
    return F.linear(x, state["fc.weight"], state["fc.bias"])


# WideResNet-28-10 with SiLU (BDM-AT, IKL-AT).


def silu_wrn(widen=10, blocks=4, classes=10):
    state = Tensors(2)
    state.conv("init_conv", 16, 3, 3)
    widths = [16, 16 * widen, 32 * widen, 64 * widen]
    for group in range(3):
        for i in range(blocks):
            name = f"layer.{group}.block.{i}"
            width_in, width = (widths[group] if i == 0 else widths[group + 1]), widths[group + 1]
            state.norm(f"{name}.batchnorm_0", width_in)
            state.conv(f"{name}.conv_0", width, width_in, 3)
            state.norm(f"{name}.batchnorm_1", width)
            state.conv(f"{name}.conv_1", width, width, 3)
            if width_in != width:
                state.conv(f"{name}.shortcut", width, width_in, 1)
    state.norm("batchnorm", widths[3])
    state.linear("logits", classes, widths[3])
    return state


def silu(x):
    return x * torch.sigmoid(x)


def silu_wrn_forward(state, x, mean, std, blocks=4, stride_two_padding=(0, 1, 0, 1)):
    x = (x - torch.tensor(mean).to(x)[:, None, None]) / torch.tensor(std).to(x)[:, None, None]
    x = F.conv2d(x, state["init_conv.weight"], padding=1)
    for group in range(3):
        for i in range(blocks):
            name = f"layer.{group}.block.{i}"
            stride = 2 if i == 0 and group > 0 else 1
            out = silu(batchnorm(x, state, f"{name}.batchnorm_0"))
            if i == 0:
                x = out
            padding = stride_two_padding if stride == 2 else (1, 1, 1, 1)
            out = F.conv2d(F.pad(out, padding), state[f"{name}.conv_0.weight"], stride=stride)
            out = silu(batchnorm(out, state, f"{name}.batchnorm_1"))
            out = F.conv2d(out, state[f"{name}.conv_1.weight"], padding=1)
            x = (F.conv2d(x, state[f"{name}.shortcut.weight"], stride=stride) if i == 0 else x) + out
    x = F.avg_pool2d(silu(batchnorm(x, state, "batchnorm")), 8).flatten(1)
    return F.linear(x, state["logits.weight"], state["logits.bias"])


# Vision transformers in timm's naming (AT-PRM).


def vit(width, depth=12, classes=10):
    state = Tensors(3)
    state["cls_token"] = torch.randn(1, 1, width, generator=state.generator)
    state["pos_embed"] = torch.randn(1, 65, width, generator=state.generator)
    state.conv("patch_embed.proj", width, 3, 4)
    state["patch_embed.proj.bias"] = torch.randn(width, generator=state.generator) * 0.1
    for i in range(depth):
        state.norm(f"blocks.{i}.norm1", width, running=False)
        state.linear(f"blocks.{i}.attn.qkv", 3 * width, width)
        state.linear(f"blocks.{i}.attn.proj", width, width)
        state.norm(f"blocks.{i}.norm2", width, running=False)
        state.linear(f"blocks.{i}.mlp.fc1", 4 * width, width)
        state.linear(f"blocks.{i}.mlp.fc2", width, 4 * width)
    state.norm("norm", width, running=False)
    state.linear("head", classes, width)
    return state


def layernorm(x, state, name):
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-6)
    return scaled * state[f"{name}.weight"] + state[f"{name}.bias"]


def vit_forward(state, x, mean, std, num_heads, depth=12):
    x = (x - torch.tensor(mean).to(x)[:, None, None]) / torch.tensor(std).to(x)[:, None, None]
    rows = x.shape[-1] // 4
    patches = [x[:, :, 4 * r : 4 * r + 4, 4 * c : 4 * c + 4].flatten(1) for r in range(rows) for c in range(rows)]
    tokens = torch.stack(patches, 1) @ state["patch_embed.proj.weight"].flatten(1).T + state["patch_embed.proj.bias"]
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), tokens], 1) + state["pos_embed"]
    width = x.shape[-1]
    size = width // num_heads
    for i in range(depth):
        name = f"blocks.{i}"
        normed = layernorm(x, state, f"{name}.norm1")
        qkv = F.linear(normed, state[f"{name}.attn.qkv.weight"], state[f"{name}.attn.qkv.bias"])
        heads = []
        for h in range(num_heads):
            query, key, value = (qkv[..., part * width + h * size :][..., :size] for part in range(3))
            heads.append(torch.softmax(query @ key.transpose(1, 2) / math.sqrt(size), -1) @ value)
        mixed = torch.cat(heads, -1)
        x = x + F.linear(mixed, state[f"{name}.attn.proj.weight"], state[f"{name}.attn.proj.bias"])
        hidden = F.linear(
            layernorm(x, state, f"{name}.norm2"), state[f"{name}.mlp.fc1.weight"], state[f"{name}.mlp.fc1.bias"]
        )
        hidden = hidden * 0.5 * (1 + torch.erf(hidden / math.sqrt(2)))
        x = x + F.linear(hidden, state[f"{name}.mlp.fc2.weight"], state[f"{name}.mlp.fc2.bias"])
    return F.linear(layernorm(x, state, "norm")[:, 0], state["head.weight"], state["head.bias"])
