"""The form behind the Launch screen, without the screen: fields made from RunConfig, texts in, settings out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from core.spec.catalogue import DATASETS, METHODS, MODELS, SURROGATES, TEACHER_SOURCES, TERMS
from core.spec.config import RunConfig, Section
from core.spec.errors import Problem
from core.spec.identity import flatten
from core.spec.loading import config_problems, parse_value, set_value, setting_keys
from core.spec.toml_text import plain_value

SEEDS_KEY = "runtime.seed"
MOST_SEEDS = 100
NOT_IN_FORM = ("config_version",)
YES, NO = "yes", "no"

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
DEVICES = ("auto", "cpu", "cuda")
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
    "runtime": "Where it runs",
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

    def guide(self, text: str) -> list[tuple[str, str]]:
        """(words, style) line by line for a wide screen: what the field means, and every name it may have."""
        lines = [(self.key, "bold $accent"), (self.about, "")]
        if self.key == SEEDS_KEY:
            lines[1] = (self.help(text), "")
        if self.default and self.default != text:
            lines.append((f"Default: {self.default}", "$text-muted"))
        known = SUMMARIES.get(self.key, {})
        for name in self.choices or self.names:
            summary = f"  {known[name].summary}" if name in known else ""
            here = name == text
            lines += [("", "")] if name == (self.choices or self.names)[0] else []
            lines.append((f"{'›' if here else ' '} {name or '–'}{summary}", "bold" if here else "$text-muted"))
        if self.names:
            lines += [("", ""), ("space: next name; others can be typed", "$text-muted")]
        return lines


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
    if key == "runtime.device":
        names = DEVICES
    else:
        names = () if choices or SUMMARIES.get(key) is not MODELS else tuple(MODELS)
    return FieldSpec(
        key=key,
        label=LABELS.get(key, key.rpartition(".")[2].replace("_", " ")),
        kind=kind,
        choices=("", *choices) if optional and choices else choices,
        names=names,
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
    return {key: _text(key, given.get(key, defaults[key])) for key in setting_keys() if key not in NOT_IN_FORM}


def _text(key: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return YES if value else NO
    value = plain_value(key, value)
    if isinstance(value, list):
        return ", ".join(str(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormReading:
    """What a filled form says.

    settings: nested, without the seed, ready for `build_config`. seeds: one run each. problems: all that is wrong.
    """

    settings: dict[str, Any]
    seeds: tuple[int, ...]
    problems: tuple[Problem, ...]

    def with_seed(self, seed: int) -> dict[str, Any]:
        """The settings of one of the runs."""
        return self.settings | {"runtime": self.settings.get("runtime", {}) | {"seed": seed}}


def read_form(specs: "list[FieldSpec]", texts: Mapping[str, str]) -> FormReading:
    """Texts as settings, checked as `igdm run` would check them."""
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for spec in specs:
        text = texts[spec.key].strip()
        if spec.key == SEEDS_KEY:
            continue
        if not text and spec.kind != "list":
            if not spec.optional:
                problems.append(Problem(key=spec.key, message="is empty", advice=f"the default is {spec.default}"))
            continue
        set_value(settings, spec.key, _value(spec, text))
    seeds, problem = read_seeds(texts[SEEDS_KEY])
    problems += [problem] if problem else []
    found = config_problems(_with_seed(settings, seeds[0] if seeds else 0))
    problems += [p for p in found if p.key not in {known.key for known in problems}]
    return FormReading(settings=settings, seeds=seeds, problems=tuple(problems))


def _with_seed(settings: dict[str, Any], seed: int) -> dict[str, Any]:
    return settings | {"runtime": settings.get("runtime", {}) | {"seed": seed}}


def _value(spec: FieldSpec, text: str) -> Any:
    if spec.choices == (NO, YES):
        return text == YES
    if spec.kind == "list":
        entries = text.strip("[]()").replace(",", " ").split()
        return [parse_value(entry.strip("\"'")) for entry in entries]
    return parse_value(text) if spec.kind == "value" else text


def read_seeds(text: str) -> tuple[tuple[int, ...], Problem | None]:
    """ "0", "0,1,2" or "0-4" as numbers, and what is wrong with it."""

    def wrong(message: str) -> tuple[tuple[int, ...], Problem]:
        return (), Problem(key=SEEDS_KEY, message=message, advice="write 0, or 0,1,2, or 0-4")

    seeds: list[int] = []
    for part in text.replace(",", " ").split():
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            return wrong(f"{part[:20]!r} is no seed")
        start, end = int(first), int(last) if dash else int(first)
        if max(start, end) >= 2**32:
            return wrong("a seed is below 2**32")
        if end < start or end - start >= MOST_SEEDS:
            return wrong(f"{part!r} is no range of at most {MOST_SEEDS}")
        seeds += range(start, end + 1)
    if not seeds:
        return wrong("is empty")
    if len(set(seeds)) != len(seeds):
        return wrong("names a seed twice")
    return tuple(seeds), None


def presets(folder: Path | None = None) -> dict[str, Path]:
    """Configurations to start from by name: configs/*.toml of the current folder, then those beside the program."""
    folders = [folder] if folder else [Path("configs"), Path(__file__).parents[2] / "configs"]
    found: dict[str, Path] = {}
    for place in folders:
        for path in sorted(place.glob("*.toml")) if place.is_dir() else []:
            found.setdefault(path.stem, path)
    return found
