"""Both ways of reading a line give what the standard library gives, and fail where it does."""

import json
import math

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from igdm_tui.store.json_lines import MANY_BYTES, parse_one, parser_for

PARSERS = (parse_one, parser_for(MANY_BYTES))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def outcome(parse, line):
    """What comes out, nan equal to itself; that it is refused, as a line that is no JSON is."""
    try:
        return repr(parse(line))
    except (ValueError, RecursionError):
        return "refused"


@pytest.mark.parametrize("parse", PARSERS)
@given(VALUES, st.booleans())
def test_what_json_writes_is_read_back(parse, value, is_ascii):
    line = json.dumps(value, ensure_ascii=is_ascii).encode("utf-8", "surrogatepass")
    assert outcome(parse, line) == outcome(lambda line: json.loads(line.decode()), line)


@pytest.mark.parametrize("parse", PARSERS)
@given(st.binary(max_size=60) | st.text('{}[]",:0123456789.eE+-\\u naulstrfINy\x00\t', max_size=40).map(str.encode))
@hypothesis.example(b'{"a":1,"a":2}')
@hypothesis.example(b'"\\ud800"')
@hypothesis.example(b' {"a":-0.0} ')
@hypothesis.example(b"1e999")
@hypothesis.example(b"[" * 100_000)
@hypothesis.example(b"[" * 500 + b"]" * 500)
@hypothesis.example(b"12345678901234567890123")
def test_any_line_gives_what_the_standard_library_gives(parse, line):
    assert outcome(parse, line) == outcome(lambda line: json.loads(line.decode()), line)


@pytest.mark.parametrize("parse", PARSERS)
@given(st.floats())
def test_every_float_is_read_exactly(parse, value):
    for text in (repr(value), f"{value:.8g}", f"{value:.30g}"):
        line = text.replace("inf", "Infinity").replace("nan", "NaN").encode()
        assert repr(parse(line)) == repr(json.loads(line)), text
    assert math.isnan(value) or parse(repr(value).replace("inf", "Infinity").encode()) == value
