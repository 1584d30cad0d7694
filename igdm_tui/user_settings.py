"""What a person has said once for all: config.toml in the user's config folder. The program reads it, never writes it.

home = "~/experiments"          # used without --home and IGDM_HOME; else the current folder
theme = "igdm-light"            # or igdm-dark, or any theme that ctrl+p lists
notify = "osc9"                 # when a run ends: "bell", "osc9" (a message of the desktop) or "none"
on_run_end = ["notify-send", "A run has ended"]     # a program and its arguments; no shell
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.spec.errors import IgdmError
from core.spec.home import HOME_VARIABLE, Home

NOTIFY = ("bell", "osc9", "none")
TEMPLATE = """\
# igdm-tui: what holds whenever you use it. Remove the # of a line to change it; docs/settings.md says more.

# home = "~/experiments"      # used without --home and IGDM_HOME; else the current folder
# theme = "igdm-dark"         # or igdm-light, or any theme that ctrl+p lists
# notify = "bell"             # when a run ends: "bell", "osc9" (a message of the desktop) or "none"
# on_run_end = ["notify-send", "A run has ended"]    # a program and its arguments, no shell; IGDM_RUN_NAME and others
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """What config.toml may say.

    home: the default home; None: the current folder. theme: its name; "" as last chosen. notify: one of NOTIFY.
    on_run_end: program and arguments that are started when a run ends; empty: none.
    """

    home: Path | None = None
    theme: str = ""
    notify: str = "bell"
    on_run_end: tuple[str, ...] = ()


def settings_path() -> Path:
    """Where the file may be: $XDG_CONFIG_HOME/igdm-tui/config.toml on Linux."""
    from igdm_tui import preferences

    return preferences.folder() / "config.toml"


def read_user_settings() -> UserSettings:
    """What the file says, defaults for the rest.

    Raises: IgdmError naming file, key and line.
    """
    path = settings_path()
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return UserSettings()
    except (OSError, ValueError) as error:
        raise IgdmError(f"{path}: cannot be read: {error}") from error
    import tomllib

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise IgdmError(f"{path}: this is no TOML: {error}") from error
    values: dict[str, Any] = {}
    for key, value in content.items():
        try:
            if key not in READERS:
                raise ValueError(_unknown(key))
            values[key] = READERS[key](value)
        except ValueError as error:
            raise IgdmError(f"{path}, line {_line_of(key, text)}: {key}: {error}") from error
    return UserSettings(**values)


def find_home(given: Path | None = None) -> Home:
    """The home to use: the given folder, else $IGDM_HOME, else config.toml's, else the current folder.

    Raises: IgdmError when config.toml is asked and wrong.
    """
    if given or os.environ.get(HOME_VARIABLE):
        return Home.find(given)
    return Home.find(read_user_settings().home)


def _home(value: Any) -> Path:
    path = Path(_text(value)).expanduser()
    if not path.is_absolute():
        raise ValueError(f"{value!r} should begin with / or ~")
    return path


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"{value!r} should be a text")
    return value


def _notify(value: Any) -> str:
    if value not in NOTIFY:
        raise ValueError(f"{value!r} should be one of {', '.join(NOTIFY)}")
    return str(value)


def _command(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) and "\0" not in word for word in value):
        raise ValueError(f'{value!r} should be a list of texts: ["program", "argument"]; no shell reads it')
    if value and not value[0].strip():
        raise ValueError("the first text should name a program")
    return tuple(value)


READERS = {"home": _home, "theme": _text, "notify": _notify, "on_run_end": _command}


def _unknown(key: str) -> str:
    import difflib

    near = difflib.get_close_matches(key, READERS, 1)
    return f"is not known{f'; {near[0]}?' if near else ''} (known: {', '.join(READERS)})"


def _line_of(key: str, text: str) -> int:
    """The line where a key is set, 1 when it is written in a way that is not seen."""
    pattern = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)
