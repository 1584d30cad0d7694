"""`igdm config`: look at configurations without starting anything."""

from pathlib import Path
from typing import Annotated

import typer

from igdm_tui.cli.session import answer, answer_json, say

app = typer.Typer(help="Check and list configurations.", no_args_is_help=True, rich_markup_mode=None)
PRESETS = Path("configs")


@app.command()
def validate(
    file: Annotated[Path, typer.Argument(help="A TOML file of a run, of a matrix, or one run of a matrix: FILE#3.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer with every setting in JSON.")] = False,
) -> None:
    """Check a configuration: all problems at once, each with its place. Exit code 2 when there are any."""
    from core.spec.identity import settings_hash
    from core.spec.loading import config_warnings, load_config, read_toml
    from core.spec.matrix import is_matrix

    if file.is_file() and is_matrix(read_toml(file)):
        _answer_matrix(file, as_json=as_json)
        return
    config = load_config(file, overrides or ())
    say(*(f"warning: {warning}" for warning in config_warnings(config)))
    if as_json:
        answer_json(config.model_dump(mode="json"))
    else:
        say(f"{file}: fine; {config.title}, settings {settings_hash(config)}")


def _answer_matrix(file: Path, *, as_json: bool) -> None:
    """List the runs of a matrix, each with the name to call it by."""
    from core.spec.identity import settings_hash
    from core.spec.matrix import load_matrix
    from igdm_tui.report.text_table import Column, text_table

    runs = load_matrix(file)
    names = [f"{file}#{number}" for number in range(1, len(runs) + 1)]
    hashes = [settings_hash(run.config) for run in runs]
    labels = [run.label for run in runs]
    if as_json:
        cells = zip(names, labels, hashes, strict=True)
        answer_json([{"run": name, "label": label, "settings_hash": key} for name, label, key in cells])
    else:
        columns = {"run": names, "label": labels, "settings": hashes}
        answer(text_table([Column(title=title, cells=cells) for title, cells in columns.items()]))
        say(f"{file}: fine; {len(runs)} runs")


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
