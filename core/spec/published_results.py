"""Results that papers printed, and which of them belongs to a run. Nothing here was measured by this project.

The rows are `published/results.csv`; `published/README.md` says where they come from. A paper prints one setting in
several tables (accuracies in one, GD and GC in another): here they are one result.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.spec.catalogue import DATASETS, METHODS, MODELS
from core.spec.published import PUBLISHED_EPSILON, published_teachers

FOLDER = Path(__file__).with_name("published")
SOURCES = {"iclr2025": "ICLR 2025", "darwin": "DARWIN slides"}  # arxiv-v1 is an earlier state of the first
# Column of the file: name of the metric. Percent in the file, fractions here; the others are plain numbers.
ACCURACIES = {
    "clean": "clean_accuracy", "fgsm": "fgsm_accuracy", "pgd20": "pgd20_accuracy", "cw": "cw_accuracy",
    "aa": "autoattack_accuracy",
}  # fmt: skip
NUMBERS = {
    "gd": "gradient_distance", "gc": "gradient_cosine", "d_zero": "pointwise_clean", "d_uniform": "pointwise_uniform",
    "d_adv": "pointwise_adversarial",
}  # fmt: skip
TEACHER_ATTACKS = ("rslad", "adaad", "adaiad")
VARIANT_TERMS = {"direct-gradient": "direct", "trades-reg": "trades-reg", "trades-like": "igdm-trades-like"}


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedResult:
    """One printed setting. metrics: by catalogue name, accuracies as fractions. tables: where they are printed.

    variant: "" for the plain method. doubts: what the file says about the rows.
    """

    source: str
    dataset: str
    teacher: str
    student: str
    method: str
    igdm: bool
    variant: str = ""
    tables: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Where it is printed: "ICLR 2025 T2, T4, T5"."""
        return f"{SOURCES[self.source]} {', '.join(self.tables)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedMatch:
    """The result that belongs to a run. otherwise: how the run was made or judged differently, in words."""

    result: PublishedResult
    otherwise: tuple[str, ...] = ()


def find_published_result(settings: Mapping[str, Any]) -> PublishedMatch | None:
    """The printed result with a run's data set, teacher, student, method and variant; None when none was printed.

    settings: nested, as a run keeps them. PGD-AT and TRADES without IGDM use no teacher: any will do.
    """
    method, alpha = str(_get(settings, "method", "name")), _alpha(settings)
    term = _get(settings, "igdm", "term") or "igdm"
    has_igdm = bool(alpha) and term == "igdm"
    needs_teacher = bool(alpha) or (method in METHODS and METHODS[method].needs_teacher)
    model = str(_get(settings, "student", "model"))
    student = MODELS[model].title if model in MODELS else ""
    dataset = _title(_get(settings, "data", "name"))
    teacher, doubt = _teacher_title(settings, dataset)
    found = [
        result
        for result in published_results()
        if (result.dataset, result.student, result.method, result.igdm) == (dataset, student, method, has_igdm)
        and (not needs_teacher or result.teacher == teacher)
    ]
    found.sort(key=lambda result: result.teacher != teacher)  # stable: its own teacher's block goes first
    weight = _published_alpha(dataset, student, teacher, method) if has_igdm else None
    for variant in _variants(settings, weight):
        result = next((result for result in found if result.variant == variant), None)
        if result is not None:
            doubts = [doubt] if doubt and needs_teacher else []
            return PublishedMatch(result=result, otherwise=(*doubts, *_differences(settings, variant, weight)))
    return None


@lru_cache(maxsize=1)
def published_results() -> tuple[PublishedResult, ...]:
    """Every printed setting, the newest source first; where two tables disagree, the first one counts."""
    keys = ("source", "dataset", "teacher", "student", "method", "variant", "igdm")
    order = list(SOURCES)
    rows = [row for row in _read("results.csv") if row["source"] in SOURCES]
    parts: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: order.index(row["source"])):
        key = tuple(row[key] for key in keys)
        new = {
            **dict(zip(keys, key, strict=True)),
            "igdm": row["igdm"] == "1",
            "tables": {},
            "metrics": {},
            "doubts": {},
        }
        result = parts.setdefault(key, new)
        result["tables"][row["table"]] = None
        if row["note"]:
            result["doubts"][row["note"]] = None
        result["metrics"] = _metrics(row) | result["metrics"]
    lists = ("tables", "doubts")
    return tuple(PublishedResult(**(part | {key: tuple(part[key]) for key in lists})) for part in parts.values())


