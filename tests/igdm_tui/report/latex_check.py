"""A small reader of the LaTeX that tables are made of: it refuses what pdflatex would refuse."""

import re

COMMANDS = {
    "begin", "end", "toprule", "midrule", "bottomrule", "textbf", "underline", "multicolumn", "cmidrule", "pm", "par",
    "smallskip", "footnotesize", "scriptsize", "textbackslash", "textasciitilde", "textasciicircum", "textless",
    "textgreater", "textbar", "alpha", "beta", "gamma", "delta", "varepsilon", "eta", "lambda", "mu", "sigma", "tau",
}  # fmt: skip


def check_latex(text: str) -> None:
    """Raises AssertionError for unbalanced groups, unknown commands, loose specials and rows of unequal length."""
    body = re.sub(r"(?m)^%.*$", "", text)
    commands = re.findall(r"\\([A-Za-z]+)", re.sub(r"\\[^A-Za-z]", "", body))
    assert set(commands) <= COMMANDS, set(commands) - COMMANDS
    begins, ends = re.findall(r"\\begin\{(\w+)\}", body), re.findall(r"\\end\{(\w+)\}", body)
    assert begins == ends == ["tabular"] * len(begins)
    plain = re.sub(r"\\[^A-Za-z]|\\[A-Za-z]+", " ", body)
    assert not re.search(r"[~#%]", plain), "a special character is loose"
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    outside_maths = re.sub(r"\$[^$]*\$", "", plain)
    assert not set(outside_maths) & set("_^"), "an index outside mathematics"
    for tabular in re.findall(r"\\begin\{tabular\}(.*?)\\end\{tabular\}", body, re.DOTALL):
        check_rows(tabular)


def check_rows(tabular: str) -> None:
    columns, _, body = tabular.partition("}")
    width = len(columns.lstrip("{"))
    body = re.sub(r"\\(top|mid|bottom)rule|\\cmidrule\(lr\)\{[\d-]+\}", "", body)
    *rows, rest = re.split(r"\\\\\n", body)
    assert not rest.strip()
    for row in rows:
        assert not re.match(r"\s*[\[*]", row), "would be read as an option of the row before"
        cells = re.split(r"(?<!\\)&", row)
        spanned = [int(span) for span in re.findall(r"\\multicolumn\{(\d+)\}", row)]
        assert len(cells) - len(spanned) + sum(spanned) == width, row
