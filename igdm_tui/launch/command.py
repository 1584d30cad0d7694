"""The command that starts a run: written for a configuration, and kept with the run without its secrets."""

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from core.spec.home import Home

EMPTY_CONFIG = Path("/dev/null")  # an empty TOML file: every setting at its default
HIDDEN = "***"
SECRET = re.compile(r"token|key|secret|password|passwd|credential", re.IGNORECASE)
NO_NAME = re.compile(r"[\s{\[?&/]")  # the beginning of a table or an address, not of a setting
NAMED_SECRET = re.compile(
    r"""([\w.-]*(?:token|key|secret|password|passwd|credential)[\w.-]*["']?\s*[=:]\s*)"""
    r"""("[^"]*"|'[^']*'|[^\s,;&}\]]+)""",
    re.IGNORECASE,
)
USER_IN_ADDRESS = re.compile(r"(\w+://)[^/@\s]*@")
FLAGS = {"runtime.seed": "--seed", "runtime.device": "--device", "name": "--name"}


def command_line(
    config: "RunConfig",
    *,
    seeds: Sequence[int] = (),
    axes: Mapping[str, Sequence[Any]] | None = None,
    home: "Home | None" = None,
) -> str:
    """The shell command that makes exactly this configuration: `igdm run ...`, its words quoted.

    With several seeds or values it puts the runs into the queue. It starts from the file in ./configs that needs the
    fewest changes, or from an empty one. seeds: one run for each of these instead of the configuration's own. axes:
    settings with several values, by key, in loops. home: named when it is not what `igdm` would find here by itself.
    """
    from igdm_tui.user_settings import find_home

    axes = axes or {}
    path, changes = min(
        ((path, changes) for path, flat in _bases() if (changes := _changes(flat, _flat(config))) is not None),
        key=lambda found: len(found[1]),
    )
    words = ["igdm", *(("queue", "add") if axes or len(seeds) > 1 else ("run",)), str(path)]
    if len(seeds) > 1:
        changes.pop("runtime.seed", None)
    for key, value in changes.items():
        if key not in axes:
            words += [FLAGS[key], str(value)] if key in FLAGS else ["--set", f"{key}={_value_text(value)}"]
    if len(seeds) > 1:
        words += ["--seeds", ",".join(str(seed) for seed in seeds)]
    if home is not None and home.path != find_home().path:
        words += ["--home", str(home.path)]
    return _in_loops(shlex.join(words), axes)


def _in_loops(command: str, axes: Mapping[str, Sequence[Any]]) -> str:
    """The command for every combination: "for alpha in 0 10; do ... --set igdm.alpha=$alpha; done"."""
    from core.spec.toml_text import plain_value

    loops = []
    for key, values in axes.items():
        variable = key.replace(".", "_")
        texts = [shlex.quote(_value_text(plain_value(key, value))) for value in values]
        loops.append(f"for {variable} in {' '.join(texts)}; do ")
        command += f' --set {key}="${variable}"'
    return "".join(loops) + command + "; done" * len(loops)


def without_secrets(words: Sequence[str]) -> list[str]:
    """Words of a command, the values of anything called token, key, secret or password replaced by "***".

    Also as "--set=a.token=...", inside tables and addresses, and the user and password of an address.
    """
    shown: list[str] = []
    hide_next = False
    for word in words:
        name, equals, rest = word.partition("=")
        if word.startswith("--") and equals and not SECRET.search(name):  # --set=hub.token=...
            inner, again, _ = rest.partition("=")
            name, equals = (f"{name}={inner}", again)
        is_secret = SECRET.search(name) is not None and NO_NAME.search(name) is None
        if hide_next:
            shown.append(HIDDEN)
        elif is_secret and equals:
            shown.append(f"{name}={HIDDEN}")
        else:
            shown.append(NAMED_SECRET.sub(rf"\1{HIDDEN}", USER_IN_ADDRESS.sub(rf"\1{HIDDEN}@", word)))
        hide_next = is_secret and not equals and not hide_next and word.startswith("-")
    return shown


def _bases() -> list[tuple[Path, dict[str, Any]]]:
    """Configurations to start from: files in ./configs that are complete, and the empty one."""
    from core.spec.config import RunConfig

    found = []
    for path in sorted(Path("configs").glob("*.toml")):
        flat = _read_base(path, path.stat().st_mtime_ns)
        if flat is not None:
            found.append((path, flat))
    return [*found, (EMPTY_CONFIG, _flat(RunConfig()))]


@lru_cache(maxsize=64)
def _read_base(path: Path, _changed: int) -> dict[str, Any] | None:
    """The settings of a file, None when it is wrong; read again when the file changes."""
    from core.spec.errors import IgdmError
    from core.spec.loading import load_config

    try:
        return _flat(load_config(path))
    except IgdmError:
        return None


def _flat(config: "RunConfig") -> dict[str, Any]:
    from core.spec.identity import flatten

    return flatten(config.model_dump())


def _changes(base: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Settings to change, as a person writes them; None when one would have to be unset, which no option can."""
    from core.spec.toml_text import plain_value

    changes = {key: value for key, value in wanted.items() if base.get(key) != value}
    if any(value is None for value in changes.values()):
        return None
    return {key: plain_value(key, value) for key, value in changes.items()}


def _value_text(value: Any) -> str:
    """A value that `--set` reads back as itself."""
    from core.spec.loading import parse_value

    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(_value_text(entry) for entry in value)}]" if not _holds_text(value) else _toml(value)
    if isinstance(value, str) and parse_value(value) != value:
        return _toml(value)
    return str(value)


def _holds_text(value: list[Any]) -> bool:
    return any(isinstance(entry, str) for entry in value)


def _toml(value: Any) -> str:
    import tomlkit

    text: str = tomlkit.item(value).as_string()
    return text
