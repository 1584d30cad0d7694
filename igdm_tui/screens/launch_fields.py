"""The fields of the Launch form, made from RunConfig: which there are, which people usually change, what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from core.spec.catalogue import DATASETS, METHODS, MODELS, SURROGATES, TEACHER_SOURCES, TERMS
from core.spec.config import RunConfig, Section
from core.spec.identity import flatten
from core.spec.loading import setting_keys
from core.spec.toml_text import plain_value
from igdm_tui.widgets.text import plain

SEEDS_KEY = "runtime.seed"
ONE_VALUE = ("name", "runtime.device")
NOT_IN_FORM = ("config_version",)
YES, NO = "yes", "no"
DIM = "$foreground 60%"

# The settings that most runs change, in the order in which one thinks of them; all others come with "all settings".
# Those that mean nothing beside the other choices of a form are left out of it: see `matters`.
USUAL = (
    "name", SEEDS_KEY, "runtime.device",
    "data.name", "data.folder", "data.image_size", "data.channels", "data.root", "data.download",
    "teacher.source", "teacher.published", "teacher.path", "teacher.run",
    "teacher.model", "teacher.width", "teacher.blocks", "teacher.attack.epsilon", "teacher.optim.num_epochs",
    "second_teacher.source",
    "student.model", "student.width", "student.blocks",
    "method.name",
    "igdm.alpha", "igdm.beta", "igdm.gamma", "igdm.surrogate",
    "attack.epsilon", "attack.step_size", "attack.num_steps",
    "optim.num_epochs", "optim.batch_size", "optim.learning_rate", "optim.milestones",
    "evaluation.attacks", "evaluation.num_examples",
)  # fmt: skip
# What a teacher needs to be told, by its source.
TEACHER_OPTIONS = {
    "train": ("model", "width", "blocks", "attack.epsilon", "optim.num_epochs"),
    "none": (),
    "published": ("published",),
    "checkpoint": ("path", "model", "width", "blocks"),
    "run": ("run",),
}
# What a text may well be; other names are possible too.
KNOWN_NAMES = {"model": tuple(MODELS), "device": ("auto", "cpu", "cuda")}
HEADINGS = {
    "": "Run",
    "data": "Data",
    "teacher": "Teacher",
    "teacher.attack": "Teacher's training attack",
    "teacher.optim": "Teacher's optimiser",
    "second_teacher": "Second teacher",
    "second_teacher.attack": "Second teacher's training attack",
    "second_teacher.optim": "Second teacher's optimiser",
    "student": "Student",
    "method": "Method",
    "igdm": "IGDM term",
    "attack": "Training attack",
    "optim": "Training",
    "evaluation": "Evaluation",
    "speed": "Speed",
    "runtime": "Where it runs",
    "slurm": "On a cluster (Slurm)",
}
TEACHER_KEYS = ("teacher.attack.epsilon", "teacher.optim.num_epochs")
LABELS = {
    SEEDS_KEY: "seeds",
    "data.name": "data set",
    "method.name": "method",
    "optim.num_epochs": "epochs",
    "teacher.optim.num_epochs": "epochs",
    "teacher.attack.epsilon": "attack epsilon",
    "attack.num_steps": "steps",
    "evaluation.num_examples": "test images",
}
SUMMARIES: dict[str, Mapping[str, Any]] = {
    "data.name": DATASETS,
    "method.name": METHODS,
    "teacher.source": TEACHER_SOURCES,
    "teacher.model": MODELS,
    "teacher.method": METHODS,
    "second_teacher.source": TEACHER_SOURCES,
    "second_teacher.model": MODELS,
    "second_teacher.method": METHODS,
    "student.model": MODELS,
    "igdm.term": TERMS,
    "igdm.surrogate": SURROGATES,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One line of the form.

    key: dotted. kind: "choice" (one of `choices`), "text", "list" (separated by commas) or "value" (as TOML reads it).
    names: what a text may well be, others are allowed. optional: an empty text means unset. about: the setting's own
    documentation. default: its text.
    """

    key: str
    label: str
    kind: Literal["choice", "text", "list", "value"]
    choices: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    optional: bool = False
    about: str = ""
    default: str = ""

    @property
    def section(self) -> str:
        """The heading under which it stands: name and seeds belong to the run as a whole."""
        if self.key in (SEEDS_KEY, "runtime.device"):
            return ""
        return "teacher" if self.key in TEACHER_KEYS else self.key.rpartition(".")[0]

    def is_usual(self, texts: Mapping[str, str]) -> bool:
        """Shown without "all settings" in a form filled like this."""
        return self.key in USUAL and matters(self.key, texts)

    def help(self, text: str) -> str:
        """What the field means, and what the chosen name stands for."""
        if self.key == SEEDS_KEY:
            return "One run per seed: 0, or 0,1,2, or 0-4. Runs that differ only in the seed are one experiment."
        entry = SUMMARIES.get(self.key, {}).get(text)
        about = f"{entry.title}: {entry.summary}." if entry else self.about
        return f"{about} Space: next name." if self.names else about

    def guide(self, text: str, width: int, height: int) -> list[tuple[str, str]]:
        """(words, style) line by line for a wide screen: what the field means, and every name it may have.

        Where there is no room to say what all names stand for, it says so of the chosen one.
        """
        about = self.help(text) if self.key == SEEDS_KEY else self.about
        lines = [(self.key, "bold $accent"), *((line, "") for line in wrap(about, width))]
        if self.default and self.default != text:
            lines.append((f"Default: {self.default}", DIM))
        if self.kind == "value" and self.key not in ONE_VALUE:
            lines.append(("A run for each of several values: 0 | 10 | 30", DIM))
        names = self.choices or self.names
        after = [("", ""), ("space: next name; others can be typed", DIM)] if self.names else []
        full = [line for name in names for line in self._name_lines(name, text, width, told=True)]
        if len(lines) + 1 + len(full) + len(after) > height:
            full = [line for name in names for line in self._name_lines(name, text, width, told=name == text)]
        return [*lines, *([("", ""), *full] if names else []), *after]

    def _name_lines(self, name: str, text: str, width: int, *, told: bool) -> list[tuple[str, str]]:
        known = SUMMARIES.get(self.key, {})
        words = f"{name or '–'}  {known[name].summary}" if told and name in known else name or "–"
        first, *rest = wrap(words, max(width - 4, 8))
        mark, style = ("›", "bold") if name == text else (" ", DIM)
        return [(f"{mark} {first}", style), *((f"    {line}", style) for line in rest)]


