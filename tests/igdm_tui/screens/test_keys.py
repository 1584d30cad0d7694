import pytest

from igdm_tui.keys import KEYS, PARTS, bindings, footer_keys, help_sections
from igdm_tui.screens.ask import AskScreen, NoteScreen
from igdm_tui.screens.choose import ChooseScreen
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.confirm import ConfirmScreen
from igdm_tui.screens.export import ExportScreen
from igdm_tui.screens.help import HelpScreen
from igdm_tui.screens.launch import LaunchScreen
from igdm_tui.screens.queue import QueueScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.widgets.fields import Choice
from igdm_tui.widgets.filter_line import FilterInput
from igdm_tui.widgets.line_chart import LineChart
from igdm_tui.widgets.lines import Lines
from igdm_tui.widgets.table import Table

OWNERS = {
    "choose": ChooseScreen, "ask": AskScreen, "note": NoteScreen, "filter": FilterInput,
    "runs": RunsScreen, "run": RunScreen, "compare": CompareScreen, "launch": LaunchScreen, "help": HelpScreen,
    "confirm": ConfirmScreen, "export": ExportScreen, "table": Table, "queue": QueueScreen,
    "chart": LineChart, "lines": Lines, "choice": Choice,
}  # fmt: skip


@pytest.mark.parametrize("place", OWNERS)
def test_every_key_does_something(place: str):
    for key in KEYS[place]:
        name = key.action.partition("(")[0]
        if not name.startswith("app."):
            assert hasattr(OWNERS[place], f"action_{name}"), f"{place}: {key.keys} -> {key.action}"


@pytest.mark.parametrize("place", KEYS)
def test_no_key_means_two_things_in_one_place(place: str):
    keys = [key for entry in KEYS[place] for key in entry.keys.split(",")]
    assert len(set(keys)) == len(keys)
    ids = [binding.id for binding in bindings(place)]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("place", KEYS)
def test_every_key_is_explained(place: str):
    assert all(key.help and key.shown for key in KEYS[place])


@pytest.mark.parametrize("place", ["runs", "run", "compare", "launch", "queue"])
def test_the_footer_ends_with_help_and_the_help_knows_every_key(place: str):
    assert footer_keys(place)[-1][1] == "help"
    told = {sentence for _, entries in help_sections(place) for _, sentence in entries}
    places = [place, "app", *(part for part, _ in PARTS.get(place, ()))]
    assert told == {key.help for part in places for key in KEYS[part]}
