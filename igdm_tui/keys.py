"""Every key of the program in one table: bindings, the footer and the help all read it, so they cannot disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.binding import BindingType


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One thing a key does in one place.

    keys: Textual's names, separated by commas. shown: how footer and help write them. action: the method action_<name>,
    also the stable name of the binding. label: for the footer, empty where it would crowd it; long: where there is
    room. help: a sentence.
    priority: works even while a text field has the focus.
    """

    keys: str
    shown: str
    action: str
    label: str = ""
    long: str = ""
    help: str
    priority: bool = False


KEYS: dict[str, tuple[Key, ...]] = {
    "app": (
        Key(keys="question_mark,f1", shown="?", action="help", label="help", help="Show the keys of this screen"),
        Key(keys="ctrl+p", shown="ctrl+p", action="command_palette", help="Find any action by its name"),
        Key(
            keys="ctrl+q",
            shown="ctrl+q",
            action="quit",
            help="Leave from anywhere; runs go on and are here when you come back",
            priority=True,
        ),
    ),
    "runs": (
        Key(keys="enter", shown="enter", action="open", label="open", help="Open the selected run, unfold a group"),
        Key(keys="n", shown="n", action="new", label="new", help="Describe and launch a new run"),
        Key(keys="space", shown="space", action="mark", label="mark", help="Mark or unmark a run or a group"),
        Key(keys="c", shown="c", action="compare", label="compare", help="Compare the marked runs, or the group"),
        Key(keys="f", shown="f", action="filter", label="filter", help="Show only runs that fit, e.g. method=ard"),
        Key(keys="w", shown="w", action="queue", label="queue", help="The queue: what runs, what waits and why"),
        Key(keys="slash", shown="/", action="search", label="search", help="Show only runs with these words"),
        Key(keys="q", shown="q", action="leave", label="quit", long="quit, runs go on", help="Leave; runs go on"),
        Key(keys="e", shown="e", action="clone", label="copy", help="Launch a copy of this run, edited first"),
        Key(keys="d", shown="d", action="differences", label="differ", help="Only what differs from this run"),
        Key(keys="m", shown="m", action="seeds", label="seeds", help="Launch more seeds of this experiment (asks)"),
        Key(keys="s", shown="s", action="stop", label="stop", help="Stop runs after a checkpoint (asks first)"),
        Key(keys="r", shown="r", action="resume", help="Go on from the last checkpoint"),
        Key(keys="R", shown="R", action="retry", help="Retry: wait in the queue, then go on from the checkpoint"),
        Key(keys="t", shown="t", action="tags", label="tags", help="Tag the run or the marked runs"),
        Key(keys="N", shown="N", action="note", help="Write a note"),
        Key(keys="a", shown="a", action="archive", label="archive", help="Archive: put away, or bring back"),
        Key(keys="A", shown="A", action="archived", help="Show archived runs too, or not"),
        Key(keys="b", shown="b", action="group", label="group", help="Group by any settings, or by none"),
        Key(keys="z", shown="z", action="fold", help="Fold or unfold the group"),
        Key(keys="Z", shown="Z", action="fold_all", help="Unfold all groups, or fold them"),
        Key(keys="C", shown="C", action="columns", label="columns", help="Choose columns and their order"),
        Key(keys="o", shown="o", action="sort", help="Sort by the next column"),
        Key(keys="O", shown="O", action="reverse", help="Reverse the order"),
        Key(keys="S", shown="S", action="sort_by", label="sort", help="Sort by a column from a list"),
        Key(keys="asterisk", shown="*", action="mark_all", help="Mark all runs that are shown"),
        Key(keys="u", shown="u", action="unmark", help="Unmark all runs"),
        Key(keys="E", shown="E", action="export", help="Write a table, figure or report of marked runs to a file"),
        Key(keys="escape", shown="esc", action="back", help="End the search, the filter, what differs, the marks"),
    ),
    "table": (
        Key(keys="down,j", shown="↓ j", action="down", help="Next row"),
        Key(keys="up,k", shown="↑ k", action="up", help="Previous row"),
        Key(keys="home,g", shown="g", action="first", help="First row"),
        Key(keys="end,G", shown="G", action="last", help="Last row"),
        Key(keys="pagedown,ctrl+d", shown="ctrl+d", action="page_down", help="One page down"),
        Key(keys="pageup,ctrl+u", shown="ctrl+u", action="page_up", help="One page up"),
        Key(keys="right,l", shown="→ l", action="more_columns", help="Columns that did not fit"),
        Key(keys="left,h", shown="← h", action="fewer_columns", help="Back to the first columns"),
    ),
    "run": (
        Key(keys="1", shown="1", action="pane('curves')", help="Curves"),
        Key(keys="2", shown="2", action="pane('attack')", help="Attacks and AutoAttack's stages"),
        Key(keys="3", shown="3", action="pane('log')", help="What the worker prints"),
        Key(keys="4", shown="4", action="pane('settings')", help="All settings"),
        Key(keys="5", shown="5", action="pane('history')", help="Every evaluation with its intervals and parameters"),
        Key(keys="6", shown="6", action="pane('origin')", help="Code, versions, command, checkpoints"),
        Key(keys="slash", shown="/", action="find", label="find", help="Find words in the log, settings or lists"),
        Key(keys="E", shown="E", action="export", help="Write its numbers, a figure or a report to a file"),
        Key(keys="n", shown="n", action="find_next(1)", help="The next line that was found"),
        Key(keys="N", shown="N", action="find_next(-1)", help="The one before"),
        Key(keys="f", shown="f", action="follow", help="Follow the end of the log again"),
        Key(keys="tab", shown="tab", action="app.focus_next", help="Next chart or pane"),
        Key(keys="s", shown="s", action="stop", label="stop", help="Stop the run after a checkpoint (asks first)"),
        Key(keys="r", shown="r", action="resume", label="resume", help="Go on from the last checkpoint"),
        Key(keys="e", shown="e", action="clone", label="copy", help="Launch a copy of this run, edited first"),
        Key(keys="x", shown="x", action="x_axis", label="x axis", help="Losses over steps, seconds, or epochs"),
        Key(keys="y", shown="y", action="toggle_log", label="log y", help="Logarithmic axis of chart or losses"),
        Key(keys="z", shown="z", action="zoom", label="zoom", help="The focused chart or pane alone, and back"),
        Key(keys="q,escape", shown="q", action="back", label="back", help="Back; the run goes on"),
    ),
    "chart": (
        Key(keys="right,l", shown="→ l", action="cross(1)", help="Crosshair to the right; the legend reads there"),
        Key(keys="left,h", shown="← h", action="cross(-1)", help="Crosshair to the left, on all charts"),
        Key(keys="shift+right,L", shown="L", action="cross(10)", help="Crosshair ten cells to the right"),
        Key(keys="shift+left,H", shown="H", action="cross(-10)", help="Crosshair ten cells to the left"),
        Key(keys="plus,equals_sign", shown="+", action="zoom_x(0.5)", help="Half of what is shown, at the crosshair"),
        Key(keys="minus", shown="-", action="zoom_x(2)", help="Twice of what is shown"),
        Key(keys="0", shown="0", action="reset", help="All of the curves, no crosshair"),
        Key(keys="w", shown="w", action="smooth", help="Moving average: 0.6, 0.9, 0.97, none; points stay faint"),
        Key(keys="y", shown="y", action="toggle_log", help="Logarithmic y axis and back"),
        Key(keys="X", shown="X", action="toggle_log_x", help="Logarithmic x axis and back"),
    ),
    "lines": (
        Key(keys="down,j", shown="↓ j", action="scroll_down", help="One line down"),
        Key(keys="up,k", shown="↑ k", action="scroll_up", help="One line up"),
        Key(keys="right,l", shown="→ l", action="scroll_right", help="To the right"),
        Key(keys="left,h", shown="← h", action="scroll_left", help="To the left"),
        Key(keys="home,g", shown="g", action="scroll_home", help="First line"),
        Key(keys="end,G", shown="G", action="scroll_end", help="Last line, and follow what is added"),
        Key(keys="pagedown,ctrl+d", shown="ctrl+d", action="page_down", help="One page down"),
        Key(keys="pageup,ctrl+u", shown="ctrl+u", action="page_up", help="One page up"),
    ),
    "compare": (
        Key(keys="1", shown="1", action="pane('tests')", help="One metric: intervals, differences, tests"),
        Key(keys="2", shown="2", action="pane('curves')", help="Curves"),
        Key(keys="3", shown="3", action="pane('scatter')", help="One metric against another, with a line"),
        Key(keys="4", shown="4", action="pane('epsilon')", help="Accuracy against epsilon"),
        Key(keys="5", shown="5", action="pane('settings')", help="Only the settings that differ"),
        Key(keys="6", shown="6", action="pane('published')", help="Published results beside ours"),
        Key(keys="P", shown="P", action="published", help="Published results, and back"),
        Key(keys="m", shown="m", action="metric(1)", label="metric", help="Next metric, attack, or x of the scatter"),
        Key(keys="M", shown="M", action="metric(-1)", help="Previous metric; on the scatter the next y"),
        Key(keys="b", shown="b", action="baseline", label="baseline", help="Hold the others against this one"),
        Key(keys="t", shown="t", action="group", label="seeds", help="One line per experiment, or per run"),
        Key(keys="o", shown="o", action="sort", label="sort", help="Sort by the next column, best first"),
        Key(keys="x", shown="x", action="x_axis", label="x axis", help="Curves over epochs, steps or seconds"),
        Key(keys="w", shown="w", action="smooth", help="Moving average of the curves: 0.6, 0.9, 0.97, none"),
        Key(keys="y", shown="y", action="toggle_log", label="log y", help="Logarithmic axis and back"),
        Key(keys="z", shown="z", action="zoom", label="zoom", help="The pane alone, and back"),
        Key(keys="q,escape", shown="q", action="back", label="back", help="Back"),
        Key(keys="tab", shown="tab", action="app.focus_next", label="next pane", help="Results, then the pane below"),
        Key(keys="enter", shown="enter", action="open", label="open", help="Open the selected run"),
        Key(keys="E", shown="E", action="export", label="export", help="Write a table, figure or report to a file"),
        Key(keys="p", shown="p", action="paper", help="The papers' table as LaTeX: clipboard and file"),
    ),
    "launch": (
        Key(
            keys="ctrl+l,f5",
            shown="ctrl+l",
            action="launch",
            label="launch",
            help="Start the run; several go into the queue, without those that are here already",
            priority=True,
        ),
        Key(keys="f7", shown="f7", action="enqueue", label="queue", help="Let it wait for a free slot of the machine"),
        Key(keys="f2", shown="f2", action="all_settings", label="all settings", help="Every setting, or the usual"),
        Key(keys="f3", shown="f3", action="next_problem", label="next problem", help="The next field that is wrong"),
        Key(keys="f6", shown="f6", action="start_from", label="start from", help="From a preset, paper row or run"),
        Key(keys="f4", shown="f4", action="copy_command", label="copy command", help="Copy the command line"),
        Key(keys="down", shown="↓", action="app.focus_next", help="Next field (tab too)"),
        Key(keys="up", shown="↑", action="app.focus_previous", help="Previous field (shift+tab too)"),
        Key(keys="pagedown", shown="pgdn", action="page(1)", help="One page of fields down"),
        Key(keys="pageup", shown="pgup", action="page(-1)", help="One page of fields up"),
        Key(keys="escape", shown="esc", action="back", label="back", help="Back without launching"),
        Key(keys="f1", shown="f1", action="app.help", label="help", help="Show the keys of this screen"),
    ),
    "choice": (
        Key(keys="right,l,space,enter", shown="→ l space", action="next", help="Next choice"),
        Key(keys="left,h", shown="← h", action="previous", help="Previous choice"),
        Key(keys="v", shown="v", action="several", help="Choose several: one run for each"),
        Key(keys="down,j", shown="↓ j", action="app.focus_next", help="Next field"),
        Key(keys="up,k", shown="↑ k", action="app.focus_previous", help="Previous field"),
    ),
    "name": (
        Key(keys="space", shown="space", action="next_name", help="Next known name; others are typed", priority=True),
    ),
    "start": (
        Key(keys="enter", shown="enter", action="take", label="take", help="Fill the form with it"),
        Key(keys="down", shown="↓", action="down", help="Next row"),
        Key(keys="up", shown="↑", action="up", help="Previous row"),
        Key(keys="escape", shown="esc", action="leave", label="back", help="Leave the form as it is"),
    ),
    "queue": (
        Key(keys="enter", shown="enter", action="open", label="open", help="Open the selected run"),
        Key(keys="p", shown="p", action="pause", label="pause", help="Pause the run, or let it go on"),
        Key(keys="K,shift+up", shown="K", action="up_queue", label="forward", help="One place forward"),
        Key(keys="J,shift+down", shown="J", action="down_queue", label="back", help="One place back"),
        Key(keys="plus,equals_sign", shown="+", action="priority(1)", help="A higher priority: starts before others"),
        Key(keys="minus", shown="-", action="priority(-1)", help="A lower priority"),
        Key(keys="s", shown="s", action="stop", label="stop", help="Stop the run or take it out of the queue (asks)"),
        Key(keys="r", shown="r", action="retry", label="retry", help="Let a run that did not finish wait again"),
        Key(keys="P", shown="P", action="pause_all", label="pause all", help="Start nothing new, or start runs again"),
        Key(keys="tab", shown="tab", action="app.focus_next", label="next table", help="Running, waiting, ended"),
        Key(keys="q,escape", shown="q", action="back", label="leave", help="Back to where you were; runs go on"),
    ),
    "help": (
        Key(keys="escape,q,question_mark,f1", shown="esc", action="dismiss", label="close", help="Close the help"),
    ),
    "export": (
        Key(keys="ctrl+s,f5", shown="ctrl+s", action="write", help="Write the file", priority=True),
        Key(keys="f4", shown="f4", action="copy", help="Copy the text", priority=True),
        Key(keys="escape", shown="esc", action="leave", help="Leave without writing"),
        Key(keys="down", shown="↓", action="app.focus_next", help="Next field"),
        Key(keys="up", shown="↑", action="app.focus_previous", help="Previous field"),
    ),
    "filter": (
        Key(keys="tab", shown="tab", action="complete", help="Take the first of the offered words"),
    ),
    "choose": (
        Key(keys="down", shown="↓", action="down", help="Next", priority=True),
        Key(keys="up", shown="↑", action="up", help="Previous", priority=True),
        Key(keys="pagedown", shown="pgdn", action="page_down", help="One page down", priority=True),
        Key(keys="pageup", shown="pgup", action="page_up", help="One page up", priority=True),
        Key(keys="space", shown="space", action="mark", label="mark", help="Mark or unmark", priority=True),
        Key(keys="ctrl+down", shown="ctrl+↓", action="move(1)", help="Move a marked one down", priority=True),
        Key(keys="ctrl+up", shown="ctrl+↑", action="move(-1)", help="Move a marked one up", priority=True),
        Key(keys="enter", shown="enter", action="take", label="take", help="Take what is marked", priority=True),
        Key(keys="escape", shown="esc", action="leave", label="leave", help="Leave it as it was"),
    ),
    "ask": (Key(keys="escape", shown="esc", action="leave", label="leave", help="Leave it as it was"),),
    "note": (
        Key(keys="ctrl+s", shown="ctrl+s", action="keep", label="keep", help="Keep the note", priority=True),
        Key(keys="escape", shown="esc", action="leave", label="leave", help="Leave it as it was", priority=True),
    ),
    "confirm": (
        Key(keys="y,enter", shown="y", action="yes", label="yes", help="Do it"),
        Key(keys="n,escape,q", shown="n", action="no", label="no", help="Leave it"),
    ),
}  # fmt: skip

