"""What is put into a text field from elsewhere cannot steer a terminal."""

import pytest
from textual.app import App
from textual.events import Paste
from textual.suggester import SuggestFromList

from igdm_tui.widgets.text_field import TextField, TextPage

EVIL, HARMLESS = "na\x1b]52;c;RVZJTA==\x07me\x9b5m", "name"


class Fields(App):
    def compose(self):
        yield TextField(EVIL, suggester=SuggestFromList([f"other{EVIL}"]))
        yield TextPage()


@pytest.fixture
async def fields():
    app = Fields()
    async with app.run_test() as pilot:
        yield pilot, app.query_one(TextField), app.query_one(TextPage)


async def test_text_put_or_pasted_into_a_line_is_harmless(fields):
    pilot, line, _ = fields
    assert line.value == HARMLESS
    line.value = ""
    line.focus()
    pilot.app.post_message(Paste(EVIL))
    await pilot.pause()
    assert line.value == HARMLESS


async def test_what_a_line_is_offered_is_harmless(fields):
    pilot, line, _ = fields
    line.focus()
    line.value = "oth"
    line.action_end()
    for _ in range(100):
        await pilot.pause(0.01)
        if line._suggestion:
            break
    assert line._suggestion == f"other{HARMLESS}"
    await pilot.press("right")
    assert line.value == f"other{HARMLESS}"


async def test_text_pasted_into_a_page_is_harmless(fields):
    pilot, _, page = fields
    page.focus()
    pilot.app.post_message(Paste(f"{EVIL}\n\x1b[2Jtwo"))
    await pilot.pause()
    assert page.text == f"{HARMLESS}\ntwo"
