"""What lines of an event file become: points, summaries, measurements, warnings, and changes of the run's state.

The way of one logged step is short, because there are millions; everything else goes through `decode_record`.
"""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from core.spec import events
from core.spec.events import BadLineError, Record, decode_record
from igdm_tui.store.json_lines import parse_one
from igdm_tui.store.line_checks import LARGEST_INTEGER, check_clocks, check_storable, number, reason
from igdm_tui.store.points import Points
from igdm_tui.store.run_state import RunState, storable

ENDINGS = {events.RunFinished.type: "finished", events.RunStopped.type: "stopped", events.RunFailed.type: "failed"}
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)


class EventRows:
    """Turns the lines of one run into rows, inside a transaction of the caller."""

    def __init__(
        self, connection: sqlite3.Connection, state: RunState, parse: Callable[[bytes], Any] = parse_one
    ) -> None:
        self._connection = connection
        self._state = state
        self._parse = parse
        self._points = Points(connection, state.key)

    def add_lines(self, lines: list[bytes], position: int) -> None:
        """Read complete lines that begin at a byte position; one that cannot be read becomes a warning."""
        for line in lines:
            try:
                body = self._parse(line)
                if body["type"] == events.StepLogged.type:
                    self._add_step(body)
                else:
                    check_storable(body)
                    self._add_record(decode_record(line), position)
            except UNREADABLE as error:
                self._warn(position, reason(line, position, error))
            position += len(line) + 1
        self._points.write()

    def _add_step(self, body: dict[str, Any]) -> None:
        """One logged step, without a detour."""
        step, epoch, m, t = body["step"], body["epoch"], body["m"], body["t"]
        if type(step) is not int or type(epoch) is not int:
            raise BadLineError("step and epoch must be whole numbers")
        if not (0 <= step < LARGEST_INTEGER and 0 <= epoch < LARGEST_INTEGER):
            raise BadLineError("step or epoch is out of range")
        check_clocks(t, m)
        metrics = body["metrics"]
        for name, value in metrics.items():
            if type(value) is not float:
                metrics[name] = number(value)
        state = self._state
        self._points.add("step", step, epoch, state.elapsed_s(m), metrics)
        state.step, state.last_m, state.last_t = step, m, t

    def _add_record(self, record: Record, position: int) -> None:
        """Any other event."""
        event, state = record.event, self._state
        check_clocks(record.t, record.m)
        if isinstance(event, events.RunStarted):
            self._run_started(event, record)
        elif isinstance(event, events.TeacherProgress):
            self._teacher(event)
        elif isinstance(event, events.EpochFinished):
            self._epoch_finished(event, state.elapsed_s(record.m))
        elif isinstance(event, events.EvaluationStarted):
            self._evaluation_started(event, position)
        elif isinstance(event, events.AttackProgress):
            self._attack_progress(event, position)
        elif isinstance(event, events.AttackFinished):
            self._attack_finished(event, record, position)
        elif isinstance(event, events.EvaluationFinished):
            self._evaluation_finished(event, record)
        elif isinstance(event, events.EvaluationStopped | events.EvaluationFailed):
            self._evaluation_ended(event, position)
        elif isinstance(event, events.Warned):
            self._warn(position, event.message)
        elif event.type in ENDINGS:
            attempt = getattr(event, "attempt", 0)
            # One that ends before it says it started adds nothing; the one before may have been killed long ago.
            state.end_attempt(record.m if attempt <= state.attempt or state.last_m is None else state.last_m)
            state.ended, state.attempt = ENDINGS[event.type], max(state.attempt, attempt)
            state.error = event.error if isinstance(event, events.RunFailed) else ""
        state.last_m, state.last_t = record.m, record.t

    def _run_started(self, event: events.RunStarted, record: Record) -> None:
        state = self._state
        state.begin_attempt(record.m)
        state.started_t = record.t if state.started_t is None else state.started_t
        state.attempt, state.device = event.attempt, event.device
        state.epochs, state.steps_per_epoch = event.epochs, event.steps_per_epoch
        state.epoch, state.step = event.epoch, event.step
        state.phase, state.attack, state.attack_stage, state.attack_progress = "starting", "", "", 0.0
        state.ended = state.error = state.evaluating = ""

    def _teacher(self, event: events.TeacherProgress) -> None:
        self._state.phase = "training" if event.state == "ready" else "teacher"
        self._connection.execute(
            "INSERT OR REPLACE INTO run_teachers VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                self._state.key, event.recipe_hash, event.state, event.epoch, event.epochs, int(event.cached),
                json.dumps(event.metrics),
            ),
        )  # fmt: skip

    def _epoch_finished(self, event: events.EpochFinished, elapsed_s: float) -> None:
        state = self._state
        state.phase, state.epoch, state.step = "training", event.epoch, event.step
        self._points.add("epoch", event.step, event.epoch, elapsed_s, event.metrics)

    def _evaluation_started(self, event: events.EvaluationStarted, position: int) -> None:
        state = self._state
        state.attack, state.attack_stage, state.attack_progress = "", "", 0.0
        if event.after_run:
            state.evaluating = event.evaluation
            if state.attempt_m is not None and state.last_m is not None:
                state.end_attempt(state.last_m)  # a worker that was killed lasted until its newest event
        else:
            state.phase = "evaluation"
        self._connection.execute(
            "INSERT OR REPLACE INTO evaluations VALUES (?, ?, ?, ?, ?, ?, ?, NULL, ?, ?, '')",
            (
                state.key, event.evaluation, position, event.checkpoint, json.dumps(event.attacks),
                event.num_examples, event.epsilon, event.batch_size, event.device,
            ),
        )  # fmt: skip

    def _attack_progress(self, event: events.AttackProgress, position: int) -> None:
        state = self._state
        done = event.stage_number - 1 + event.batch / max(event.batches, 1)
        state.attack, state.attack_stage = event.attack, event.stage
        state.attack_progress = min(max(done / max(event.num_stages, 1), 0.0), 1.0)
        self._connection.execute(
            "INSERT OR REPLACE INTO stage_progress VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.key, event.evaluation, event.attack, event.stage, event.batch, position, event.stage_number,
                event.num_stages, event.batches, event.robust, event.examples, event.seconds,
            ),
        )  # fmt: skip

    def _attack_finished(self, event: events.AttackFinished, record: Record, position: int) -> None:
        state = self._state
        state.attack, state.attack_stage, state.attack_progress = event.attack, "", 1.0
        source = self._figures_of(event)
        if source:
            replaced = "UPDATE measurements SET of_run = 0 WHERE run = ? AND attack = ?"
            self._connection.execute(replaced, (state.key, event.attack))
        self._connection.execute(
            "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                state.key, event.evaluation, event.attack, position, json.dumps(event.metrics), event.correct,
                event.examples, event.seconds, event.seed, json.dumps(event.parameters), json.dumps(event.flags),
                event.package, record.t, int(bool(source)),
            ),
        )  # fmt: skip
        for name, value in event.metrics.items() if source else ():
            self._points.summarise(source, name, [state.step], [value])

    def _figures_of(self, event: events.AttackFinished) -> str:
        """Under which source a measurement's metrics are the run's own figures; "" when they are not.

        Those of the final evaluation are. Where it did not make a measurement, the newest later one counts, if it is of
        the same checkpoint, with the same radius, on no fewer images.
        """
        if event.evaluation == events.FINAL_EVALUATION:
            return "evaluation"
        row = (self._state.key, event.evaluation, events.FINAL_EVALUATION, event.attack)
        comparable = self._connection.execute(
            "SELECT 1 FROM evaluations AS mine JOIN evaluations AS final ON final.run = mine.run"
            " WHERE mine.run = ?1 AND mine.evaluation = ?2 AND final.evaluation = ?3"
            " AND mine.checkpoint = final.checkpoint AND mine.epsilon = final.epsilon"
            " AND mine.num_examples >= final.num_examples AND NOT EXISTS"
            " (SELECT 1 FROM measurements WHERE run = ?1 AND evaluation = ?3 AND attack = ?4)",
            row,
        ).fetchone()
        return "" if comparable is None else "later"

    def _evaluation_finished(self, event: events.EvaluationFinished, record: Record) -> None:
        state = self._state
        if state.evaluating:
            state.evaluating = ""
        else:
            state.phase = ""
        self._connection.execute(
            "UPDATE evaluations SET finished_t = ? WHERE run = ? AND evaluation = ?",
            (record.t, state.key, event.evaluation),
        )

    def _evaluation_ended(self, event: events.EvaluationStopped | events.EvaluationFailed, position: int) -> None:
        """An evaluation after the run ended without its last measurement; it may not even have begun."""
        self._state.evaluating = ""
        error = event.error if isinstance(event, events.EvaluationFailed) else ""
        if not error:
            return
        row = (self._state.key, event.evaluation)
        self._connection.execute(
            "INSERT OR IGNORE INTO evaluations (run, evaluation, position, attacks) VALUES (?, ?, ?, '[]')",
            (*row, position),
        )
        self._connection.execute("UPDATE evaluations SET error = ? WHERE run = ? AND evaluation = ?", (error, *row))

    def _warn(self, position: int, message: str) -> None:
        """Keep a warning, unless the same was said before."""
        self._connection.execute(
            "INSERT INTO warnings SELECT ?1, ?2, ?3"
            " WHERE NOT EXISTS (SELECT 1 FROM warnings WHERE run = ?1 AND message = ?3)",
            (self._state.key, position, storable(message)),
        )
