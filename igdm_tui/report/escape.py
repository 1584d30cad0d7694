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
# Pairs that LaTeX's fonts draw as one sign: -- as a dash, '' as a quotation mark, ?` turned over.
LATEX_PAIRS = re.compile(r"(?<=-)-|(?<=')'|(?<=`)`|(?<=,),|(?<=[?!])`")
# What pdflatex with its usual fonts knows beyond ASCII; one other character in a name would stop the whole document.
LATEX_KNOWN = frozenset(map(chr, [*range(0xA1, 0x180), *range(0x2013, 0x2017), *range(0x201C, 0x201F)]))
LATEX_KNOWN |= frozenset("\u2018\u2019\u2020\u2021\u2022\u2026\u2030\u20ac\u2122")
LATEX_KNOWN -= frozenset("\xab\xad\xbb\u2015\u2016ÐÞðþĄąĐđĘęĦħĮįĸĿŀŉŊŋŦŧŲųſ")
LATEX_GREEK = {
    "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$", "δ": r"$\delta$", "ε": r"$\varepsilon$", "η": r"$\eta$",
    "λ": r"$\lambda$", "μ": r"$\mu$", "σ": r"$\sigma$", "τ": r"$\tau$",
}  # fmt: skip
MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|~&#$])")
FORMULA_STARTS = tuple("=+-@＝＋－＠")
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def latex_text(text: str) -> str:
    """Text that LaTeX prints as it is; a character that its usual fonts have not got is named by its number."""
    parts = re.split(r"(\0)", LATEX_PAIRS.sub("\0\\g<0>", sanitise_line(text)))
    return "".join("{}" if part == "\0" else "".join(map(_latex_character, part)) for part in parts)


def _latex_character(character: str) -> str:
    if character.isascii() or character in LATEX_KNOWN:
        return LATEX_SPECIAL.get(character, character)
    return LATEX_GREEK.get(character, f"U+{ord(character):04X}")


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
