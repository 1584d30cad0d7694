"""The checkpoint file of the network on which transfer examples are made: where it is, and whether it is there."""

from pathlib import Path

from core.spec.attack_names import attack_entry
from core.spec.config import RunConfig
from core.spec.errors import IgdmError
from core.spec.home import Home


def transfer_file(config: RunConfig, home: Home) -> Path | None:
    """The file that `evaluation.transfer_source` names; None where none is named."""
    source = config.evaluation.transfer_source
    return None if source is None else home.path / Path(source).expanduser()


def require_transfer_file(config: RunConfig, home: Home) -> None:
    """Look whether the file is there when an attack needs it; it is not opened.

    Raises: IgdmError saying what is missing and what to do.
    """
    needing = [name for name in config.evaluation.attacks if attack_entry(name).needs_source]
    path = transfer_file(config, home)
    if needing and path is not None and not path.is_file():
        state = "is a folder" if path.is_dir() else "no such file"
        raise IgdmError(
            f"evaluation.transfer_source: {path}: {state}"
            f" ({needing[0]} makes its images on that network: give a checkpoint file, relative to the home, or leave"
            f" {needing[0]} out)"
        )
