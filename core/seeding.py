"""Randomness without hidden state: every draw has its own generator, made from the seed and what it is drawn for.

Because nothing depends on how many numbers were drawn before, a resumed run draws exactly what the uninterrupted run
would have drawn.
"""

import hashlib

import torch


def seed_for(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for one purpose, such as seed_for(3, "attack", epoch, step)."""
    text = "/".join(str(part) for part in (seed, *purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator_for(device: torch.device, seed: int, *purpose: str | int) -> torch.Generator:
    """A generator on `device` for one purpose."""
    return torch.Generator(device=device).manual_seed(seed_for(seed, *purpose))
