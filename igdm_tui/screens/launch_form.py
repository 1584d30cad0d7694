"""The form behind the Launch screen, without the screen: texts in, settings out."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.spec.errors import Problem
from core.spec.loading import config_problems, parse_value, set_value
from igdm_tui.screens.launch_fields import NO, ONE_VALUE, SEEDS_KEY, YES, FieldSpec
from igdm_tui.widgets.fields import BAR
from igdm_tui.widgets.text import plain

MOST_SEEDS = 100
MOST_RUNS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class FormReading:
    """What a filled form says: one run, or every combination of the fields that hold several values.

    settings: nested, of the first combination, without the seed, ready for `build_config`. axes: the values of each
    field that has several, by key. seeds: one run each. problems: all that is wrong.
    """

    settings: dict[str, Any]
    axes: dict[str, list[Any]]
    seeds: tuple[int, ...]
    problems: tuple[Problem, ...]

    @property
    def count(self) -> int:
        """How many runs it stands for."""
        return math.prod(len(values) for values in self.axes.values()) * len(self.seeds)

    def with_seed(self, seed: int) -> dict[str, Any]:
        """The settings of the first combination with a seed."""
        return _with_seed(self.settings, seed)

    def all_settings(self) -> Iterator[dict[str, Any]]:
        """The settings of every run: combination after combination, each with every seed."""
        for values in itertools.product(*self.axes.values()):
            for seed in self.seeds:
                yield _with_seed(_changed(self.settings, dict(zip(self.axes, values, strict=True))), seed)


def read_form(specs: "Sequence[FieldSpec]", texts: Mapping[str, str]) -> FormReading:
    """Texts as settings, checked as `igdm run` would check them. Values between bars ("0 | 10 | 30") are several."""
    settings: dict[str, Any] = {}
    axes: dict[str, list[Any]] = {}
    problems: list[Problem] = []
    for spec in specs:
        text = texts[spec.key].strip()
        if spec.key == SEEDS_KEY:
            continue
        if not text and spec.kind != "list":
            if not spec.optional:
                problems.append(Problem(key=spec.key, message="is empty", advice=f"the default is {spec.default}"))
            continue
        values = [_value(spec, part.strip()) for part in _parts(spec, text)]
        set_value(settings, spec.key, values[0])
        if len(values) > 1:
            axes[spec.key] = values
            problems += _axis_problems(spec.key, values)
    seeds, problem = read_seeds(texts[SEEDS_KEY])
    problems += [problem] if problem else []
    reading = FormReading(settings=settings, axes=axes, seeds=seeds or (0,), problems=())
    if reading.count > MOST_RUNS:
        advice = f"at most {MOST_RUNS}; start a part of them"
        problems.append(Problem(key=next(iter(axes), SEEDS_KEY), message=f"makes {reading.count} runs", advice=advice))
    known = {known.key for known in problems}
    with_one = {spec.key: texts[spec.key] for spec in specs if spec.kind == "value"}
    problems += [_with_bars(p, with_one.get(p.key, "")) for p in _all_problems(reading) if p.key not in known]
    return replace(reading, seeds=seeds, problems=tuple(problems))


def _parts(spec: FieldSpec, text: str) -> list[str]:
    return text.split(BAR) if spec.key not in ONE_VALUE else [text]


def _with_bars(problem: Problem, text: str) -> Problem:
    """The problem of a field for one value, with commas in its text, says how several are written."""
    values = [part.strip() for part in text.split(",")]
    if BAR in text or len(values) == 1 or not all(values):
        return problem
    return replace(problem, message="holds one value", advice=f"for a run of each: {f' {BAR} '.join(values)}")


def _axis_problems(key: str, values: list[Any]) -> list[Problem]:
    if "" in values:
        return [Problem(key=key, message="has nothing between two bars", advice="write 0 | 10 | 30")]
    if any(value in values[:place] for place, value in enumerate(values)):
        return [Problem(key=key, message="names a value twice", advice="write each once")]
    return []


def _all_problems(reading: FormReading) -> list[Problem]:
    """What is wrong with the first combination, then with each other value beside the first ones, once per field.

    The launch itself checks every combination; here typing must stay quick.
    """
    seed = reading.seeds[0]
    found = config_problems(reading.with_seed(seed))
    for key, values in reading.axes.items():
        for value in values[1:]:
            known = {problem.key for problem in found}
            changed = config_problems(_with_seed(_changed(reading.settings, {key: value}), seed))
            said = [p if p.key == key else replace(p, message=f"{p.message}, with {key} = {value}") for p in changed]
            found += [problem for problem in said if problem.key not in known]
    return found


def _changed(settings: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in settings.items()}
    for key, value in values.items():
        *sections, last = key.split(".")
        place = result
        for name in sections:
            place[name] = dict(place.get(name, {}))
            place = place[name]
        place[last] = value
    return result


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
