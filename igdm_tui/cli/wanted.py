"""What the words of `igdm eval` ask for, checked as far as they can be without the run."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.errors import IgdmError
from core.spec.evaluation_request import EvaluationRequest, wanted_attacks
from core.spec.model_names import check_model_name
from core.spec.rational import parse_rational

if TYPE_CHECKING:
    from core.spec.config import RunConfig

AUTO = "auto"
DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")  # as in runtime.device, whose section takes too long to import
DEFAULT_ATTACKS = ("clean", "pgd20", "autoattack")  # of a file: without a teacher there is nothing to compare


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What was asked for, checked as far as it can be without the run; None or "" where nothing was said."""

    attacks: tuple[str, ...] | None
    num_examples: int | None
    epsilon: float | None
    batch_size: int | None
    device: str
    seed: int | None
    transfer_source: str = ""
    transfer_model: str = ""

    @classmethod
    def of(
        cls, *, attacks: str, suite: str, num_examples: int | None, epsilon: str, batch_size: str, device: str,
        seed: int | None, transfer_source: str = "", transfer_model: str = "",
    ) -> "Wanted":  # fmt: skip
        """From the words of the command line.

        Raises: IgdmError naming the option, what is wrong with it and what to write.
        """
        if num_examples is not None and num_examples < 1:
            raise IgdmError(f"--num-examples: {num_examples} images measure nothing (choose 1 or more)")
        if seed is not None and seed < 0:
            raise IgdmError(f"--seed: {seed} is no seed (choose 0 or more)")
        if device and not DEVICE.fullmatch(device):
            raise IgdmError(f"--device: {device!r} is no device (choose auto, cpu, cuda, cuda:0, cuda:1, ...)")
        return cls(
            attacks=wanted_attacks(attacks, suite),
            num_examples=num_examples,
            epsilon=_epsilon(epsilon),
            batch_size=_batch_size(batch_size),
            device=device,
            seed=seed,
            transfer_source=_transfer_source(transfer_source, transfer_model),
            transfer_model=transfer_model,
        )

    def request(self, config: "RunConfig", checkpoint: str) -> EvaluationRequest:
        """What to measure on a checkpoint of a run; what was not said is as in the run's own evaluation."""
        own = config.evaluation
        attacks = own.attacks if self.attacks is None else self.attacks
        if own.transfer_source is None and not self.transfer_source:
            _refuse_transfer(attacks)
        return EvaluationRequest(
            checkpoint=checkpoint,
            attacks=attacks,
            num_examples=own.num_examples if self.num_examples is None else self.num_examples,
            epsilon=config.evaluation_epsilon if self.epsilon is None else self.epsilon,
            seed=own.seed if self.seed is None else self.seed,
            batch_size=own.batch_size if self.batch_size is None else self.batch_size,
            device=self.device,
            transfer_source=self.transfer_source,
            transfer_model=self.transfer_model,
        )

    def settings(self) -> dict[str, Any]:
        """As settings of a run without training, by dotted key."""
        said = {
            "evaluation.attacks": self.attacks or DEFAULT_ATTACKS,
            "evaluation.num_examples": self.num_examples,
            "evaluation.epsilon": self.epsilon,
            "evaluation.batch_size": self.batch_size,
            "evaluation.seed": self.seed,
            "evaluation.transfer_source": self.transfer_source or None,
            "evaluation.transfer_model": self.transfer_model or None,
            "runtime.device": self.device or None,
        }
        return {key: value for key, value in said.items() if value is not None}


def _refuse_transfer(attacks: Sequence[str]) -> None:
    from core.spec.attack_names import attack_entry

    transfer = next((name for name in attacks if attack_entry(name).needs_source), None)
    if transfer is not None:
        raise IgdmError(
            f"--attacks: {transfer} makes its images on another network, and the run names none"
            " (give its checkpoint file: --transfer-source FILE --transfer-model NAME)"
        )


def _transfer_source(file: str, model: str) -> str:
    """The file by its whole path; "" where none is named."""
    if not file:
        if model:
            raise IgdmError("--transfer-model: only with --transfer-source FILE (it is the architecture of that file)")
        return ""
    wrong = check_model_name(model) if model else None
    if wrong:
        raise IgdmError(f"--transfer-model: {wrong[0]} ({wrong[1]})")
    path = Path(file).expanduser().resolve()
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "no such file"
        raise IgdmError(f"--transfer-source: {path}: {state} (give a checkpoint file)")
    return str(path)


def _epsilon(text: str) -> float | None:
    if not text:
        return None
    try:
        value = float(parse_rational(text))
    except ValueError as error:
        raise IgdmError(f"--epsilon: {error}") from error
    if not 0 <= value <= 1:
        raise IgdmError(f"--epsilon: {text} is not in [0, 1] (pixel units of images in [0, 1]: write 8/255, not 8)")
    return value


def _batch_size(text: str) -> int | None:
    if not text:
        return None
    if text == AUTO:
        return 0
    if not text.isdecimal() or not 1 <= int(text) <= 65_536:
        raise IgdmError(f"--batch-size: {text!r} is neither auto nor a number of images (1 to 65536)")
    return int(text)
