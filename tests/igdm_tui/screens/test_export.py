"""The export dialog: what it offers fits together, what it shows is what it writes."""

import pytest

from igdm_tui.report.request import FORMATS
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.export import ExportScreen
from igdm_tui.screens.export_choice import WHATS, ExportChoice, free_path, preview
from igdm_tui.store import Store
from igdm_tui.widgets.fields import FormRow
from igdm_tui.widgets.lines import Lines


@pytest.fixture
def two_runs(make_run):
    make_run("aaaa2222", created_at="2026-11-20T10:00:00.000Z", igdm__alpha=0.0)
    make_run("bbbb2222", created_at="2026-11-20T10:05:00.000Z", flags=("Square was best",))


async def opened(driver) -> ExportScreen:
    await driver.press("space", "space", "c", "E")
    await driver.until(lambda: isinstance(driver.app.screen, ExportScreen))
    return driver.app.screen


def row(screen, key) -> FormRow:
    return next(found for found in screen.query(FormRow) if found.key == key)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_first_lines_are_those_of_the_file(drive, two_runs, in_a_folder_of_its_own, size):
    async with drive(size) as driver:
        screen = await opened(driver)
        await driver.until(lambda: driver.shows("Export 2 runs", "\\begin{tabular}", "ctrl+s writes"))
        shown = screen.query_one("#preview", Lines).text
        await driver.press("ctrl+s")
        await driver.until(lambda: isinstance(driver.app.screen, CompareScreen))
        written = (in_a_folder_of_its_own / "igdm-results-2-runs.tex").read_text()
        assert written.rstrip() == "\n".join(line.rstrip() for line in shown.split("\n")).rstrip()
        assert "Square was best" in written
        await driver.until(lambda: any("Exported igdm-results-2-runs.tex" in toast for toast in driver.toasts))


async def test_formats_and_file_follow_what_is_chosen(drive, two_runs):
    async with drive() as driver:
        screen = await opened(driver)
        await driver.press("right", "right")
        await driver.until(lambda: row(screen, "what").text == "series")
        assert (row(screen, "to").text, row(screen, "path").text) == ("csv", "igdm-series-2-runs.csv")
        await driver.until(lambda: driver.shows("run,name,seed,by,metric"))
        row(screen, "what").text = "figure alignment"
        await driver.until(lambda: row(screen, "path").text == "igdm-alignment-2-runs.svg")
        await driver.until(lambda: driver.shows("AA against GC: 2 runs or experiments"))
        await driver.press("down", "right")
        await driver.until(lambda: row(screen, "to").text == "png")
        row(screen, "what").text = "figure loss"
        await driver.until(lambda: row(screen, "path").text == "igdm-loss-2-runs.png")
        await driver.press("escape")
        assert isinstance(driver.app.screen, CompareScreen)


async def test_a_file_that_is_there_is_told_before_it_is_replaced(drive, two_runs, in_a_folder_of_its_own):
    async with drive() as driver:
        screen = await opened(driver)
        there = in_a_folder_of_its_own / "mine.tex"
        there.write_text("old")
        row(screen, "path").text = "mine.tex"
        await driver.until(lambda: driver.shows("the file exists: ctrl+s twice replaces it"))
        row(screen, "what").text = "paper"
        await driver.until(lambda: driver.shows("\\cmidrule"))
        assert row(screen, "path").text == "mine.tex", "what somebody typed stays"
        await driver.press("ctrl+s")
        await driver.until(lambda: driver.shows("mine.tex exists: ctrl+s again replaces it     esc leaves"))
        row(screen, "path").text = "mine.te"
        await driver.until(lambda: driver.shows("ctrl+s writes"))
        row(screen, "path").text = "mine.tex"
        await driver.until(lambda: driver.shows("ctrl+s twice replaces it"))
        await driver.press("ctrl+s")
        await driver.until(lambda: driver.shows("again replaces it     esc"))
        assert there.read_text() == "old", "another name in between asks again"
        await driver.press("ctrl+s")
        await driver.until(lambda: isinstance(driver.app.screen, CompareScreen))
        assert "\\cmidrule" in there.read_text()


async def test_what_cannot_be_written_is_said_and_the_dialog_stays(drive, two_runs):
    async with drive() as driver:
        screen = await opened(driver)
        row(screen, "path").text = "nowhere/x.tex"
        await driver.press("ctrl+s")
        await driver.until(lambda: any("choose another place" in toast for toast in driver.toasts))
        assert driver.app.screen is screen


async def test_f4_copies_text_and_says_when_it_is_none(drive, two_runs):
    async with drive() as driver:
        screen = await opened(driver)
        await driver.press("f4")
        await driver.until(lambda: driver.app.clipboard.startswith("\\begin{tabular}"))
        row(screen, "what").text = "figure loss"
        await driver.until(lambda: screen.choice.to == "svg")
        row(screen, "to").text = "png"
        await driver.until(lambda: screen.choice.to == "png")
        await driver.press("f4")
        await driver.until(lambda: any("only a file can hold it" in toast for toast in driver.toasts))


async def test_p_gives_the_papers_table_without_a_question(drive, two_runs, in_a_folder_of_its_own):
    async with drive() as driver:
        await driver.press("space", "space", "c", "p")
        path = in_a_folder_of_its_own / "igdm-paper-2-runs.tex"
        await driver.until(lambda: driver.app.clipboard.startswith("% resnet"))
        assert path.read_text() == driver.app.clipboard
        await driver.press("p")
        await driver.until(lambda: path.with_name("igdm-paper-2-runs-2.tex").exists())


@pytest.mark.parametrize("what", WHATS)
def test_everything_on_offer_can_be_shown_and_named(home, two_runs, what):
    with Store.open(home) as store:
        store.ingest()
        runs = store.runs()
        assert ExportChoice(what=what).formats
        for to in ExportChoice(what=what).formats:
            choice = ExportChoice(what=what, to=to)
            assert choice.request.to == to
            assert preview(store, runs, choice)


def test_every_format_is_on_offer():
    assert {to for what in WHATS for to in ExportChoice(what=what).formats} == set(FORMATS)


def test_a_free_path_is_one(tmp_path):
    path = tmp_path / "a.tex"
    assert free_path(path) == path
    path.touch()
    assert free_path(path) == tmp_path / "a-2.tex"
    (tmp_path / "a-2.tex").touch()
    assert free_path(path) == tmp_path / "a-3.tex"
