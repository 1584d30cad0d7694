"""What an evaluation after a run shall measure: written beside its outcomes, read by the process that measures."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from core.spec.atomic import replace_text
from core.spec.attack_names import SUITES, check_attack_name, nearest
from core.spec.errors import IgdmError
from core.spec.plain_files import make_private

NAME_LENGTH = 6  # hexadecimal digits; evaluations of one run are few
CHECKPOINTS = ("last", "best")


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationRequest:
    """One evaluation of a checkpoint of a run.

    checkpoint: "last" or "best". num_examples: None for all test images. epsilon in pixel units. batch_size: 0 for one
    that is found. device: "" for that of the run's settings; it changes rounding at most and is not part of the name.
    transfer_source: checkpoint file of the network on which transfer examples are made, of architecture transfer_model;
    "" for those of the run's settings.
    """

    checkpoint: str
    attacks: tuple[str, ...]
    num_examples: int | None
    epsilon: float
    seed: int
    batch_size: int
    device: str = ""
    transfer_source: str = ""
    transfer_model: str = ""

    @property
    def name(self) -> str:
        """The same for the same request: started again it is the same evaluation. "last-3f9a2c"."""
        settings = asdict(self) | {"device": ""}
        for key in ("transfer_source", "transfer_model"):
            if not settings[key]:
                del settings[key]
        digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
        return f"{self.checkpoint}-{digest[:NAME_LENGTH]}"

    def write(self, path: Path) -> None:
        """Keep it, by rename."""
        make_private(path.parent)
        replace_text(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> "EvaluationRequest":
        """What was written.

        Raises: IgdmError when the file is missing or damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(**content | {"attacks": tuple(content["attacks"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise IgdmError(f"{path}: cannot be read: {error} (give the same igdm eval command again)") from error


def wanted_attacks(attacks: str, suite: str) -> tuple[str, ...] | None:
    """The measurements that are meant by a list "clean,pgd20" or the name of a suite; None when neither is given.

    Raises: IgdmError for both at once, an unknown name (with the nearest one) and a name given twice.
    """
    if attacks and suite:
        raise IgdmError("eval: --attacks and --suite exclude each other (choose one)")
    if suite:
        if suite not in SUITES:
            raise IgdmError(f"--suite: there is no suite {suite!r} ({nearest(suite, SUITES)})")
        return SUITES[suite]
    if not attacks:
        return None
    names = tuple(name.strip() for name in attacks.split(",") if name.strip())
    for name in names:
        wrong = check_attack_name(name)
        if wrong:
            advice = f"it is a suite: --suite {name}" if name in SUITES else wrong[1]
            raise IgdmError(f"--attacks: {wrong[0]} ({advice})")
    if len(set(names)) != len(names) or not names:
        raise IgdmError(f"--attacks: {attacks!r} names {'an attack twice' if names else 'no attack'} (name each once)")
    return names
