import pytest
from rich.cells import cell_len

from igdm_tui.widgets.text import bar, clip, fit, plain


@pytest.mark.parametrize("text", ["short", "a much longer text than that", "模型模型模型模型", "", "🙂🙂🙂🙂🙂"])
@pytest.mark.parametrize("width", [0, 1, 2, 7, 30])
def test_a_fitted_text_has_exactly_its_width(text: str, width: int):
    assert cell_len(fit(text, width)) == width
    assert cell_len(fit(text, width, right=True)) == width
    assert cell_len(clip(text, width)) <= width


def test_a_cut_text_says_so():
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcd", 4) == "abcd"


def test_any_data_is_one_harmless_line():
    assert plain("a\x1b[31mb\x1b]0;t\x07\x9b2J\n\u202ec [/]") == "ab c [/]"
    assert plain(None) == "None"


@pytest.mark.parametrize(
    ("share", "text"), [(0, "····"), (1, "████"), (0.5, "██··"), (0.53125, "██▏·"), (-3, "····"), (9, "████")]
)
def test_a_bar_is_filled_to_its_share(share: float, text: str):
    assert bar(share, 4) == text
