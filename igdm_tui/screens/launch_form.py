"""The form behind the Launch screen, without the screen: texts in, settings out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.errors import Problem
from core.spec.loading import config_problems, parse_value, set_value
from igdm_tui.screens.launch_fields import NO, SEEDS_KEY, YES, FieldSpec
from igdm_tui.widgets.text import plain

MOST_SEEDS = 100


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


def problem_text(reading: FormReading, here: str) -> str:
    """The problem of the field with the key `here`, or the first one; how many there are."""
    own = next((problem for problem in reading.problems if problem.key == here), None)
    problem = own or reading.problems[0]
    advice = f" ({problem.advice})" if problem.advice else ""
    text = f"{problem.message}{advice}" if own else f"{problem.key}: {problem.message}{advice}"
    return plain(text if len(reading.problems) == 1 else f"{len(reading.problems)} problems; {text}")


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