def _read(name: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _metrics(row: Mapping[str, str]) -> dict[str, float]:
    """Accuracies keep their printed digits: 28.06 percent is 0.2806."""
    metrics = {name: round(float(row[key]) / 100, 6) for key, name in ACCURACIES.items() if row[key]}
    return metrics | {name: float(row[key]) for key, name in NUMBERS.items() if row[key]}


def _variants(settings: Mapping[str, Any], weight: float | None) -> list[str]:
    """What the run's variant is called in the file, the most particular name first."""
    alpha, term = _alpha(settings), _get(settings, "igdm", "term") or "igdm"
    method = _get(settings, "method", "name")
    if alpha and term in VARIANT_TERMS:
        return [f"{VARIANT_TERMS[term]} alpha={alpha:g}"]
    if _get(settings, "method", "teacher_in_attack") is False and method in TEACHER_ATTACKS:
        return ["w/o T_in"]
    share = _get(settings, "method", "adaad_lambda")
    if method == "adaad" and isinstance(share, int | float) and share != 1:
        return [f"lambda={share:.2f}"]
    return ["", f"alpha={alpha:g}"] if not alpha or alpha == weight else [f"alpha={alpha:g}", ""]


def _differences(settings: Mapping[str, Any], variant: str, weight: float | None) -> list[str]:
    """How a run differs from the printed recipe in what matters most."""
    found = []
    alpha = _alpha(settings)
    if weight is not None and not variant and alpha != weight:
        found.append(f"IGDM alpha {alpha:g}, published {weight:g}")
    own = _get(settings, "evaluation", "epsilon")
    epsilon = _get(settings, "attack", "epsilon") if own is None else own
    if isinstance(epsilon, float) and abs(epsilon - PUBLISHED_EPSILON) > 1e-9:
        found.append(f"evaluated at epsilon {epsilon * 255:.3g}/255, published 8/255")
    if examples := _get(settings, "evaluation", "num_examples"):
        found.append(f"evaluated on {examples} test images, published on all")
    return found


def _published_alpha(dataset: str, student: str, teacher: str | None, method: str) -> float | None:
    """The IGDM weight printed for a setting (ICLR App. B.2)."""
    keys = {"dataset": dataset, "student": student, "teacher": teacher, "method": method, "igdm": "1"}
    rows = (row for row in _read("hyperparameters.csv") if all(row[key] == value for key, value in keys.items()))
    row = next(rows, None)
    return float(row["igdm_alpha"]) if row else None


def _teacher_title(settings: Mapping[str, Any], dataset: str) -> tuple[str | None, str]:
    """What papers call the run's teacher, and what is uncertain about that: "" for nothing.

    A published checkpoint is known by its name, one that was trained here by its method and network. Anything else is
    taken for the only teacher with its network that was printed for the data set, with a word of doubt.
    """
    source, model = _get(settings, "teacher", "source"), _get(settings, "teacher", "model")
    if source == "published":
        name = _get(settings, "teacher", "published")
        return next((row.title for row in published_teachers() if row.name == name), None), ""
    same = {row.title for row in published_teachers() if row.model == model and _title(row.dataset) == dataset}
    method = METHODS.get(str(_get(settings, "teacher", "method")))
    if source == "train" and method and method.title in same:
        return method.title, ""
    if source in ("train", "checkpoint") and len(same) == 1:
        (title,) = same
        origin = f"trained by {method.title}" if source == "train" and method else "from a file"
        return title, f"teacher {origin}, published {title}"
    return None, ""


def _alpha(settings: Mapping[str, Any]) -> float:
    alpha = _get(settings, "igdm", "alpha")
    return alpha if isinstance(alpha, int | float) else 0


def _title(dataset: Any) -> str:
    return DATASETS[dataset].title if isinstance(dataset, str) and dataset in DATASETS else ""


def _get(settings: Mapping[str, Any], *path: str) -> Any:
    """A nested setting; None where there is none."""
    value: Any = settings
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
