"""experiments.db: a view of all run folders that answers at once. The event files stay the truth."""

from typing import TYPE_CHECKING, Any

from igdm_tui.store.rows import EvaluationRow, JudgementRow, RunRow, Series, StageRow, TeacherRow

if TYPE_CHECKING:
    from igdm_tui.store.store import Store

__all__ = ["EvaluationRow", "JudgementRow", "RunRow", "Series", "StageRow", "Store", "TeacherRow"]


def __getattr__(name: str) -> Any:
    """Store is imported when it is first asked for: screens draw their first frame without SQLite."""
    if name == "Store":
        from igdm_tui.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