def matters(key: str, texts: Mapping[str, str]) -> bool:
    """Whether a usual setting means anything beside the others: the width of a network that has one, for example."""
    section, _, option = key.partition(".")
    if section == "data" and option != "name":
        dataset = DATASETS.get(texts["data.name"])
        has_files = dataset is not None and (dataset.files or dataset.name == "folder")
        return dataset is not None and (option in dataset.options or (option == "root" and bool(has_files)))
    if section == "second_teacher":
        method = METHODS.get(texts["method.name"])
        return method is not None and method.needs_second_teacher
    if section == "teacher" and option not in ("source", *TEACHER_OPTIONS.get(texts["teacher.source"], ())):
        return False
    if option in ("width", "blocks"):
        model = MODELS.get(texts[f"{section}.model"])
        return model is not None and option in model.options
    if key == "optim.milestones":
        return texts["optim.schedule"] == "multistep"
    return True


def field_specs() -> list[FieldSpec]:
    """All fields, section by section in the order of HEADINGS; the usual ones of a section first."""
    defaults = texts_of({})
    specs = [_field_spec(key, defaults) for key in setting_keys() if key not in NOT_IN_FORM]
    headings = list(HEADINGS)
    place = {key: number for number, key in enumerate(USUAL)}
    return sorted(specs, key=lambda spec: (_place(headings, spec.section), place.get(spec.key, len(USUAL))))


def _place(headings: list[str], section: str) -> int:
    """Where a section stands; one that has no heading yet comes last, under its own name."""
    return headings.index(section) if section in headings else len(headings)


def _field_spec(key: str, defaults: Mapping[str, str]) -> FieldSpec:
    field = _field_info(key)
    optional = type(None) in get_args(field.annotation)
    kind, choices = _kind(field)
    return FieldSpec(
        key=key,
        label=LABELS.get(key, key.rpartition(".")[2].replace("_", " ")),
        kind=kind,
        choices=("", *choices) if optional and choices else choices,
        names=KNOWN_NAMES.get(key.rpartition(".")[2], ()),
        optional=optional,
        about=" ".join((field.description or "").split()),
        default=defaults[key],
    )


def _field_info(key: str) -> FieldInfo:
    section: type[Section] = RunConfig
    *sections, last = key.split(".")
    for name in sections:
        annotation = section.model_fields[name].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, Section)
        section = annotation
    return section.model_fields[last]


def _kind(field: FieldInfo) -> tuple[Literal["choice", "text", "list", "value"], tuple[str, ...]]:
    annotation = field.annotation
    given = [part for part in get_args(annotation) if part is not type(None)]
    if len(given) == 1 and get_origin(given[0]) is Literal:
        annotation = given[0]
    if get_origin(annotation) is Literal:
        return "choice", tuple(get_args(annotation))
    if annotation is bool:
        return "choice", (NO, YES)
    if get_origin(annotation) is tuple:
        return "list", ()
    if annotation is str or set(get_args(annotation)) == {str, type(None)}:
        return "text", ()
    return "value", ()


def texts_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """Nested settings as the text of every field; what is not set has its default.

    Settings need not be valid: what is wrong stands in its field, to be corrected there.
    """
    given = flatten(dict(settings))
    defaults = flatten(RunConfig().model_dump())
    keys = [key for key in setting_keys() if key not in NOT_IN_FORM]
    return {key: plain(_text(key, given.get(key, defaults[key]))) for key in keys}


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    value = plain_value(key, value)
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)
