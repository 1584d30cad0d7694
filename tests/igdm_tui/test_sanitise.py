"""What passes the border cannot steer a terminal."""

import random
import unicodedata

import pytest

from igdm_tui.sanitise import MAX_LINE, sanitise, sanitise_line


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("plain text", "plain text"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[2J\x1b[1;1Hgone", "gone"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
        ("\x9d0;title\x9cafter", "after"),
        ("\x1bP1$r\x1b\\after", "after"),
        ("\x1b_apc\x1b\\after", "after"),
        ("\x1b(Bcharset", "charset"),
        ("\x1bcreset", "reset"),
        ("unfinished \x1b[", "unfinished "),
        ("unfinished \x1b", "unfinished "),
        ("\x1b]0;never closed\nnext line", "\nnext line"),
        ("nul\x00 bell\x07 back\x08", "nul bell back"),
        ("turn\u202eed\u2066 \u200bhidden", "turned hidden"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("tag\U000e0041", "tag"),
        ("a\tb\r\nc", "a    b\nc"),
        ("[/] [bold]markup[/bold]", "[/] [bold]markup[/bold]"),
        ("ümläut 漢字 é", "ümläut 漢字 é"),
    ],
)
def test_sequences_and_controls_are_dropped_and_text_stays(hostile, harmless):
    assert sanitise(hostile) == harmless


def test_one_line_stays_one_line():
    assert sanitise_line("a\nb\r\nc\x1b[2Kd") == "a b cd"


def test_long_lines_are_cut_and_say_so():
    cut = sanitise("x" * 100_000 + "\nshort").split("\n")
    assert len(cut[0]) == MAX_LINE
    assert cut[0].endswith("…")
    assert cut[1] == "short"


def test_random_text_never_keeps_a_control_character():
    chance = random.Random(0)
    alphabet = [chr(code) for code in (*range(0x100), 0x202E, 0x2028, 0x200F, 0xD800, 0xE0001)] + ["\x1b"] * 20
    for _ in range(3000):
        text = sanitise("".join(chance.choices(alphabet, k=40)))
        assert all(
            char == "\n" or unicodedata.category(char) not in ("Cc", "Cf", "Cs") or char == "\xad" for char in text
        )
