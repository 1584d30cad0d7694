"""Vision transformers on small images: 4x4 patches, a class token, timm's key names.

ViT-B has 85,152,010 parameters and DeiT-S 21,342,346 for 32x32 images and 10 classes.
Source: Dosovitskiy et al. 2021; Touvron et al. 2021 (without distillation token); 4x4 patches as in Mo et al. 2022.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.models.initialisation import initialise_transformer
from core.models.normalisation import Normalise, PixelStatistics

PATCH_SIZE = 4
MLP_RATIO = 4
LAYERNORM_EPS = 1e-6


class PatchEmbed(nn.Module):
    """Each patch as one token."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(channels, width, PATCH_SIZE, stride=PATCH_SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) to tokens (B, H/4 * W/4, width), row by row."""
        tokens: Tensor = self.proj(images).flatten(2).transpose(1, 2)
        return tokens


class Attention(nn.Module):
    """Self-attention of several heads; queries, keys and values come from one layer with bias."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, width) to the same shape."""
        batch, count, width = tokens.shape
        head_width = width // self.num_heads
        qkv = self.qkv(tokens).view(batch, count, 3, self.num_heads, head_width).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        weights = torch.softmax(query @ key.transpose(-2, -1) * head_width**-0.5, dim=-1)
        mixed: Tensor = self.proj((weights @ value).transpose(1, 2).reshape(batch, count, width))
        return mixed


class Mlp(nn.Module):
    """Two layers with GELU between, on each token alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, MLP_RATIO * width)
        self.fc2 = nn.Linear(MLP_RATIO * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, width) to the same shape."""
        hidden: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return hidden


class TransformerBlock(nn.Module):
    """Attention, then the layers on each token, each after its own norm and added to its input."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYERNORM_EPS)
        self.attn = Attention(width, num_heads)
        self.norm2 = nn.LayerNorm(width, eps=LAYERNORM_EPS)
        self.mlp = Mlp(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (B, N, width) to the same shape."""
        tokens = tokens + self.attn(self.norm1(tokens))
        total: Tensor = tokens + self.mlp(self.norm2(tokens))
        return total


class VisionTransformer(nn.Module):
    """Patches of a normalised image and a class token through `depth` blocks; the class token is classified."""

    def __init__(
        self,
        *,
        width: int,
        depth: int,
        num_heads: int,
        channels: int,
        image_size: int,
        classes: int,
        statistics: PixelStatistics,
    ) -> None:
        super().__init__()
        num_patches = (image_size // PATCH_SIZE) ** 2
        self.normalise = Normalise(statistics)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, num_patches + 1, width))
        self.patch_embed = PatchEmbed(channels, width)
        self.blocks = nn.Sequential(*(TransformerBlock(width, num_heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, eps=LAYERNORM_EPS)
        self.head = nn.Linear(width, classes)
        initialise_transformer(self)
        for parameter in (self.cls_token, self.pos_embed):
            nn.init.trunc_normal_(parameter, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) in [0, 1], H = W = image_size divisible by 4, to logits (B, K)."""
        patches = self.patch_embed(self.normalise(images))
        tokens = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], dim=1) + self.pos_embed
        logits: Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return logits
