"""How a filter may go on at its end: names of keys, values that runs have, and the words between conditions."""

import re
from typing import NamedTuple

from igdm_tui.store.filter import HOW, FilterError, parse_filter
from igdm_tui.store.filter_keys import UnknownKeyError, Vocabulary

MOST = 12
AFTER_SIGN = re.compile(r"(?P<key>[^\s()!<>=~:'\"]+)\s*(?:!=|>=|<=|==|=|>|<|~|:)\s*(?P<value>[^\s()'\"]*)$")
LAST_WORD = re.compile(r"[^\s()!<>=~:'\"]*$")


class Completion(NamedTuple):
    """words: what may stand from `start` to the end of the text, likeliest first."""

    start: int
    words: list[str]


def complete(text: str, vocabulary: Vocabulary) -> Completion:
    """Ways to go on with the last word of a text; no words when it stands inside quotes or is complete."""
    after_sign = AFTER_SIGN.search(text)
    if after_sign is not None:
        start, begun = after_sign.start("value"), after_sign["value"]
        if after_sign["key"].lower() == "has":
            return Completion(start, _beginning(begun, vocabulary.names()))
        try:
            values = vocabulary.values(vocabulary.resolve(after_sign["key"]))
        except UnknownKeyError:
            return Completion(start, [])
        return Completion(start, _beginning(begun, [_quoted(value) for value in values]))
    start = len(text) - len(LAST_WORD.search(text)[0])  # type: ignore[index]
    begun, before = text[start:], text[:start]
    if before.count("'") % 2 or before.count('"') % 2:
        return Completion(start, [])
    if _is_complete(before, vocabulary):
        return Completion(start, _beginning(begun, ["and", "or"]))
    return Completion(start, _beginning(begun, [*vocabulary.names(), "not", "has:", "tag:"]))


def _is_complete(text: str, vocabulary: Vocabulary) -> bool:
    """True when conditions up to here are whole, inside of open parentheses too."""
    if not text.strip():
        return False
    try:
        parse_filter(text, vocabulary)
    except FilterError as error:
        return error.start >= len(text) and error.advice != HOW
    return True


def _beginning(begun: str, words: list[str]) -> list[str]:
    """Words that begin so, then settings whose last part does; what is there already is no way to go on."""
    folded = begun.casefold()
    whole = [word for word in words if word.lstrip("'\"").casefold().startswith(folded)]
    last = [word for word in words if "." in word and word.rsplit(".", 1)[-1].casefold().startswith(folded)]
    found = list(dict.fromkeys([*whole, *last])) if begun else whole
    return [word for word in found if word != begun][:MOST]


def _quoted(value: str) -> str:
    if re.fullmatch(r"[^\s()'\"]+", value):
        return value
    return f'"{value}"' if '"' not in value else f"'{value}'"
