"""Where a teacher that is not trained here comes from, and whether it is there: told before torch is imported."""

import difflib
import hashlib
from pathlib import Path
from typing import Any

from core.spec.catalogue import METHODS
from core.spec.config import RunConfig, TeacherSection
from core.spec.errors import IgdmError, Problem
from core.spec.event_file import read_lines
from core.spec.events import BadLineError, RunFailed, RunFinished, RunStarted, RunStopped, decode_record
from core.spec.home import Home
from core.spec.published import find_published, published_names
from core.spec.run_folder import RunFolder, run_folders

# The setting each source cannot do without.
NEEDED = {"published": "published", "checkpoint": "path", "run": "run"}
ARCHITECTURE = ("model", "width", "blocks", "normalisation")
RECIPE = ("method", "seed", "optim")
BEGIN_OR_END = tuple(event.type.encode() for event in (RunStarted, RunFinished, RunFailed, RunStopped))


def teacher_sections(config: RunConfig) -> dict[str, TeacherSection]:
    """The sections that describe a teacher, by name."""
    return {"teacher": config.teacher, "second_teacher": config.second_teacher}


def teacher_problems(config: RunConfig) -> list[Problem]:
    """What is wrong between the settings of a teacher that are each fine alone."""
    problems = []
    dataset = config.data.name
    for section, teacher in teacher_sections(config).items():
        needed = NEEDED.get(teacher.source)
        if needed and getattr(teacher, needed) is None:
            message = f'is not set, and {section}.source is "{teacher.source}"'
            problems.append(Problem(key=f"{section}.{needed}", message=message, advice=_how_to_name(needed, dataset)))
        name = teacher.published if teacher.source == "published" else None
        if name is not None and find_published(name, dataset) is None:
            message, advice = f"there is no published {name} for {dataset}", _how_to_name("published", dataset)
            problems.append(Problem(key=f"{section}.published", message=message, advice=advice))
        if teacher.source == "train" and METHODS[teacher.method].needs_teacher:
            alone = ", ".join(name for name, entry in METHODS.items() if not entry.needs_teacher)
            message = f"{teacher.method} needs a teacher itself"
            problems.append(Problem(key=f"{section}.method", message=message, advice=f"one of: {alone}"))
    return problems


def teacher_warnings(config: RunConfig) -> list[str]:
    """Settings of a teacher that its source does not read."""
    warnings = []
    for section, teacher in teacher_sections(config).items():
        unread = {key for source, key in NEEDED.items() if source != teacher.source}
        if teacher.source in ("published", "run", "none"):
            unread |= set(ARCHITECTURE)
        if teacher.source != "train":
            unread |= set(RECIPE)
        changed = sorted(unread & teacher.model_dump(exclude_defaults=True).keys())
        warnings += [f'{section}.{key} has no effect with source "{teacher.source}"' for key in changed]
    method = METHODS[config.method.name]
    if config.second_teacher.source != "none" and not method.needs_second_teacher:
        warnings.append(f"second_teacher is made for nothing: {method.name} asks one teacher at most")
    return warnings


def require_teachers(config: RunConfig, home: Home) -> None:
    """Look whether networks that are not trained here are where they should be; opens no checkpoint.

    Raises: IgdmError saying what is missing and how to get it.
    """
    for section, teacher in teacher_sections(config).items():
        _require(section, teacher, config.data.name, home)
    if config.evaluation.checkpoint_file is not None:
        path = home.path / Path(config.evaluation.checkpoint_file).expanduser()
        if not path.is_file():
            raise IgdmError(f"evaluation.checkpoint_file: {path}: no such file (relative paths start at the home)")


def _require(section: str, teacher: TeacherSection, dataset: str, home: Home) -> None:
    if teacher.source == "checkpoint":
        path = checkpoint_path(teacher, home)
        if not path.is_file():
            state = "is a folder" if path.is_dir() else "no such file"
            advice = "give a checkpoint file; relative paths start at the home"
            raise IgdmError(f"{section}.path: {path}: {state} ({advice})")
    elif teacher.source == "published":
        published = find_published(teacher.published or "", dataset)
        if published is None:
            raise IgdmError(f"{section}.published: no {teacher.published} for {dataset}")
        if not published.path.is_file():
            command = f"igdm teachers fetch {published.name} --dataset {published.dataset}"
            raise IgdmError(f"{section}.published: {published.name} is not fetched yet (run: {command})")
    elif teacher.source == "run":
        finished_run(teacher.run or "", home)


def checkpoint_path(teacher: TeacherSection, home: Home) -> Path:
    """The checkpoint file that is meant."""
    return home.path / Path(teacher.path or "").expanduser()


def finished_run(run_id: str, home: Home) -> RunFolder:
    """The folder of a finished run.

    Raises: IgdmError when there is none with this identifier, with the nearest one, or when it is not finished.
    """
    known = {folder.run_id: folder for folder in run_folders(home)}
    folder = known.get(run_id)
    if folder is None:
        near = difflib.get_close_matches(run_id, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "`igdm ls` lists them"
        raise IgdmError(f"teacher.run: no run {run_id!r} in {home.path} ({hint})")
    if not _is_finished(folder):
        raise IgdmError(f"teacher.run: {run_id} has not finished (wait for it, or `igdm resume {run_id}`)")
    return folder


def identify_source(config: RunConfig, home: Home | None) -> dict[str, Any]:
    """What makes a teacher that is not trained here this one: for a file its content, whatever its name.

    Raises: IgdmError when the file cannot be read.
    """
    teacher = config.teacher
    identity: dict[str, Any] = {"source": teacher.source, "epsilon": teacher.attack.epsilon}
    if teacher.source == "checkpoint":
        path = checkpoint_path(teacher, home or Home.find())
        architecture = teacher.model_dump(mode="json", include=set(ARCHITECTURE))
        return identity | architecture | {"sha256": sha256_of(path)}
    return identity | {"name": teacher.published if teacher.source == "published" else teacher.run}


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file.

    Raises: IgdmError naming the file when it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IgdmError(f"{path}: cannot be read: {error.strerror or error} (give a checkpoint file)") from error


def _is_finished(folder: RunFolder) -> bool:
    """True when the last of its events that begin or end a run ends it well."""
    for line in reversed(read_lines(folder.events)[0]):
        if any(name in line for name in BEGIN_OR_END):
            try:
                event = decode_record(line).event
            except BadLineError:
                continue  # damaged lines are counted and shown by the store
            if event.type.encode() in BEGIN_OR_END:
                return isinstance(event, RunFinished)
    return False


def _how_to_name(needed: str, dataset: str) -> str:
    if needed == "published":
        names = published_names(dataset)
        listed = f"one of: {', '.join(names)}" if names else f"none is published for {dataset}"
        return f'{listed}; or source "checkpoint" with a file'
    return {"path": "give a checkpoint file", "run": "give the identifier of a finished run"}[needed]
