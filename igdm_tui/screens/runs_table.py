"""RunTable: runs and groups of runs, folded and unfolded, in chosen columns and any order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.spec.catalogue import METRICS
from igdm_tui.screens.runs_columns import USUAL, Shown, measure_metrics, run_columns
from igdm_tui.screens.runs_entries import EXPERIMENT, Difference, Entry, group_runs
from igdm_tui.widgets.table import Table

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

NEWEST_FIRST = "age"
HIGH_FIRST = ("progress", "alpha")


class RunTable(Table[Entry]):
    """All runs that are shown, a line each, or a line per group."""

    def __init__(self, *, id: str | None = None) -> None:
        """An empty table; newest runs come first until another order is chosen."""
        super().__init__([], key=lambda entry: entry.key, id=id)
        self.shown = Shown()
        self.shown.marked = self.marked
        self.group_by: tuple[str, ...] = (EXPERIMENT,)
        self.chosen: tuple[str, ...] = USUAL
        self.opened: set[str] = set()
        self.entries: list[Entry] = []  # groups and runs that stand alone
        self._runs: Sequence[RunRow] = ()
        self.order_before = (NEWEST_FIRST, False)
        self.sort_key, self.reverse = NEWEST_FIRST, False
        self._set_columns()

    @property
    def runs(self) -> "list[RunRow]":
        """Every run that is shown, folded ones too, in the order of the lines."""
        return [run for entry in self._sorted(self.entries) for run in entry.runs]

    @property
    def selected_runs(self) -> "tuple[RunRow, ...]":
        """The run under the cursor, or all of its group."""
        return self.selected.runs if self.selected is not None else ()

    def set_runs(self, runs: "Sequence[RunRow]") -> None:
        """Show these runs instead, grouped and sorted, with the cursor where it was."""
        self._runs = runs
        self.entries = group_runs(runs, self.group_by, self.opened)
        if measure_metrics(self.shown, self.entries, self.chosen):
            self._set_columns()
        self._arrange()

    def group(self, by: Sequence[str]) -> None:
        """Group by other settings, or by none."""
        self.group_by = tuple(by)
        self.set_runs(self._runs)

    def choose_columns(self, keys: Sequence[str]) -> None:
        """Show other columns."""
        self.chosen = tuple(keys)
        measure_metrics(self.shown, self.entries, self.chosen)
        self._set_columns()

    def fold(self, entry: Entry) -> None:
        """Fold or unfold a group; from one of its runs, fold it and go to its line."""
        group = entry if entry.is_group else self.group_of(entry)
        if group is None:
            return
        self.opened ^= {group.key}
        group.is_open = group.key in self.opened
        self._arrange(group.key)

    def fold_all(self) -> None:
        """Unfold every group, or fold every one when all are open."""
        groups = [entry for entry in self.entries if entry.is_group]
        opened = not all(entry.is_open for entry in groups)
        selected = self.selected
        group = None if selected is None else self.group_of(selected)
        for entry in groups:
            entry.is_open = opened
        self.opened = {entry.key for entry in groups} if opened else set()
        self._arrange(group.key if group is not None and not opened else None)

    def group_of(self, entry: Entry) -> Entry | None:
        """The group a run stands in, None when it stands alone."""
        if not entry.depth:
            return entry if entry.is_group else None
        return next((group for group in self.entries if entry.row in group.members), None)

    def compare_with(self, anchor: "RunRow | None") -> None:
        """Show only in what runs differ from this one, the nearest first; None: the chosen columns again."""
        if anchor is not None:
            self.order_before = (self.sort_key, self.reverse)
            self.sort_key, self.reverse = "differs", False
        elif self.shown.difference is not None:
            self.sort_key, self.reverse = self.order_before
        self.shown.difference = None if anchor is None else Difference(anchor)
        self._set_columns()
        self._arrange()

    def select(self, key: str) -> None:
        """Put the cursor on a run, or on the folded group that holds it."""
        if all(entry.key != key for entry in self.rows):
            group = next((e for e in self.entries if any(run.id == key for run in e.members)), None)
            key = group.key if group is not None else key
        super().select(key)

    def sort_by(self, key: str, *, reverse: bool) -> None:
        """Sort by a column: groups among each other, runs within their group."""
        self.sort_key, self.reverse = key, reverse
        self._arrange()

    def sort_next(self) -> None:
        """Sort by the next column that has an order, best or newest first."""
        keys = [column.key for column in self.columns if column.order]
        at = keys.index(self.sort_key) if self.sort_key in keys else -1
        self.sort_well(keys[(at + 1) % len(keys)])

    def sort_well(self, key: str) -> None:
        """Sort by a column, the best, the newest or the first of the alphabet on top."""
        self.sort_by(key, reverse=key in HIGH_FIRST or (key in METRICS and METRICS[key].better == "higher"))

    def visible_runs(self) -> "list[RunRow]":
        """The runs of the lines that are on the screen now."""
        top = self.scroll_offset.y
        return [entry.row for entry in self.rows[top : top + max(self.size.height, 1)]]

    def _set_columns(self) -> None:
        self.set_columns(run_columns(self.shown, self.chosen))

    def _arrange(self, cursor_key: str | None = None) -> None:
        lines: list[Entry] = []
        for entry in self._sorted(self.entries):
            lines.append(entry)
            if entry.is_open:
                lines += self._sorted(entry.unfolded())
        self.show_rows(lines, cursor_key)
