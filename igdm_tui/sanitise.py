"""One border for text from outside: worker output, names, errors. What passes cannot steer a terminal.

Everything that reads such text in order to show it calls this; nothing else filters.
"""

import re

MAX_LINE = 4096
TAB = "    "

# Sequences first, whole; then whatever single control characters are left.
_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor, modes
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]?"  # any other escape
)
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but \t and \n, DEL, C1
    r"\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff"  # marks that turn or hide text
    r"\ud800-\udfff\ufff9-\ufffb\U000e0000-\U000e007f]"  # lone surrogates, annotations, invisible tags
)


def sanitise(text: str, *, longest: int | None = MAX_LINE) -> str:
    r"""Text without escape sequences, control characters and invisible marks; \n stays, \t becomes spaces.

    longest: characters of a line; an ellipsis says where one was cut. None: all, for what is written back.
    """
    text = _CONTROLS.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n"))).replace("\t", TAB)
    if longest is None or len(text) <= longest:
        return text
    return "\n".join(line if len(line) <= longest else line[: longest - 1] + "…" for line in text.split("\n"))


def sanitise_line(text: str) -> str:
    """The same as one line: newlines become spaces."""
    if text.isascii() and text.isprintable() and len(text) <= MAX_LINE:
        return text
    return sanitise(text.replace("\n", " "))
