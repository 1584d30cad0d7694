"""How runs are listed: search, filter, order, groups, columns, only what differs. Kept over restarts."""

from functools import partial
from typing import ClassVar

from textual import on
from textual.timer import Timer
from textual.widgets import Input

from core.spec.catalogue import METRICS
from igdm_tui.live import in_thread
from igdm_tui.screens.runs_columns import HELP, PINNED, USUAL, column_choices
from igdm_tui.screens.runs_entries import EXPERIMENT, GROUP_FIELDS
from igdm_tui.screens.runs_selection import SelectionScreen
from igdm_tui.screens.runs_view import View, load_view, save_view
from igdm_tui.widgets.filter_line import FilterLine
from igdm_tui.widgets.text import plain

NEVER_GROUPS = ("config_version", "name", "runtime.seed")


class SetupScreen(SelectionScreen):
    """The keys that change what the table shows and how."""

    KEEP_S: ClassVar[float] = 0.5  # a view that changed is kept when it has been left alone for so long

    def __init__(self) -> None:
        super().__init__()
        self.search = ""
        self.archived = False
        self._kept = self._wanted = View()
        self._keeping: Timer | None = None

    @property
    def filter_line(self) -> FilterLine:
        """The line of the filter."""
        return self.query_one(FilterLine)

    # Keeping the view

    @property
    def view(self) -> View:
        """How the screen is set up now."""
        table = self.table
        sort, reverse = (table.sort_key, table.reverse) if table.shown.difference is None else table.order_before
        return View(
            columns=table.chosen, group=table.group_by, sort=sort, reverse=reverse, search=self.search,
            filter=self.filter_line.text.strip(), archived=self.archived,
        )  # fmt: skip

    def restore_view(self) -> None:
        """Set the screen up as it was left."""
        self._kept = self._wanted = view = load_view(self.igdm.home, self._tell)
        self.table.group_by, self.archived, self.search = view.group, view.archived, view.search
        self.table.sort_key, self.table.reverse = view.sort, view.reverse
        self.table.choose_columns(view.columns)
        if view.search:
            box = self.query_one("#search", Input)
            box.value = view.search
            box.remove_class("hidden")
        if view.filter:
            self.filter_line.set_text(view.filter)

    def keep_view(self) -> None:
        """Keep the view a moment after its last change."""
        self._wanted = self.view
        if self._keeping is not None:
            self._keeping.stop()
        self._keeping = self.set_timer(self.KEEP_S, self._keep_now)

    async def _keep_now(self) -> None:
        if self._wanted != self._kept:
            self._kept = self._wanted
            await in_thread(partial(save_view, self.igdm.home, self._kept, self._tell))

    def on_unmount(self) -> None:
        """Nothing that changed at the last moment is lost."""
        if self._wanted != self._kept:
            save_view(self.igdm.home, self._wanted, lambda problem: None)

    def _tell(self, problem: str) -> None:
        self.app.call_later(partial(self.igdm.say, problem, severity="warning"))

    def _changed(self) -> None:
        self.show_runs()
        self.keep_view()

    # Order

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.table.sort_next()
        self._changed()

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.table.sort_by(self.table.sort_key, reverse=not self.table.reverse)
        self._changed()

    def action_sort_by(self) -> None:
        """Sort by a column that is chosen from a list."""
        from igdm_tui.screens.choose import Choice, ChooseScreen

        columns = [column for column in self.table.columns if column.order]
        choices = [Choice(c.key, plain(c.title), plain(HELP.get(c.key, c.key))) for c in columns]

        def answered(keys: list[str] | None) -> None:
            if keys:
                self.table.sort_well(keys[0])
                self._changed()

        self.ask(ChooseScreen("Sort by", choices, several=False), answered)

    # Groups, columns, differences

    def action_group(self) -> None:
        """Group by settings that are chosen from a list; by none, every run has its own line."""
        from igdm_tui.screens.choose import Choice, ChooseScreen

        settings = [path for path in self.filter_line.vocabulary.settings if path not in NEVER_GROUPS]
        choices = [
            Choice(EXPERIMENT, EXPERIMENT, "all settings but the seed: mean ± std (n)"),
            *(Choice(name, name, HELP.get(name, "")) for name in GROUP_FIELDS),
            *(Choice(plain(path), plain(path), "setting") for path in settings),
        ]

        def answered(keys: list[str] | None) -> None:
            if keys is not None:
                self.table.group(keys)
                self._changed()

        title = "Group by (nothing marked: a line per run)"
        self.ask(ChooseScreen(title, choices, self.table.group_by, several=True), answered)

    def action_columns(self) -> None:
        """Choose columns and their order."""
        from igdm_tui.screens.choose import Choice, ChooseScreen

        words = self.filter_line.vocabulary
        measured = {name for row in self.igdm.rows or () for name in row.metrics}
        listed = column_choices(list(words.settings), [name for name in METRICS if name in measured])
        choices = [Choice(plain(key), _label(key), plain(text)) for key, text in listed if key not in PINNED]

        def answered(keys: list[str] | None) -> None:
            if keys is not None:
                self.table.choose_columns(keys or USUAL)
                self._changed()

        title = "Columns beside status and name (none marked: the usual ones)"
        self.ask(ChooseScreen(title, choices, self.table.chosen, several=True), answered)

    def action_differences(self) -> None:
        """Show only in what other runs differ from the selected one, and back."""
        entry = self.table.selected
        if self.table.shown.difference is not None:
            self.table.compare_with(None)
        elif entry is not None:
            self.table.compare_with(entry.row)
        self.show_runs()

    def action_archived(self) -> None:
        """Show archived runs too, or not."""
        self.archived = not self.archived
        count = sum(row.archived for row in self.igdm.rows or ())
        self.igdm.say(
            f"{count} archived run{'' if count == 1 else 's'} {'shown too' if self.archived else 'left out'}."
        )
        self._changed()

    # Search and filter

    def action_search(self) -> None:
        """Type words to look for."""
        box = self.query_one("#search", Input)
        box.remove_class("hidden")
        box.focus()

    @on(Input.Changed, "#search")
    def _searching(self, event: Input.Changed) -> None:
        self.search = event.value.strip()
        self._changed()

    @on(Input.Submitted, "#search")
    def _searched(self) -> None:
        self.query_one("#search").set_class(not self.search, "hidden")
        self.table.focus()

    def action_filter(self) -> None:
        """Type a filter."""
        self.filter_line.open()

    @on(FilterLine.Changed)
    def _filtered(self) -> None:
        self._changed()

    @on(FilterLine.Left)
    def _filter_left(self) -> None:
        self.table.focus()
        self.keep_view()

    def action_back(self) -> None:
        """One layer out: the search, the filter, what differs, then the marks."""
        box = self.query_one("#search", Input)
        if not box.has_class("hidden"):
            box.value = ""
            box.add_class("hidden")
        elif not self.filter_line.has_class("hidden"):
            self.filter_line.close()
        elif self.table.shown.difference is not None:
            self.action_differences()
        else:
            self.action_unmark()
        self.table.focus()

    def action_unmark(self) -> None:
        """Unmark all."""
        raise NotImplementedError


def _label(key: str) -> str:
    return METRICS[key].title if key in METRICS else plain(key)
