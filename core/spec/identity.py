"""Which runs are the same experiment: the hash of all settings that change numbers, except the seed."""

import hashlib
import json
from pathlib import Path
from typing import Any

from core.spec.config import RunConfig
from core.spec.home import Home
from core.spec.run_folder import ID_ALPHABET, ID_LENGTH
from core.spec.teacher_source import identify_source, sha256_of

# Settings that say where and how often, not what: they never change a number beyond rounding.
WHERE_DATA_ARE = {"root", "download"}
NOT_HASHED: Any = {
    "name": True,
    "runtime": True,
    "slurm": True,
    "speed": {"cuda_graphs"},
    "evaluation": {"batch_size", "validation_every", "gradient_every", "linearity_every"},
    "data": WHERE_DATA_ARE,
}
HASH_LENGTH = 12


def settings_hash(config: RunConfig) -> str:
    """Twelve hexadecimal digits, equal for runs that differ only in seed, name, device or logging.

    Settings at their default are left out, so that a field added later does not change the hash of old runs;
    a changed default must raise `config_version`, which is part of the hash.
    """
    return _digest(
        config.model_dump(mode="json", exclude=NOT_HASHED, exclude_defaults=True) | {"v": config.config_version}
    )


def teacher_hash(config: RunConfig, home: Home | None = None) -> str:
    """Twelve hexadecimal digits naming the teacher: its recipe, or what it is loaded from, and the data.

    home: where a relative path of a checkpoint starts; None: the home that is found.
    Raises: IgdmError when the teacher is a checkpoint file that cannot be read.
    """
    recipe = config.model_dump(
        mode="json", include={"teacher": True, "data": True}, exclude={"data": WHERE_DATA_ARE}, exclude_defaults=True
    )
    if config.teacher.source != "train":
        recipe["teacher"] = identify_source(config, home)
    return _digest(recipe | {"v": config.config_version, "kind": "teacher"})


def content_id(path: Path, config: RunConfig) -> str:
    """The identifier of a run that measures a file: the same for the same content and the same settings.

    Raises: IgdmError when the file cannot be read.
    """
    settings = config.model_dump(
        mode="json", exclude={"name": True, "runtime": True, "evaluation": {"checkpoint_file"}}
    )
    text = json.dumps([sha256_of(path), settings], sort_keys=True)
    number = int(hashlib.sha256(text.encode()).hexdigest(), 16)
    letters = []
    for _ in range(ID_LENGTH):
        number, letter = divmod(number, len(ID_ALPHABET))
        letters.append(ID_ALPHABET[letter])
    return "".join(letters)


def _digest(settings: dict[str, Any]) -> str:
    filled = {key: value for key, value in settings.items() if value != {}}
    text = json.dumps(filled, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def flatten(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as {"attack.epsilon": 0.03, ...}, in the order of the sections."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        path = f"{prefix}{key}"
        if isinstance(value, dict):
            flat |= flatten(value, f"{path}.")
        else:
            flat[path] = value
    return flat
