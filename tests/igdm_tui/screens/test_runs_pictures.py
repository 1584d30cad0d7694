"""Pictures of the Runs screen, compared with those kept beside this file: `pytest --snapshot-update` draws them anew.

Clocks stand still and no cursor blinks.
"""

from types import SimpleNamespace

import pytest
from textual.widgets import Input

from core.spec.run_folder import RunFolder
from igdm_tui import preferences
from igdm_tui.app import IgdmApp
from igdm_tui.store.labels import change_labels

NOW = 1_795_600_000.0  # some days after the runs of these pictures
SIZES = [(80, 24), (120, 40), (160, 48)]
SPECIAL = {"=": "equals_sign", " ": "space", ".": "full_stop", ">": "greater_than_sign"}


@pytest.fixture(autouse=True)
def still(monkeypatch, in_a_folder_of_its_own):
    """One moment, and a new user."""
    clock = SimpleNamespace(time=lambda: NOW, monotonic=lambda: NOW)
    monkeypatch.setattr("igdm_tui.screens.runs_columns.time", clock)
    monkeypatch.setattr("igdm_tui.store.store.time", clock)
    monkeypatch.setattr(Input, "cursor_blink", False)
    preferences.path_of("runs").unlink()


@pytest.fixture
def shown_home(home, make_run):
    """Two experiments of three seeds, one with a failure, and single runs with labels."""
    for number, (method, alpha) in enumerate((("adaad", 10.0), ("adaad", 0.0))):
        for seed in range(3):
            state = "failed" if (number, seed) == (1, 2) else "finished"
            make_run(
                f"{method[:2]}{number}{seed}2222", state, epochs_done=12,
                created_at=f"2026-11-20T1{number}:0{seed}:00.000Z", method__name=method, igdm__alpha=alpha,
                runtime__seed=seed,
            )  # fmt: skip
    make_run(
        "wide2222", "lost", epochs_done=20, created_at="2026-11-20T13:00:00.000Z", student__width=32, name="wide one"
    )
    folder: RunFolder = make_run(
        "slow2222", "stopped", epochs_done=5, created_at="2026-11-20T14:00:00.000Z", optim__learning_rate=0.05,
        optim__num_epochs=60,
    )  # fmt: skip
    change_labels(folder, lambda labels: labels.with_tags(add=("paper", "v2")).with_note("does the lower rate help?"))
    return home


def typed(text: str) -> list[str]:
    return [SPECIAL.get(letter, letter) for letter in text]


KEYS = {
    "groups": [],
    "unfolded": ["Z", "j", "j", "j", "space"],
    "filter": ["f", *typed("method=adaad and igdm.alfa>0 and seed=1")],
    "differs": ["d"],
    "columns": ["C"],
    "tags": ["t"],
}


async def settle(pilot, keys: list[str], runs: int) -> None:
    """Everything is read, drawn and at rest."""
    app = pilot.app
    for _ in range(400):
        if app.rows is not None and len(app.rows) == runs and app.screen.table.shown.curves:
            break
        await pilot.pause(0.02)
    await pilot.press(*keys)
    before = ""
    for _ in range(100):
        await pilot.pause(0.05)
        now = app.export_screenshot()
        if now == before:
            return
        before = now
    raise AssertionError("the screen never came to rest")


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("feature", KEYS)
def test_the_runs_screen_looks_as_it_did(snap_compare, shown_home, feature, size):
    if size == (160, 48) and feature in ("tags", "columns"):
        pytest.skip("as in the smaller sizes")
    assert snap_compare(
        IgdmApp(shown_home), terminal_size=size, run_before=lambda pilot: settle(pilot, KEYS[feature], 8)
    )


def test_the_runs_screen_in_light(snap_compare, shown_home):
    app = IgdmApp(shown_home)
    app.theme = "igdm-light"
    assert snap_compare(app, terminal_size=(120, 40), run_before=lambda pilot: settle(pilot, KEYS["unfolded"], 8))


def test_the_runs_screen_without_colour(snap_compare, shown_home, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = IgdmApp(shown_home)
    assert snap_compare(app, terminal_size=(80, 24), run_before=lambda pilot: settle(pilot, KEYS["unfolded"], 8))
