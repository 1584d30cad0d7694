"""`igdm clone`: a new run with the settings of another one, changed."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from igdm_tui.cli.session import Session, say
from igdm_tui.cli.start import AsJson, Detach, run_configs, wanted_seeds

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from igdm_tui.store import RunRow


def clone(
    context: typer.Context,
    *,
    run: Annotated[str, typer.Argument(help="An id, the start of one, a name, or latest.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same as --set runtime.seed=N.")] = None,
    seeds: Annotated[str, typer.Option(metavar="3,4", help="One run after another, one for each seed.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0.")] = "",
    name: Annotated[str, typer.Option(help="A name to call the new run by.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would differ.")] = False,
    detach: Detach = False,
    as_json: AsJson = False,
) -> None:
    """Start a run like another one, changed.

    What differs is shown first. Ctrl-C stops it after a checkpoint.
    """
    from igdm_tui.launch.cloning import clone_config

    session = Session.of(context)
    row = session.find(run)
    changes = list(overrides or ())
    changes += [f"runtime.device={json.dumps(device)}"] if device else []
    changes += [f"name={json.dumps(name, ensure_ascii=False)}"] if name.strip() else []
    configs = [clone_config(row, changes, seed=each) for each in wanted_seeds(seed, seeds)]
    for config in configs:
        _say_differences(row, config)
    if not dry_run:
        run_configs(session, configs, detach=detach, as_json=as_json)


def _say_differences(row: "RunRow", config: "RunConfig") -> None:
    """What the new run does differently, a line per setting."""
    from core.spec.identity import settings_hash
    from igdm_tui.launch.cloning import differences

    found = differences(row.settings, config.model_dump(mode="json"))
    if not found:
        say(f"{row.id} again, nothing changed: with the same seed a CPU gives the same numbers")
        return
    same = settings_hash(config) == row.settings_hash
    say(f"{row.id} with other settings:" if not same else f"{row.id}, the same experiment:")
    width = max(len(key) for key in found)
    say(*(f"  {key:<{width}}  {_shown(before)} -> {_shown(after)}" for key, (before, after) in found.items()))


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)
