"""What screens keep over restarts, in the user's config folder: one small JSON file per name, written by rename.

A file that cannot be read is as good as none: what was wrong is told once, and the next `save` replaces it.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.spec.atomic import replace_text
from core.spec.leftovers import sweep
from core.spec.plain_files import make_private

LARGEST_FILE = 1 << 20  # bytes; nobody's preferences are longer


def folder() -> Path:
    """Where they lie: $XDG_CONFIG_HOME/igdm-tui on Linux. Not made before something is kept."""
    import platformdirs

    return platformdirs.user_config_path("igdm-tui", appauthor=False)


def path_of(name: str) -> Path:
    """The file of a name."""
    return folder() / f"{name}.json"


def load(name: str, *, tell: Callable[[str], object]) -> dict[str, Any]:
    """What was kept under a name; {} when nothing was. Values may be of any kind: check what you take out.

    tell: called with one sentence when the file cannot be read, for a toast.
    """
    path = path_of(name)
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_FILE + 1)
        if len(text) > LARGEST_FILE:
            raise ValueError("it is too long")
        values = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("it holds no settings")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        tell(f"{path}: cannot be read: {error} (defaults are used; the next change replaces the file)")
        return {}
    return values


def save(name: str, values: Mapping[str, Any], *, tell: Callable[[str], object]) -> None:
    """Keep values under a name.

    tell: called with one sentence when they cannot be written; nothing is lost but the comfort.
    """
    path = path_of(name)
    try:
        make_private(path.parent)
        sweep(path.parent)
        replace_text(path, json.dumps(values, indent=2) + "\n")
    except OSError as error:
        tell(f"{path}: cannot be written: {error.strerror or error} (settings of screens are not kept)")
