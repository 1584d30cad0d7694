"""The language of `igdm ls --filter` and of the filter line: which runs are meant.

    method=adaad and igdm.alpha>0 and has:autoattack_accuracy
    not (status=failed or tag:old) and name~"too hot" and age<2d

A condition is KEY SIGN VALUE with one of = != < <= > >= ~ (contains), `has:KEY` or `tag:WORD`; `not` binds before
`and`, `and` before `or`. Text is compared without regard to case; numbers may be written 8/255, 1e-3 or 50%. A run
without a value under a key fits `!=` and nothing else. docs/filter.md has the whole language.

A filter becomes one Python function over RunRow, because a run's status is derived and stands in no column.
"""

import math
import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from core.spec.errors import IgdmError
from igdm_tui.store.filter_keys import Key, UnknownKeyError, Vocabulary, as_number, as_text, nearest
from igdm_tui.store.rows import RunRow

DEEPEST = 50  # parentheses within parentheses
TOKEN = re.compile(
    r"\s*(?:(?P<paren>[()])|(?P<sign>!=|>=|<=|==|=|>|<|~|:)"
    r"|(?P<quoted>'[^']*'|\"[^\"]*\")|(?P<word>[^\s()!<>=~:'\"]+)|(?P<other>\S))"
)
VALUE = re.compile(r"\s*(?:(?P<quoted>'[^']*'|\"[^\"]*\")|(?P<word>[^\s()]+))")
HOW = "write key=value, key>0, key~text, has:key or tag:word, joined by and, or"
COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
DURATION = re.compile(r"(\d+(?:\.\d*)?)(s|m|h|d|w)")
DURATION_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}

Test = Callable[[RunRow], bool]


