"""Making a run folder: complete under a hidden name, then renamed, so that nobody ever sees half of one."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.spec.atomic import replace_text, sync_folder
from core.spec.errors import IgdmError
from core.spec.home import Home
from core.spec.leftovers import temporary_folder
from core.spec.run_folder import RunFolder, new_run_id
from igdm_tui.launch.command import without_secrets
from igdm_tui.launch.provenance import provenance
from igdm_tui.numbers import moment

if TYPE_CHECKING:
    from core.spec.config import RunConfig


def create_run(home: Home, config: "RunConfig", command: Sequence[str], *, run_id: str = "") -> RunFolder:
    """The folder of a new run: config.toml, and run.json with all that is known before it starts.

    command: the words that asked for it; secrets among them are not kept, and neither is the environment.
    run_id: an identifier that is free; otherwise one is drawn.
    Raises: IgdmError when its teacher or transfer source is not there or the folder cannot be made; nothing is left
    behind.
    """
    from core.spec.teacher_source import require_teachers
    from core.spec.transfer_file import require_transfer_file

    home.ensure()
    require_teachers(config, home)
    require_transfer_file(config, home)
    run_id = run_id or new_run_id()
    while (home.runs / run_id).exists():
        run_id = new_run_id()
    folder = RunFolder(home.runs / run_id)
    try:
        with temporary_folder(home.runs / f".new-{run_id}") as temporary:
            _fill(RunFolder(temporary), run_id, config, command, home)
            temporary.rename(folder.path)
        sync_folder(home.runs)
    except OSError as error:
        raise IgdmError(
            f"{folder.path}: cannot be made: {error.strerror or error} (make room, or choose another --home)"
        ) from error
    return folder


def _fill(folder: RunFolder, run_id: str, config: "RunConfig", command: Sequence[str], home: Home) -> None:
    from core.spec.identity import settings_hash, teacher_hash
    from core.spec.toml_text import config_to_toml

    card = {
        "id": run_id,
        "name": config.title,
        "created_at": moment(time.time()),
        "settings_hash": settings_hash(config),
        "teacher_hash": None if config.teacher.source == "none" else teacher_hash(config, home),
        "seed": config.runtime.seed,
        "command": without_secrets(command),
        **provenance(),
        "settings": config.model_dump(mode="json"),
    }
    replace_text(folder.config, config_to_toml(config))
    replace_text(folder.run_json, json.dumps(card, indent=2) + "\n")
