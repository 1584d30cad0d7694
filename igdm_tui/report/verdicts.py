"""What a run kept of an attack for each test image: right or wrong. The material of a paired test."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.attack_names import ATTACKS
from core.spec.events import FINAL_EVALUATION
from core.spec.identity import WHERE_DATA_ARE
from core.spec.run_folder import RunFolder
from igdm_tui.store.rows import EvaluationRow


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdicts:
    """One attack on one network.

    robust: "1" for each test image that stayed right, "0" for the others, in the order of the test set.
    images: names the images and labels, "" in files of older versions. data: the settings they came from.
    epsilon: radius in pixel units, None where the attack has none.
    """

    robust: str
    images: str
    data: Mapping[str, Any]
    epsilon: float | None

    def reason_not_comparable(self, other: "Verdicts") -> str:
        """Why these are not the same question put to two networks; "" when they are."""
        if len(self.robust) != len(other.robust):
            return f"{len(self.robust)} and {len(other.robust)} test images"
        # Without names: an evaluation takes the first images of the test set, so equal data mean equal images.
        same = self.images == other.images if self.images and other.images else self.data == other.data
        if not same:
            return "other test images"
        return "" if self.epsilon == other.epsilon else "another epsilon"


def read_verdicts(folder: Path, settings: Mapping[str, Any], evaluation: str = FINAL_EVALUATION) -> dict[str, Verdicts]:
    """By metric, what was kept of an evaluation of a run; what is missing or damaged is left out. Reads small files."""
    data = {key: value for key, value in dict(settings.get("data") or {}).items() if key not in WHERE_DATA_ARE}
    found = {}
    for file in sorted((RunFolder(folder).evaluation / evaluation).glob("*.json")):
        entry = ATTACKS.get(file.stem)
        content = _content(file) if entry and entry.is_accuracy else None
        robust = content.get("robust") if content else None
        if entry and content and isinstance(robust, str) and robust and set(robust) <= {"0", "1"}:
            parameters = content.get("parameters")
            epsilon = parameters.get("epsilon") if isinstance(parameters, dict) else None
            images = str(content.get("images") or "")
            found[entry.metric] = Verdicts(robust=robust, images=images, data=data, epsilon=epsilon)
    return found


def verdicts_of_run(
    folder: Path, settings: Mapping[str, Any], evaluations: Sequence[EvaluationRow]
) -> dict[str, Verdicts]:
    """By metric, the verdicts behind the run's own figures, of whichever evaluation they come from."""
    counted: dict[str, set[str]] = {}
    for row in evaluations:
        if row.of_run:
            counted.setdefault(row.evaluation, set()).update(row.metrics)
    found: dict[str, Verdicts] = {}
    for evaluation, metrics in counted.items():
        kept = read_verdicts(folder, settings, evaluation)
        found |= {name: verdicts for name, verdicts in kept.items() if name in metrics}
    return found


def _content(file: Path) -> dict[str, Any] | None:
    """What an outcome file holds; None when it is damaged: its sum says so."""
    try:
        outer = json.loads(file.read_text(encoding="utf-8"))
        text = outer["content"]
        if hashlib.sha256(text.encode()).hexdigest() != outer["sha256"]:
            return None
        content = json.loads(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return content if isinstance(content, dict) else None
