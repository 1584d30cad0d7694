"""`igdm config`: look at configurations without starting anything."""

from pathlib import Path
from typing import Annotated

import typer

from igdm_tui.cli.session import answer, answer_json, say

app = typer.Typer(help="Check and list configurations.", no_args_is_help=True, rich_markup_mode=None)
PRESETS = Path("configs")


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="A TOML file.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with every setting in JSON.")] = False,
) -> None:
    """Check a configuration: all problems at once, each with its place. Exit code 2 when there are any."""
    from core.spec.identity import settings_hash
    from core.spec.loading import config_warnings, load_config

    config = load_config(file, overrides or ())
    say(*(f"warning: {warning}" for warning in config_warnings(config)))
    if as_json:
        answer_json(config.model_dump(mode="json"))
    else:
        say(f"{file}: fine; {config.title}, settings {settings_hash(config)}")


@app.command()
def schema() -> None:
    """Every setting with its meaning, range and default, as JSON Schema."""
    from core.spec.config import RunConfig

    answer_json(RunConfig.model_json_schema())


@app.command()
def presets(as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False) -> None:
    """Configurations in ./configs, with what each says about itself."""
    from igdm_tui.report.text_table import Column, text_table

    found = {str(path): _first_comment(path) for path in sorted(PRESETS.rglob("*.toml"))}
    if as_json:
        answer_json([{"file": path, "about": about} for path, about in found.items()])
    elif found:
        columns = [Column(title="file", cells=list(found)), Column(title="about", cells=list(found.values()))]
        answer(text_table(columns))
    else:
        say(f"no TOML files in {PRESETS.resolve()} (run this in the project's folder)")


def _first_comment(path: Path) -> str:
    """What a file says about itself: its first comment line."""
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("#"):
            return line.lstrip("#").strip()
    return ""
