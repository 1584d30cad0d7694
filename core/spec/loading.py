"""From a TOML file, command-line overrides or a form to a RunConfig: every problem at once, with its place.

Used by the command line and the Launch form, so both say the same about the same mistake.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.spec.config import CONFIG_VERSION, RunConfig, Section
from core.spec.consistency import config_warnings, consistency_problems
from core.spec.errors import ConfigError, IgdmError, Problem

__all__ = [
    "PIXEL_FIELDS",
    "apply_overrides",
    "build_config",
    "config_problems",
    "config_warnings",
    "consistency_problems",
    "load_config",
    "parse_value",
    "read_config_text",
    "read_toml",
    "set_value",
    "setting_keys",
]

PIXEL_FIELDS = ("epsilon", "step_size")


def load_config(path: Path, overrides: Iterable[str] = ()) -> RunConfig:
    """Read one run from a TOML file, apply "key.path=value" overrides, check everything.

    path: a file of one run, or "matrix.toml#3" for the third run of a matrix.
    Raises: ConfigError with all problems; IgdmError when the file cannot be read.
    """
    from core.spec.matrix import is_matrix, pick_cell

    name, _, number = str(path).rpartition("#")
    if name and number.isdigit() and not path.exists():
        return build_config(apply_overrides(pick_cell(Path(name), number).settings, overrides), source=str(path))
    settings = read_toml(path)
    if is_matrix(settings):
        pick_cell(path, "")
    text, overrides, sections = path.read_text(encoding="utf-8"), list(overrides), set(settings)
    try:
        return build_config(apply_overrides(settings, overrides), source=str(path), text=text)
    except ConfigError as error:
        changed = tuple(f"{override.partition('=')[0].strip()}." for override in overrides)
        added = {key.partition(".")[0] for key in changed} - sections
        problems = [
            replace(problem, source="--set" if problem.key in added or f"{problem.key}.".startswith(changed) else "")
            for problem in error.problems
        ]
        raise ConfigError(problems, error.source) from None


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises: ConfigError when it is not valid TOML; IgdmError when it cannot be read.
    """
    try:
        return tomllib.loads(read_config_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([Problem(key="", message=f"not valid TOML: {error}")], str(path)) from error


def read_config_text(path: Path) -> str:
    """The text of a configuration file.

    Raises: IgdmError naming the file and the nearest existing name.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        names = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        near = difflib.get_close_matches(path.name, names, n=1)
        hint = (
            f"did you mean {path.parent / near[0]}?"
            if near
            else "give the path of a TOML file, e.g. configs/digits.toml"
        )
        raise IgdmError(f"{path}: no such file ({hint})") from error
    except IsADirectoryError as error:
        raise IgdmError(f"{path}: is a folder (give a TOML file inside it)") from error
    except PermissionError as error:
        raise IgdmError(f"{path}: no permission to read it (change its mode)") from error
    except OSError as error:
        raise IgdmError(f"{path}: cannot be read: {error.strerror or error} (give a TOML file)") from error
    except UnicodeDecodeError as error:
        raise IgdmError(f"{path}: is not text in UTF-8 (give a TOML file)") from error


def build_config(settings: Mapping[str, Any], *, source: str = "settings", text: str = "") -> RunConfig:
    """Check a mapping of settings and freeze it. `text` is the TOML it came from, to name lines.

    Raises: ConfigError with every problem found.
    """
    problems = config_problems(settings, text=text)
    if problems:
        raise ConfigError(problems, source)
    return RunConfig.model_validate(settings)


def config_problems(settings: Mapping[str, Any], *, text: str = "") -> list[Problem]:
    """All that is wrong with a mapping of settings; empty when a run can be made of it."""
    version = settings.get("config_version", CONFIG_VERSION)
    if isinstance(version, int) and version > CONFIG_VERSION:
        message = f"written by a newer igdm-tui: form {version}, this one reads up to {CONFIG_VERSION}"
        return [
            Problem(
                key="config_version",
                message=message,
                advice="upgrade igdm-tui",
                line=_line_of(text, "config_version"),
            )
        ]
    try:
        config = RunConfig.model_validate(settings)
    except ValidationError as error:
        return [_problem(details, text) for details in error.errors(include_url=False)]
    return [
        Problem(key=p.key, message=p.message, advice=p.advice, line=_line_of(text, p.key))
        for p in consistency_problems(config)
    ]


def apply_overrides(settings: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of `settings` with "key.path=value" entries set; values are read as TOML, else as text.

    Raises: ConfigError for an entry without "=" or through a key that is no section.
    """
    result = _deep_copy(settings)
    problems = []
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        if not equals or not key:
            problems.append(
                Problem(key="", message=f"{override!r} has no key=value", advice="write --set igdm.alpha=10")
            )
            continue
        if not set_value(result, key, parse_value(text.strip())):
            problems.append(Problem(key=key, message="goes through a key that is no section"))
    if problems:
        raise ConfigError(problems, "--set")
    return result


def set_value(settings: dict[str, Any], key: str, value: Any) -> bool:
    """Set a dotted key in nested settings; False when it runs through something that is no section."""
    *sections, last = key.split(".")
    for section in sections:
        settings = settings.setdefault(section, {})
        if not isinstance(settings, dict):
            return False
    settings[last] = value
    return True


def parse_value(text: str) -> Any:
    """Read a value as TOML would (30, 0.5, true, [1, 2], "text"); anything else is the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def setting_keys(section: type[Section] = RunConfig, prefix: str = "") -> list[str]:
    """Every key a configuration may have, dotted, in the order of the form."""
    keys = []
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            keys += setting_keys(field.annotation, f"{prefix}{name}.")
        else:
            keys.append(f"{prefix}{name}")
    return keys


def _problem(details: ErrorDetails, text: str) -> Problem:
    """One pydantic finding in our words."""
    key = ".".join(str(part) for part in details["loc"])
    line = _line_of(text, key)
    kind, context = details["type"], details.get("ctx") or {}
    value = details["input"]
    if kind == "extra_forbidden":
        near = _nearest_key(key)
        advice = f"did you mean {near}?" if near else "see `igdm config schema` for all keys"
        return Problem(key=key, message="unknown key", advice=advice, line=line)
    if kind == "literal_error":
        allowed = re.findall(r"'([^']+)'", str(context.get("expected", "")))
        near_value = difflib.get_close_matches(str(value), allowed, n=1)
        advice = f"did you mean {near_value[0]!r}? " if near_value else ""
        return Problem(
            key=key,
            message=f"{value!r} is not known",
            advice=f"{advice}one of: {', '.join(allowed)}",
            line=line,
        )
    if kind == "igdm":
        return Problem(key=key, message=context["message"], advice=context["advice"], line=line)
    if kind in ("model_type", "model_attributes_type"):
        return Problem(
            key=key,
            message=f"{value!r} is not a section",
            advice=f"write [{key}] and its keys below",
            line=line,
        )
    if kind == "string_pattern_mismatch" and key.endswith("device"):
        return Problem(key=key, message=f"{value!r} is not a device", advice="auto, cpu, cuda, cuda:0, ...", line=line)
    message = details["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:].replace("Input should be", "should be")
    message = re.sub(r"^input should be", "should be", message).replace("a valid tuple", "a list, such as [1, 2]")
    advice = ""
    if key.split(".")[-1] in PIXEL_FIELDS and isinstance(value, int | float) and value > 1:
        advice = 'pixel units of images in [0, 1]: write "8/255", not 8'
    return Problem(key=key, message=f"{message}, found {_shown(value)}", advice=advice, line=line)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _nearest_key(key: str) -> str:
    """The valid key most like this one: same section first, then the same last word anywhere."""
    keys = setting_keys()
    last = key.rsplit(".", maxsplit=1)[-1]
    if "." not in key:
        sections = difflib.get_close_matches(
            key, {valid.split(".")[0] for valid in keys if "." in valid}, n=1, cutoff=0.7
        )
        if sections:
            return f"[{sections[0]}]"
    same_word = sorted((valid for valid in keys if valid.split(".")[-1] == last), key=lambda valid: valid.count("."))
    near = same_word or difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
    if not near:
        words = {valid.split(".")[-1]: valid for valid in reversed(keys)}
        near = [words[word] for word in difflib.get_close_matches(last, words, n=1, cutoff=0.6)]
    return near[0] if near else ""


def _line_of(text: str, key: str) -> int | None:
    """1-based line where a dotted key is set in TOML text, or where its section starts."""
    if not text:
        return None
    *sections, last = key.split(".")
    wanted, current, section_line = ".".join(sections), "", None
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*\[([^\]]+)\]", line)
        if header:
            current = header.group(1).replace(" ", "").replace('"', "")
            if current in (wanted, key):
                section_line = number
            continue
        assigned = re.match(r"\s*([\w.\"-]+)\s*=", line)
        if assigned:
            name = assigned.group(1).replace('"', "")
            full = f"{current}.{name}" if current else name
            if full in (key, ".".join([*sections, last])):
                return number
    return section_line


def _deep_copy(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _deep_copy(value) if isinstance(value, Mapping) else value for key, value in settings.items()}
