"""The pictures of README and docs: `python docs/pictures.py --home HOME` draws docs/pictures/*.svg from its runs.

HOME should hold two or more finished runs; nothing in it is changed but its database, which is only a view. The SVG
files need nothing from elsewhere: no fonts are fetched, and no path of this machine is named in them.
"""

import argparse
import asyncio
import contextlib
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from core.spec.home import Home
from core.spec.run_folder import run_folders

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.pilot import Pilot

    from igdm_tui.app import IgdmApp

SIZE = (120, 36)
FOLDER = Path(__file__).parent / "pictures"
FONTS = "Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"
WAIT_S = 30.0


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description="Draw the pictures of README and docs.")
    parser.add_argument("--home", type=Path, required=True, help="a home with two or more finished runs")
    home = Home.find(parser.parse_args().home)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # A copy without checkpoints, so that the pictures need no writable home.
        shown = Home(Path(folder) / "experiments").ensure()
        for run in run_folders(home):
            shutil.copytree(run.path, shown.runs / run.run_id, ignore=shutil.ignore_patterns("*.pt", "evaluation"))
        shutil.copytree(Path(__file__).parents[1] / "configs", shown.path / "configs")
        with contextlib.chdir(shown.path):  # as a person who works where the runs are: commands need no --home
            pictures = asyncio.run(draw(shown))
        for name, svg in pictures.items():
            (FOLDER / f"{name}.svg").write_text(self_contained(svg, name, (folder, str(home.path))))
            print(FOLDER / f"{name}.svg")


async def draw(home: Home) -> dict[str, str]:
    """Every place of the program, as SVG by name."""
    from igdm_tui.app import IgdmApp

    app, pictures = IgdmApp(home), {}
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(app.rows or ()) == len(run_folders(home)))
        pictures["runs"] = await picture(app, pilot)
        await pilot.press("Z", "g", "j", "enter")  # the first run of the first experiment
        pictures["run"] = await picture(app, pilot)
        await pilot.press("q", "asterisk", "c")
        pictures["compare"] = await picture(app, pilot)
        await pilot.press("E")
        pictures["export"] = await picture(app, pilot)
        await pilot.press("escape", "q", "w")
        pictures["queue"] = await picture(app, pilot)
        await pilot.press("q", "n")
        # To the choice of a method, where the guide beside the form says most.
        rows = app.screen.query("FormRow")
        next(row for row in rows if getattr(row, "key", "") == "method.name").query_one("Choice").focus()
        pictures["launch"] = await picture(app, pilot)
    return pictures


async def picture(app: "IgdmApp", pilot: "Pilot[None]") -> str:
    """The screen as it is when it has come to rest."""
    before = ""
    for _ in range(int(WAIT_S / 0.5)):
        await pilot.pause(0.5)
        svg = app.export_screenshot(title="igdm-tui")
        if comparable(svg) == before:
            return svg
        before = comparable(svg)
    raise SystemExit("the screen never came to rest: are runs still going in this home?")


def comparable(svg: str) -> str:
    """Without the identifier that every export makes anew."""
    return re.sub(r"terminal-\d+", "terminal", svg)


def self_contained(svg: str, name: str, private: "Sequence[str]") -> str:
    """Fonts of the reader's machine instead of fetched ones, the same identifiers every time.

    Raises: SystemExit when the picture would still fetch something, or shows one of the private paths.
    """
    svg = re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg)
    svg = re.sub(r"font-family:[^;]*;", f"font-family: {FONTS};", svg)
    svg = re.sub(r"terminal-\d+", f"terminal-{name}", svg)
    found = [*re.findall(r"url\(\"?https?:[^)]*\)|@import", svg), *(path for path in private if path in svg)]
    if found:
        raise SystemExit(f"{name}: {found[0]} has no place in a picture")
    return svg


async def until(pilot: "Pilot[None]", condition: "Callable[[], bool]") -> None:
    """Wait until something is true."""
    for _ in range(int(WAIT_S / 0.1)):
        if condition():
            return
        await pilot.pause(0.1)
    raise SystemExit("the runs of this home were not read in time")


if __name__ == "__main__":
    main()
