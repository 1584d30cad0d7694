"""What an attack found, kept with the run per test image, so that nothing is measured twice and nothing is lost."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.spec.atomic import replace_text
from core.spec.plain_files import make_private


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One finished measurement.

    robust: one character per test image, "1" where the network was right throughout; empty for diagnostics.
    values: diagnostics by name, one number per test image. images: names the test images and their labels.
    Other fields as in core.spec.events.AttackFinished.
    """

    metrics: dict[str, float]
    examples: int
    seconds: float
    seed: int
    robust: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    package: str = ""
    values: dict[str, list[float]] = field(default_factory=dict)
    images: str = ""

    @property
    def correct(self) -> int | None:
        """Images that withstood; None for diagnostics."""
        return self.robust.count("1") if self.robust else None


def to_bits(mask: Tensor) -> str:
    """A boolean mask (N,) as text of "1" and "0"."""
    return "".join("1" if value else "0" for value in mask.tolist())


def from_bits(bits: str) -> Tensor:
    """The mask (N,) of such a text."""
    return torch.tensor([bit == "1" for bit in bits], dtype=torch.bool)


def fingerprint(model: nn.Module, images: Tensor, *settings: object) -> str:
    """Names exactly one measurement: weights, images and settings; a stored state of another is not used."""
    digest = hashlib.sha256(repr(settings).encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    digest.update(images.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def images_name(levels: Tensor, labels: Tensor) -> str:
    """Twelve hexadecimal digits, equal for equal images (N, C, H, W) with equal labels (N,) in the same order."""
    digest = hashlib.sha256(repr((tuple(levels.shape), levels.dtype)).encode())
    for tensor in (levels, labels):
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


class StateFile:
    """A JSON file with a checksum, replaced by rename. Damaged, or of another measurement, it counts as absent."""

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key

    def write(self, content: dict[str, Any]) -> None:
        """Replace the file."""
        make_private(self.path.parent)
        text = json.dumps(content, sort_keys=True)
        replace_text(self.path, json.dumps({"key": self.key, "sha256": _digest(text), "content": text}))

    def read(self) -> dict[str, Any] | None:
        """What was written last, or None."""
        try:
            outer = json.loads(self.path.read_text())
            if outer["key"] != self.key or outer["sha256"] != _digest(outer["content"]):
                return None
            content: dict[str, Any] = json.loads(outer["content"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return content

    def remove(self) -> None:
        """Remove the file if it is there."""
        self.path.unlink(missing_ok=True)


def write_outcome(file: StateFile, outcome: Outcome) -> None:
    """Keep a finished measurement."""
    file.write(asdict(outcome))


def read_outcome(file: StateFile) -> Outcome | None:
    """A measurement finished earlier on exactly these weights, images and settings, or None."""
    content = file.read()
    return Outcome(**content) if content else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
