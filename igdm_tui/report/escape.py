"""Text from outside, made harmless for the kind of file it goes into. Everything here sanitises first."""

import html
import re

from igdm_tui.sanitise import sanitise_line

LATEX_SPECIAL = {
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
    **{character: f"{{{character}}}" for character in "[]*"},  # at the start of a row they would be an option of \\
    **{character: f"\\{character}" for character in "_%&#${}"},
}  # fmt: skip
MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#$])")
FORMULA_STARTS = tuple("=+-@＝＋－＠")
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is."""
    return "".join(LATEX_SPECIAL.get(character, character) for character in sanitise_line(text))


def markdown_text(text: str) -> str:
    """Text that Markdown prints as it is, in a cell of a pipe table too."""
    return MARKDOWN_SPECIAL.sub(r"\\\1", sanitise_line(text))


def xml_text(text: str) -> str:
    """Text for HTML and SVG, in attributes too: no character that XML forbids, nothing that is markup."""
    return html.escape(NOT_XML.sub("", sanitise_line(text)), quote=True)


def csv_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: such a start gets an apostrophe before it."""
    shown = sanitise_line(text)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA_STARTS) else shown
