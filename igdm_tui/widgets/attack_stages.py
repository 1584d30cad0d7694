"""AttackStages: how many test images still stand, stage by stage, as bars and numbers."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.spec.catalogue import ATTACKS, METRICS
from igdm_tui.numbers import duration, percent
from igdm_tui.widgets.lines import Lines, TonedLine
from igdm_tui.widgets.run_table import LISTED_METRICS, metric_text
from igdm_tui.widgets.text import bar, fit, plain

if TYPE_CHECKING:
    from igdm_tui.store import EvaluationRow, RunRow, StageRow

AUTOATTACK_STAGES = ("apgd-ce", "apgd-t", "fab-t", "square")
NAME_WIDTH = 11
NUMBERS_WIDTH = 29  # " 62.50 %   225/360 12/12 now"
BAR_WIDTHS = (6, 40)


class AttackStages(Lines):
    """The final results, then AutoAttack's stages with the robust accuracy falling, then what to be careful about."""

    def __init__(self, *, id: str | None = None) -> None:
        """Nothing measured yet."""
        super().__init__(id=id, empty="attacks begin when training is done")
        self._state: tuple[RunRow, list[StageRow], list[EvaluationRow]] | None = None

    def show_evaluation(
        self, run: "RunRow", stages: "Sequence[StageRow]", evaluations: "Sequence[EvaluationRow]"
    ) -> None:
        """Draw the newest evaluation of a run."""
        self._state = (run, list(stages), list(evaluations))
        self._arrange()

    def on_resize(self) -> None:
        """Bars are as long as the pane is wide."""
        self._arrange()

    def _arrange(self) -> None:
        if self._state is None:
            return
        run, stages, evaluations = self._state
        if not stages and not evaluations:
            self.set_lines([])
            return
        width = max(self.size.width, 40)
        lines = result_lines(run, evaluations, width)
        done = {(row.evaluation, row.attack) for row in evaluations}
        # An attack without stages has said all in its result; AutoAttack's stages stay worth reading.
        lines += stage_lines(
            run,
            [stage for stage in stages if stage.num_stages > 1 or (stage.evaluation, stage.attack) not in done],
            width,
        )
        lines += flag_lines(evaluations)
        self.set_lines(lines)


def result_lines(run: "RunRow", evaluations: "Sequence[EvaluationRow]", width: int) -> list[TonedLine]:
    """One line per measured metric; the teacher's own numbers stand beside where it has them."""
    lines: list[TonedLine] = [[(fit("test set", NAME_WIDTH), "title")]]
    measured = {name: value for row in evaluations if row.of_run for name, value in row.metrics.items()}
    bar_width = _bar_width(width)
    for name in LISTED_METRICS:
        entry = METRICS[name]
        if name not in measured:
            continue
        value = measured[name]
        teacher = run.teacher_metrics.get(name)
        beside = f"   teacher {metric_text(name, teacher)}" if teacher is not None else ""
        share = bar(value, bar_width) if entry.unit == "fraction" else " " * bar_width
        unit = " %" if entry.unit == "fraction" else "  "
        text = f" {metric_text(name, value):>6}{unit}"
        lines.append([(fit(entry.title, NAME_WIDTH), ""), (share, "bar"), (text, ""), (beside, "dim")])
    return [*lines, [("", "")]] if len(lines) > 1 else []


def stage_lines(run: "RunRow", stages: "Sequence[StageRow]", width: int) -> list[TonedLine]:
    """Attack by attack: each stage's bar, share and count of images that still stand, its batches and seconds."""
    lines: list[TonedLine] = []
    bar_width = _bar_width(width)
    goes_on = bool(run.stage) and run.status != "queued"  # of a run that waits, it says what for
    attacks = list(dict.fromkeys(stage.attack for stage in stages))
    for attack in attacks:
        own = [stage for stage in stages if stage.attack == attack]
        title = ATTACKS[attack].title if attack in ATTACKS else plain(attack, 20)
        lines.append([(f"{title}  ", "title"), (f"{own[-1].examples} images, {duration(own[-1].seconds)}", "dim")])
        for stage in own:
            lines.append(_stage_line(stage, bar_width, active=goes_on and stage is own[-1]))
        seen = {stage.stage for stage in own}
        if attack == "autoattack":
            waiting = [name for name in AUTOATTACK_STAGES if name not in seen]
            lines += [[(fit(name, NAME_WIDTH) + "waiting", "dim")] for name in waiting]
        lines.append([("", "")])
    return lines


def _bar_width(width: int) -> int:
    """Cells for a bar in lines of this width."""
    least, most = BAR_WIDTHS
    return max(min(width - NAME_WIDTH - NUMBERS_WIDTH, most), least)


def _stage_line(stage: "StageRow", bar_width: int, *, active: bool) -> TonedLine:
    share = stage.robust / stage.examples if stage.examples else 0.0
    counts = f"{stage.robust}/{stage.examples}"
    state = "done" if stage.batch >= stage.batches else f"{stage.batch}/{stage.batches}" + (" now" if active else "")
    text = f" {percent(share):>6} % {counts:>9} "
    return [(fit(plain(stage.stage), NAME_WIDTH), ""), (bar(share, bar_width), "bar"), (text, ""), (state, "dim")]


def flag_lines(evaluations: "Sequence[EvaluationRow]") -> list[TonedLine]:
    """The attack's own warnings about how far its number can be trusted."""
    flags = [(row.attack, flag) for row in evaluations for flag in row.flags]
    return [[(f"! {plain(attack)}: {plain(flag)}", "bad")] for attack, flag in flags]
