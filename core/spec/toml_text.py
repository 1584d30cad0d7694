"""A RunConfig as TOML text: what `config.toml` in a run folder holds and what Launch can save."""

from typing import Any

import tomlkit
from pydantic import BaseModel

from core.spec.config import RunConfig
from core.spec.loading import PIXEL_FIELDS
from core.spec.rational import rational_text


def config_to_toml(config: RunConfig) -> str:
    """Every setting with its value, pixel units as "8/255"; unset optional settings are left out."""
    document = tomlkit.document()
    tables = []
    for key, value in config:
        if isinstance(value, BaseModel):
            tables.append((key, value))
        elif value is not None:
            document.add(key, value)
    for key, section in tables:
        document.add(tomlkit.nl())
        document.add(key, _table(section))
    return tomlkit.dumps(document)


def _table(section: BaseModel) -> Any:
    table = tomlkit.table()
    nested = []
    for key, value in section:
        if isinstance(value, BaseModel):
            nested.append((key, value))
        elif value is not None:
            table.add(key, plain_value(key, value))
    for key, value in nested:
        table.add(key, _table(value))
    return table


def plain_value(key: str, value: Any) -> Any:
    """A setting as a person writes it: pixel units as n/255 text where that is exact, tuples as lists."""
    if key.rsplit(".", maxsplit=1)[-1] in PIXEL_FIELDS and isinstance(value, float):
        text = rational_text(value)
        return text if "/" in text else value
    return list(value) if isinstance(value, tuple) else value
