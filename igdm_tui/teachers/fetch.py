"""Fetching a published checkpoint: download or a file by hand, size, strict load, clean accuracy, then the cache."""

import difflib
import importlib
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.atomic import replace_file
from core.spec.errors import IgdmError, RunFailedError, TryAgainError
from core.spec.plain_files import make_private
from core.spec.published import CLEAN_TOLERANCE, PublishedTeacher, find_published, published_teachers
from igdm_tui.teachers.process import check_checkpoint

if TYPE_CHECKING:
    from core.spec.home import Home

INSTALL = 'pip install "igdm-tui[teachers]"'
MANY_DEVIATIONS = 4  # a sample this far off is not chance
LARGEST_SHARE = 4  # no checkpoint of a network is larger than this many times its weights


def find_teacher(name: str, dataset: str) -> PublishedTeacher:
    """The published checkpoint that is meant; "cifar10" is understood as "cifar-10".

    Raises: IgdmError with the nearest name, or the data sets it exists for.
    """
    rows = [row for row in published_teachers() if row.name]
    names = sorted({row.name for row in rows})
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise IgdmError(f"no published teacher {name!r} ({hint}one of: {', '.join(names)})")
    sets = [row.dataset for row in rows if row.name == name]
    wanted = next((known for known in sets if known.replace("-", "") == dataset.replace("-", "").lower()), dataset)
    if not dataset and len(sets) == 1:
        wanted = sets[0]
    found = find_published(name, wanted)
    if found is None:
        wrong = f"no {name} for {dataset!r}" if dataset else f"{name} exists for several data sets"
        raise IgdmError(f"{wrong} (give --dataset: {' or '.join(sets)})")
    return found


def fetch(teacher: PublishedTeacher, home: "Home", *, file: Path | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Bring a checkpoint into the cache, checked; what the check found.

    file: one that was downloaded by hand. A file that is in the cache already is checked again.
    Raises: TryAgainError when it cannot be downloaded, with the way by hand; RunFailedError or IgdmError when the file
    is not the checkpoint. The cache then stays as it was.
    """
    target = teacher.path
    part = target.with_name(f".{target.name}.part")
    source = file or (target if target.is_file() else part)
    try:
        make_private(target.parent)
        if source is part:
            say(f"downloading {teacher.title} for {teacher.dataset}, {_megabytes(teacher.least_bytes)} or more")
            _download(teacher, part)
        _check_size(source, teacher)
        say("loading it into the network, strictly")
        found, said = check_checkpoint(source, teacher.model, teacher.dataset, home)
        for line in said:
            say(line)
        _check_accuracy(found, teacher, source)
        if source is not target:
            _keep(source, target)
    except OSError as error:
        raise IgdmError(
            f"{error.filename or target}: {error.strerror or error} (make room, or correct the path)"
        ) from error
    finally:
        part.unlink(missing_ok=True)
    return found


def _download(teacher: PublishedTeacher, part: Path) -> None:
    try:
        gdown = importlib.import_module("gdown")
    except ImportError as error:
        raise IgdmError(f"downloading needs gdown ({INSTALL}; or {teacher.manual_way})") from error
    try:
        saved = gdown.download(id=teacher.drive_id, output=str(part), quiet=True)
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise TryAgainError(
            f"{teacher.name}: cannot be downloaded: {reason[0] if reason else type(error).__name__}"
            f" (try again later; or {teacher.manual_way})"
        ) from error
    if not saved or not part.is_file():
        raise TryAgainError(f"{teacher.name}: nothing was downloaded (try again later; or {teacher.manual_way})")


def _check_size(path: Path, teacher: PublishedTeacher) -> None:
    size = path.stat().st_size
    if not teacher.least_bytes <= size <= LARGEST_SHARE * teacher.least_bytes:
        raise RunFailedError(
            f"{path}: {size:,} bytes, but the weights alone are {teacher.least_bytes:,}: a page that refused the"
            f" download, or another file ({teacher.manual_way})"
        )


def _check_accuracy(found: dict[str, Any], teacher: PublishedTeacher, path: Path) -> None:
    """Fail when the clean accuracy is further from the published one than rounding and chance explain."""
    measured, examples = found["clean_accuracy"], found["examples"]
    if measured is None or teacher.clean is None:
        return
    chance = math.sqrt(teacher.clean * (1 - teacher.clean) / examples)
    all_images = examples >= 10_000
    tolerance = CLEAN_TOLERANCE if all_images else CLEAN_TOLERANCE + MANY_DEVIATIONS * chance
    if abs(measured - teacher.clean) > tolerance:
        raise RunFailedError(
            f"{path}: clean accuracy {measured:.2%} on {examples} images, published {teacher.clean:.2%}:"
            f" these are not the published weights ({teacher.manual_way})"
        )


def _keep(source: Path, target: Path) -> None:
    """Put a checked file into the cache, by rename."""
    with source.open("rb") as file:
        replace_file(target, lambda kept: shutil.copyfileobj(file, kept))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
