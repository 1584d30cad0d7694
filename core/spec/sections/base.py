"""What every section shares: how strict it is, the names a setting may take, and lists of numbers.

"ICLR" in descriptions is Lee, Cho and Kim, Indirect Gradient Matching for Adversarial Robust Distillation, ICLR 2025.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from core.spec.attack_names import SUITES, check_attack_name, nearest
from core.spec.model_names import check_model_name

DatasetName = Literal["digits", "cifar-10", "cifar-100", "svhn", "tiny-imagenet", "folder"]
NormalisationName = Literal["auto", "cifar-10", "cifar-100", "half", "none"]
MethodName = Literal[
    "standard", "pgd-at", "trades", "mart", "ard", "iad", "iad-2", "akd", "rslad", "adaad", "adaiad",
    "darwin", "darwin-lf",
]  # fmt: skip
TermName = Literal["igdm", "direct-gradient", "trades-like", "trades-reg"]
TeacherSource = Literal["train", "none", "published", "checkpoint", "run"]
PublishedName = Literal["bdm-at", "ikl-at", "ltd", "ltd2"]
SurrogateName = Literal["kl", "l2", "l1"]
CheckpointName = Literal["best", "last"]
PositiveInt = Annotated[int, Field(ge=1)]
Blocks = Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=4, strict=False)]
Milestones = Annotated[tuple[PositiveInt, ...], Field(strict=False)]


def _known(check: Callable[[str], tuple[str, str] | None]) -> AfterValidator:
    """Refuses a name as `check` says: what is wrong and what to write instead."""

    def validate(name: str) -> str:
        wrong = check(name)
        if wrong:
            raise PydanticCustomError("igdm", "{message} ({advice})", {"message": wrong[0], "advice": wrong[1]})
        return name

    return AfterValidator(validate)


ModelName = Annotated[str, _known(check_model_name)]
AttackName = Annotated[str, _known(check_attack_name)]


def suite_attacks(value: Any) -> Any:
    """The attacks of a suite for its name; anything else as it is."""
    if not isinstance(value, str):
        return value
    if value not in SUITES:
        wrong = {"message": f"there is no suite {value!r}", "advice": f"{nearest(value, SUITES)}; or a list of attacks"}
        raise PydanticCustomError("igdm", "{message} ({advice})", wrong)
    return SUITES[value]


class Section(BaseModel):
    """A group of settings: unknown keys are refused, values are never coerced from text, nothing changes later."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
