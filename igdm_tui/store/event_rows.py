"""What lines of an event file become: points, summaries, measurements, warnings, and changes of the run's state.

The way of one logged step is short, because there are millions; everything else goes through `decode_record`.
"""

import json
import math
import sqlite3
from operator import itemgetter
from typing import Any

from core.spec import events
from core.spec.catalogue import METRICS
from core.spec.events import BadLineError, Record, decode_record
from igdm_tui.store.line_checks import LARGEST_INTEGER, check_clocks, check_storable, number, reason
from igdm_tui.store.run_state import RunState, storable

ENDINGS = {events.RunFinished.type: "finished", events.RunStopped.type: "stopped", events.RunFailed.type: "failed"}
UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError)

_DECODER = json.JSONDecoder()

Point = tuple[int, int, int, float, float]


class EventRows:
    """Turns the lines of one run into rows, inside a transaction of the caller."""

    def __init__(self, connection: sqlite3.Connection, state: RunState) -> None:
        self._connection = connection
        self._state = state
        self._points: list[Point] = []
        self._series: dict[tuple[str, str], int] = {}
        self._step_series: dict[str, int] = {}

    def add_lines(self, lines: list[bytes], position: int) -> None:
        """Read complete lines that begin at a byte position; one that cannot be read becomes a warning."""
        for line in lines:
            kept = len(self._points)
            try:
                body = _json_object(line)
                if body["type"] == events.StepLogged.type:
                    self._add_step(body)
                else:
                    check_storable(body)
                    self._add_record(decode_record(line), position)
            except UNREADABLE as error:
                del self._points[kept:]
                self._warn(position, reason(line, position, error))
            position += len(line) + 1
        self._flush()

    def _add_step(self, body: dict[str, Any]) -> None:
        """One logged step, without a detour."""
        step, epoch, m, t = body["step"], body["epoch"], body["m"], body["t"]
        if type(step) is not int or type(epoch) is not int:
            raise BadLineError("step and epoch must be whole numbers")
        if not (0 <= step < LARGEST_INTEGER and 0 <= epoch < LARGEST_INTEGER):
            raise BadLineError("step or epoch is out of range")
        check_clocks(t, m)
        elapsed_s = self._state.elapsed_s(m)
        keys, points = self._step_series, self._points
        for name, said in body["metrics"].items():
            value = said if type(said) is float else number(said)
            key = keys.get(name)
            if key is None:
                key = keys[name] = self._series_key("step", name)
            points.append((key, step, epoch, elapsed_s, value))
        state = self._state
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
            state.ended = ENDINGS[event.type]
            state.attempt = max(state.attempt, getattr(event, "attempt", 0))  # it may end before it says it started
            state.error = event.error if isinstance(event, events.RunFailed) else ""
            state.end_attempt(record.m)
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
        for name, value in event.metrics.items():
            self._points.append((self._series_key("epoch", name), event.step, event.epoch, elapsed_s, value))

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
            self._summarise(source, name, [(state.step, value)])

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

    def _series_key(self, by: str, metric: str) -> int:
        """The series of a metric, made when it is new."""
        key = self._series.get((by, metric))
        if key is None:
            metric.encode()  # a lone surrogate is no name
            row = (self._state.key, by, metric)
            self._connection.execute("INSERT OR IGNORE INTO series (run, by, metric) VALUES (?, ?, ?)", row)
            query = "SELECT key FROM series WHERE run = ? AND by = ? AND metric = ?"
            key = self._series[by, metric] = int(self._connection.execute(query, row).fetchone()[0])
        return key

    def _flush(self) -> None:
        """Write the points and what they change in the summary; a step that is said again replaces the first."""
        values: dict[int, list[tuple[int, float]]] = {}
        for key, step, _, _, value in self._points:
            values.setdefault(key, []).append((step, value))
        names = {key: name for name, key in self._series.items()}
        for key, entries in values.items():
            self._summarise(*names[key], entries)
        self._points.sort(key=itemgetter(0))  # stable: each series lies together, in the order of its events
        self._connection.executemany("INSERT OR REPLACE INTO points VALUES (?, ?, ?, ?, ?)", self._points)
        self._points.clear()

    def _summarise(self, source: str, metric: str, entries: list[tuple[int, float]]) -> None:
        """Fold new values into the newest and the best of a metric; the first of equals stays the best."""
        better = METRICS[metric].better if metric in METRICS else ""
        row = (self._state.key, metric, source)
        query = "SELECT best, best_step FROM summary WHERE run = ? AND metric = ? AND source = ?"
        found: tuple[float | None, int | None] = self._connection.execute(query, row).fetchone() or (None, None)
        best, best_step = found
        for step, value in entries if better else ():
            ahead = best is None or (value > best if better == "higher" else value < best)
            if ahead and not math.isnan(value):
                best, best_step = value, step
        last_step, last = entries[-1]
        self._connection.execute(
            "INSERT OR REPLACE INTO summary VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, last, last_step, best, best_step)
        )


def _json_object(line: bytes) -> Any:
    """`json.loads` without its search for encodings and blanks, which takes half of its time on short lines."""
    text = line.decode()
    try:
        body, end = _DECODER.raw_decode(text)
    except ValueError:
        return json.loads(text)
    return body if end == len(text) else json.loads(text)
