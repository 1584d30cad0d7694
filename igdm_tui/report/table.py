"""A table as a reader sees it, and its forms: text, Markdown, LaTeX (booktabs), HTML. Inside, text is plain."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from igdm_tui.numbers import NOTHING
from igdm_tui.report.escape import latex_text, markdown_text, xml_text
from igdm_tui.report.text_table import Column, text_table
from igdm_tui.sanitise import sanitise_line

MEAN = re.compile(r"(-?[\d.]+) ± ([\d.]+) \((\d+)\)")  # as cell_text writes it
SIGNED = re.compile(r"[-+][\d.]+")
LATEX_RANKS = (r"\textbf{{{}}}", r"\underline{{{}}}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One cell. rank: 1 is the best of its column, 2 the second, 0 neither. marks: footnotes, counted from 1.

    small: what stands under the number where there is room (an interval).
    """

    text: str
    rank: int = 0
    marks: tuple[int, ...] = ()
    small: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows of equal length under a head; the first column holds names, the others numbers.

    spans: titles over several columns, as (title, number of columns) that add up to all of them; none: no such line.
    rules: positions of rows before which a line is drawn. notes: footnotes, the first has mark 1.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Entry]]
    title: str = ""
    spans: Sequence[tuple[str, int]] = ()
    rules: frozenset[int] = frozenset()
    notes: Sequence[str] = ()


def text(table: Table, *, width: int | None = None, bold: bool = False) -> str:
    """Aligned text; a star at the best, notes below. width: cells of the terminal, None for all columns."""
    head = [sanitise_line(title) for title in _full_head(table)]
    columns = []
    for place, title in enumerate(head):
        cells = [f"{row[place].text}{''.join(f' [{mark}]' for mark in row[place].marks)}" for row in table.rows]
        importance = 1000 - place
        columns.append(Column(title=title, cells=cells, right=place > 0, importance=importance, widest=44))
    best = {
        (number, head[place]) for number, row in enumerate(table.rows) for place, e in enumerate(row) if e.rank == 1
    }
    parts = [sanitise_line(table.title)] if table.title else []
    parts.append(text_table(columns, width=width, best=best, bold=bold))
    return "\n".join([*parts, *notes_text(table.notes)])


def notes_text(notes: Sequence[str]) -> list[str]:
    """Footnotes as lines of text."""
    return [f"[{mark}] {sanitise_line(note)}" for mark, note in enumerate(notes, 1)]


def markdown(table: Table) -> str:
    """A pipe table; the best in bold, the second underlined, notes as footnotes (GitHub, Pandoc)."""
    head = _full_head(table)
    rows = [[markdown_text(title) for title in head], ["---", *("---:" for _ in head[1:])]]
    for row in table.rows:
        rows.append([_cell(entry, markdown_text, ("**{}**", "<u>{}</u>"), _markdown_marks) for entry in row])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    if table.title:
        lines = [f"**{markdown_text(table.title)}**", "", *lines]
    if table.notes:
        lines += ["", *(f"[^{mark}]: {markdown_text(note)}" for mark, note in enumerate(table.notes, 1))]
    return "\n".join(lines)


def latex(table: Table) -> str:
    r"""A booktabs tabular; the best in bold, the second underlined, notes below it. Needs \usepackage{booktabs}.

    A deviation stands small beside its mean. How many runs there are is said once where it is the same everywhere.
    """
    counts = {found[3] for row in table.rows for entry in row if (found := MEAN.fullmatch(entry.text))}
    same = counts.pop() if len(counts) == 1 else ""
    lines = [f"% {latex_text(table.title)}"] if table.title else []
    lines += [rf"\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}", r"\toprule"]
    if table.spans:
        lines += _latex_spans(table.spans)
    lines += [" & ".join(latex_text(title) for title in table.head) + r" \\", r"\midrule"]
    for position, row in enumerate(table.rows):
        if position in table.rules and position:
            lines.append(r"\midrule")
        cells = [_latex_cell(entry, with_count=not same) for entry in row]
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}"]
    notes = [f"${{}}^{{{mark}}}$ {latex_text(note)}" for mark, note in enumerate(table.notes, 1)]
    notes += [rf"mean $\pm$ std over {same} runs"] if same else []
    if notes:
        lines += [r"\par\smallskip", r"{\footnotesize", *(rf"{note}\par" for note in notes), "}"]
    return "\n".join(lines)