class FilterError(IgdmError):
    """A filter that cannot be understood. start, end: where, in characters of `text`; reason, advice: words."""

    def __init__(self, text: str, start: int, end: int, reason: str, advice: str) -> None:
        self.text, self.start, self.end = text, start, max(end, start + 1)
        self.reason, self.advice = reason, advice
        super().__init__(f"{reason} ({advice})\n  {text}\n  {self.marker}")

    @property
    def marker(self) -> str:
        """Spaces and carets that point at the place when they stand below the text."""
        return " " * self.start + "^" * (self.end - self.start)

    @property
    def is_unfinished(self) -> bool:
        """The text is right as far as it goes: more is awaited, or its last word may still grow."""
        return self.end >= len(self.text)


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter that was understood. keys: full names of what it asks about."""

    text: str
    matches: Test
    keys: frozenset[str]

    @property
    def is_empty(self) -> bool:
        """Every run fits."""
        return not self.text

    def apply(self, rows: Sequence[RunRow]) -> list[RunRow]:
        """The runs that fit, in the same order."""
        return [row for row in rows if self.matches(row)]


def parse_filter(text: str, vocabulary: Vocabulary) -> Filter:
    """Understand a filter; an empty one fits every run.

    Raises: FilterError pointing at the place, with the nearest name.
    """
    if not text.strip():
        return Filter("", lambda row: True, frozenset())
    parser = _Parser(text, vocabulary)
    return Filter(text.strip(), parser.whole(), frozenset(parser.keys))


def filtered(rows: Sequence[RunRow], text: str) -> list[RunRow]:
    """The runs that a filter means.

    Raises: FilterError.
    """
    return parse_filter(text, Vocabulary(rows)).apply(rows)


class _Parser:
    """Recursive descent over one text; each method reads what its name says and leaves `at` behind it."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self.text, self.vocabulary = text, vocabulary
        self.at = self.depth = 0
        self.keys: set[str] = set()

    def whole(self) -> Test:
        test = self.any_of()
        found = self.peek()
        if found is None:
            return test
        if found["paren"] == ")":
            raise self.error(found, "this ) closes nothing", "take it away, or open it before")
        raise self.error(found, f"{found[0].strip()!r} follows a whole condition", f"write and, or or between; {HOW}")

    def any_of(self) -> Test:
        tests = [self.all_of()]
        while self.take_word("or"):
            tests.append(self.all_of())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def all_of(self) -> Test:
        tests = [self.one()]
        while self.take_word("and"):
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        negated = False
        while self.take_word("not"):
            negated = not negated
        test = self.bracket() if (found := self.peek()) is not None and found[0].strip() == "(" else self.condition()
        return (lambda row: not test(row)) if negated else test

    def bracket(self) -> Test:
        opened = self.next()
        assert opened is not None
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(opened, f"more than {DEEPEST} parentheses within each other", "write it flatter")
        test = self.any_of()
        found = self.peek()
        if found is None:
            raise self.error_at(len(self.text), len(self.text), "a ( is never closed", "write the ) that belongs to it")
        if found[0].strip() != ")":
            raise self.error(
                found, f"{found[0].strip()!r} follows a whole condition", f"write and, or or ) here; {HOW}"
            )
        self.next()
        self.depth -= 1
        return test

    def condition(self) -> Test:
        word = self.next()
        if word is None:
            raise self.error_at(len(self.text), len(self.text), "a condition is missing", HOW)
        if not word["word"]:
            raise self.error(word, f"{word[0].strip()!r} begins no condition", HOW)
        sign = self.peek()
        if sign is None or not sign["sign"]:
            raise self.error(word, f"{self.text.strip()!r} is no condition", HOW)
        self.next()
        if word["word"].lower() == "has" and sign["sign"] in (":", "="):
            return self.has()
        key = self.key(word)
        value, start, end = self.value(key, sign)
        relation = "=" if sign["sign"] in ("==", ":") else sign["sign"]
        return self.comparison(key, relation, value, start, end)

    def has(self) -> Test:
        word = self.next()
        if word is None or not word["word"]:
            raise self.error_at(self.at, self.at, "has: needs a key", "write has:autoattack_accuracy or has:note")
        read = self.key(word).read
        return lambda row: read(row) not in (None, "", (), [], False)

    def key(self, word: "re.Match[str]") -> Key:
        try:
            key = self.vocabulary.resolve(word["word"])
        except UnknownKeyError as error:
            raise self.error(word, error.reason, error.advice) from error
        self.keys.add(key.name)
        return key

    def value(self, key: Key, sign: "re.Match[str]") -> tuple[str, int, int]:
        found = VALUE.match(self.text, self.at)
        if found is None:
            at = max(self.at, len(self.text.rstrip()))
            raise self.error_at(
                at, at, f"a value is missing after {key.name}{sign['sign']}", "quote values with spaces or parentheses",
            )  # fmt: skip
        self.at = found.end()
        group = "quoted" if found["quoted"] else "word"
        text = found[group][1:-1] if group == "quoted" else found[group]
        return text, found.start(group), found.end(group)

    def comparison(self, key: Key, relation: str, value: str, start: int, end: int) -> Test:
        read = key.read
        if relation == "~":
            wanted = value.casefold()
            return lambda row: (found := read(row)) is not None and wanted in as_text(found).casefold()
        number = _number_of(value, key)
        if key.is_number and number is None and relation not in ("=", "!="):
            raise self.error_at(
                start, end, f"{key.name} is a number and {value!r} is none", "write 0.5, 8/255, 1e-3 or 50%"
            )
        choices = self.vocabulary.choices(key) if relation in ("=", "!=") else ()
        if choices and value.casefold() not in (choice.casefold() for choice in choices):
            near = nearest(value, choices)
            advice = f"did you mean {near}?" if near else f"one of: {', '.join(choices)}"
            raise self.error_at(start, end, f"no {key.name} is called {value!r}", advice)
        return _compare(read, relation, value.casefold(), number)

    def peek(self) -> "re.Match[str] | None":
        return TOKEN.match(self.text, self.at)

    def next(self) -> "re.Match[str] | None":
        found = self.peek()
        if found is not None:
            self.at = found.end()
        return found

    def take_word(self, word: str) -> bool:
        """Read this word when it comes next and is no key."""
        found = self.peek()
        if found is None or (found["word"] or "").lower() != word:
            return False
        after = TOKEN.match(self.text, found.end())
        if after is not None and after["sign"]:
            return False
        self.at = found.end()
        return True

    def error(self, found: "re.Match[str]", reason: str, advice: str) -> FilterError:
        start = found.end() - len(found[0].lstrip())
        return self.error_at(start, found.end(), reason, advice)

    def error_at(self, start: int, end: int, reason: str, advice: str) -> FilterError:
        return FilterError(self.text, start, end, reason, advice)


def _number_of(text: str, key: Key) -> float | None:
    """The number a value means: also 8/255, 50 % and, where seconds are meant, 2d or 1.5h."""
    if key.is_seconds and (match := DURATION.fullmatch(text)):
        return float(match[1]) * DURATION_S[match[2]]
    if text.endswith("%") and (share := as_number(text[:-1])) is not None:
        return share / 100
    return as_number(text)


def _compare(read: Callable[[RunRow], Any], relation: str, text: str, number: float | None) -> Test:
    compare, if_none = COMPARISONS[relation], relation == "!="

    def test(row: RunRow) -> bool:
        value = read(row)
        if value is None:
            return if_none
        if isinstance(value, tuple):  # tags: one of them
            return (text in (as_text(entry).casefold() for entry in value)) != if_none
        if number is not None and (found := as_number(value)) is not None:
            return if_none if math.isnan(found) else bool(compare(found, number))
        return bool(compare(as_text(value).casefold(), text))

    return test
