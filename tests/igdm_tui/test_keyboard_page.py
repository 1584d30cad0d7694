import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_keys_is_up_to_date():
    page = runpy.run_path(str(DOCS / "keyboard.py"))["page"]()
    assert (DOCS / "keyboard.md").read_text(encoding="utf-8") == page, "run: python docs/keyboard.py"