def html(table: Table) -> str:
    """A <table> with its notes below; needs the classes of the page it goes into."""
    parts = ["<table>"]
    if table.title:
        parts.append(f"<caption>{xml_text(table.title)}</caption>")
    parts.append("<thead>")
    if table.spans:
        over = "".join(f'<th scope="colgroup" colspan="{width}">{xml_text(title)}</th>' for title, width in table.spans)
        parts.append(f"<tr>{over}</tr>")
    titles = "".join(f'<th scope="col">{xml_text(title)}</th>' for title in table.head)
    parts += [f"<tr>{titles}</tr>", "</thead>", "<tbody>"]
    for position, row in enumerate(table.rows):
        name, *cells = (_html_cell(entry) for entry in row)
        begin = '<tr class="rule">' if position in table.rules and position else "<tr>"
        parts.append(f'{begin}<th scope="row">{name}</th>' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    parts += ["</tbody>", "</table>"]
    if table.notes:
        notes = "".join(f"<li>{xml_text(note)}</li>" for note in table.notes)
        parts.append(f'<ol class="notes">{notes}</ol>')
    return "\n".join(parts)


def _full_head(table: Table) -> list[str]:
    """Titles of columns, each with the title that spans it."""
    if not table.spans:
        return list(table.head)
    over = [title for title, width in table.spans for _ in range(width)]
    return [f"{above} {title}".strip() for above, title in zip(over, table.head, strict=True)]


def _cell(
    entry: Entry, escape: Callable[[str], str], ranks: tuple[str, str], marks: Callable[[tuple[int, ...]], str]
) -> str:
    text = escape(entry.text)
    if entry.rank:
        text = ranks[entry.rank - 1].format(text)
    return text + (marks(entry.marks) if entry.marks else "")


def _latex_cell(entry: Entry, *, with_count: bool) -> str:
    found = MEAN.fullmatch(entry.text)
    if found is None:
        return _cell(entry, _latex_number, LATEX_RANKS, _latex_marks)
    number, std, count = found.groups()
    mean = _cell(replace(entry, text=number), _latex_number, LATEX_RANKS, _latex_marks)
    return rf"{mean} {{\scriptsize $\pm$ {std}{f' ({count})' if with_count else ''}}}"


def _latex_number(text: str) -> str:
    if SIGNED.fullmatch(text):
        return f"${text[0]}${text[1:]}"  # a minus, not a hyphen
    return "--" if text == NOTHING else latex_text(text).replace("±", r"$\pm$")


def _markdown_marks(marks: tuple[int, ...]) -> str:
    return "".join(f"[^{mark}]" for mark in marks)


def _latex_marks(marks: tuple[int, ...]) -> str:
    return f"$^{{{','.join(map(str, marks))}}}$"


def _latex_spans(spans: Sequence[tuple[str, int]]) -> list[str]:
    cells, rules, column = [], [], 1
    for title, width in spans:
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{latex_text(title)}}}" if title else " & " * (width - 1))
        if title:
            rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
        column += width
    return [" & ".join(cells) + r" \\", *([" ".join(rules)] if rules else [])]


def _html_cell(entry: Entry) -> str:
    text = xml_text(entry.text)
    if entry.rank:
        text = f"<strong>{text}</strong>" if entry.rank == 1 else f"<u>{text}</u>"
    if entry.marks:
        text += f"<sup>{','.join(map(str, entry.marks))}</sup>"
    return text + (f"<small>{xml_text(entry.small)}</small>" if entry.small else "")