# Places whose keys also work on a screen, named as its help names them.
PARTS: dict[str, tuple[tuple[str, str], ...]] = {
    "runs": (("table", "In the table"), ("filter", "In the filter")),
    "run": (("chart", "On a chart"), ("lines", "In the log and the lists")),
    "compare": (("table", "In the results"), ("chart", "On a chart"), ("lines", "In the settings")),
    "queue": (("table", "In the tables"),),
    "launch": (("choice", "On a choice"), ("name", "On a model or device")),
}


def bindings(place: str) -> list[BindingType]:
    """Textual's bindings of one place; their ids ("runs.open") stay the same over versions."""
    from textual.binding import Binding

    return [
        Binding(key.keys, key.action, key.help, show=False, priority=key.priority, id=f"{place}.{key.action}")
        for key in KEYS[place]
    ]


def footer_keys(place: str, *, long: bool = False) -> list[tuple[str, str]]:
    """(keys, label) for the bottom line of a screen, in the order of the table; help comes last."""
    own = KEYS[place]
    keys = own if any(key.action == "app.help" for key in own) else (*own, *KEYS["app"])
    return [(key.shown, (long and key.long) or key.label) for key in keys if key.label]


def help_sections(place: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """(title, [(keys, sentence)]) for the help of a screen."""
    sections = [
        ("On this screen", place),
        *((title, part) for part, title in PARTS.get(place, ())),
        ("Anywhere", "app"),
    ]
    return [(title, [(key.shown, key.help) for key in KEYS[part]]) for title, part in sections]
