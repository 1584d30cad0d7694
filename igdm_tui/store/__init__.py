"""experiments.db: a view of all run folders that answers at once. The event files stay the truth."""

from igdm_tui.store.rows import EvaluationRow, JudgementRow, RunRow, Series, StageRow, TeacherRow
from igdm_tui.store.store import Store

__all__ = ["EvaluationRow", "JudgementRow", "RunRow", "Series", "StageRow", "Store", "TeacherRow"]
