import json
import math
from dataclasses import MISSING, fields

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.spec.events import (
    EVENT_TYPES,
    AttackFinished,
    BadLineError,
    EpochFinished,
    Record,
    RunStarted,
    StepLogged,
    Warned,
    decode_record,
    encode_record,
)
from core.spec.json_values import plain

EXAMPLES = {int: 3, float: 0.5, str: "x", bool: True, int | None: 4}


def example(cls):
    """An event of a type with every field filled."""
    values = {}
    for entry in fields(cls):
        values[entry.name] = EXAMPLES.get(entry.type)
        if values[entry.name] is None:
            text = str(entry.type)
            values[entry.name] = ["a", "b"] if "list" in text else {"k": "v"} if "str, str" in text else {"k": 0.25}
    return cls(**values)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_reads_back_equal(name):
    record = Record(seq=7, t=1.5, m=2.5, event=example(EVENT_TYPES[name]))
    line = encode_record(record)
    assert line.endswith("\n")
    assert line.count("\n") == 1
    assert decode_record(line) == record


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_reads_back_equal_at_its_defaults(name):
    cls = EVENT_TYPES[name]
    needed = [e.name for e in fields(cls) if e.default is MISSING and e.default_factory is MISSING]
    filled = example(cls)
    event = cls(**{key: getattr(filled, key) for key in needed})
    assert decode_record(encode_record(Record(seq=1, t=0, m=0, event=event))).event == event


@given(st.text())
def test_any_text_survives(text):
    record = Record(seq=1, t=0, m=0, event=Warned(message=text))
    line = encode_record(record).encode("utf-8", "surrogatepass")
    assert line.count(b"\n") == 1
    assert decode_record(line.decode("utf-8", "surrogatepass")) == record


def test_numbers_that_are_not_finite_survive():
    event = StepLogged(epoch=1, step=1, metrics={"a": math.nan, "b": math.inf, "c": -math.inf})
    metrics = decode_record(encode_record(Record(seq=1, t=0, m=0, event=event))).event.metrics
    assert math.isnan(metrics["a"])
    assert (metrics["b"], metrics["c"]) == (math.inf, -math.inf)


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_a_float32_keeps_at_least_seven_digits(value):
    event = StepLogged(epoch=1, step=1, metrics={"loss": value})
    back = decode_record(encode_record(Record(seq=1, t=0, m=0, event=event))).event.metrics["loss"]
    assert back == pytest.approx(value, rel=1e-7, abs=1e-300)


def test_fields_of_a_newer_version_are_ignored():
    record = decode_record('{"seq":1,"t":0,"m":0,"type":"warning","message":"a","colour":"red"}')
    assert record.event == Warned(message="a")


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "null", '{"type":"warning"}', '{"seq":1,"t":0,"m":0,"type":"no_such","x":1}',
     '{"seq":1,"t":0,"m":0,"type":"step","epoch":"one","step":1,"metrics":{}}',
     '{"seq":1,"t":0,"m":0,"type":"step","epoch":1,"step":1,"metrics":[1]}', "\x00\x00"],
)  # fmt: skip
def test_a_line_that_is_no_record_is_refused(line):
    with pytest.raises(BadLineError):
        decode_record(line)


@given(st.binary(max_size=80))
def test_no_bytes_raise_anything_but_a_bad_line(data):
    try:
        record = decode_record(data)
    except BadLineError:
        return
    assert decode_record(encode_record(record)) == record


def test_a_step_with_eight_losses_stays_small():
    event = StepLogged(epoch=10, step=12345, metrics={f"loss_{k}": 0.12345678 for k in range(8)})
    assert len(encode_record(Record(seq=12345, t=1763670000.123, m=1234.567, event=event))) < 300


def test_started_carries_the_version_of_the_form():
    event = RunStarted(attempt=1, pid=1, started_at=0.0, host="h", device="cpu", threads=1, epochs=1, steps_per_epoch=1)
    assert '"version":1' in encode_record(Record(seq=1, t=0, m=0, event=event))


def test_large_counts_and_percentages_are_not_rounded():
    event = AttackFinished(
        evaluation="e", attack="clean", metrics={"clean_accuracy": 355 / 359}, examples=359, seconds=1
    )
    back = decode_record(encode_record(Record(seq=1, t=0, m=0, event=event))).event
    assert back.metrics["clean_accuracy"] == pytest.approx(355 / 359, abs=1e-8)
    epoch = EpochFinished(epoch=1, step=123456789, elapsed_s=1, metrics={"n": 123456789.0})
    assert decode_record(encode_record(Record(seq=1, t=0, m=0, event=epoch))).event.metrics["n"] == 123456789.0


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.floats(), max_size=4),
    st.integers(0, 2**53),
    st.floats(0, 1e10),
)
@hypothesis.example({"50%": 0.5, "%s": 1.0, '"': -1e-7}, 1, 1.0)
@hypothesis.example({"images": 123456789.0, "loss": 1 / 3}, 1, 1.0)
def test_the_short_way_of_a_step_says_what_the_long_one_does(metrics, step, clock):
    event = StepLogged(epoch=3, step=step, metrics=metrics)
    body = json.loads(encode_record(Record(seq=9, t=clock, m=clock, event=event)))
    assert (body["seq"], body["type"], body["epoch"], body["step"]) == (9, "step", 3, step)
    assert body["t"] == body["m"] == round(clock, 3)
    assert body["metrics"] == json.loads(json.dumps(plain(metrics)))
