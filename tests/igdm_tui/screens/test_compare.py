import pytest

from core.spec.config import RunConfig
from igdm_tui.screens.compare_data import differing_settings
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs import RunsScreen
from igdm_tui.widgets.line_chart import LineChart


@pytest.fixture
def three_runs(make_run):
    make_run("aaaa2222", created_at="2026-11-20T10:00:00.000Z", igdm__alpha=0.0)
    make_run("bbbb2222", created_at="2026-11-20T10:05:00.000Z")
    make_run("cccc2222", "running", created_at="2026-11-20T10:10:00.000Z", epochs_done=4, attack__epsilon="8/255")


async def compared(driver) -> LineChart:
    await driver.press("space", "space", "space", "c")
    chart = driver.app.screen.query_one("#chart", LineChart)
    await driver.until(lambda: chart.lines)
    await driver.pilot.pause()
    return chart


async def test_the_best_of_each_metric_has_a_star(drive, three_runs):
    async with drive((160, 48)) as driver:
        await compared(driver)
        best = next(line for line in driver.lines if line.strip().startswith("B "))
        assert "85.00*" in best
        assert "72.22*" in best
        assert "0.650*" in best
        assert "97.22*" not in driver.text, "equal values have no best"


async def test_only_settings_that_differ_are_listed(drive, three_runs):
    async with drive() as driver:
        await compared(driver)
        text = driver.app.screen.query_one("#differences").text
        assert [line.split()[0] for line in text.split("\n")[1:]] == ["igdm.alpha", "attack.epsilon"]
        assert "8/255" in text
        assert "batch_size" not in text


async def test_equal_settings_say_so(drive, make_run):
    make_run("aaaa2222")
    make_run("bbbb2222")
    async with drive() as driver:
        await driver.press("space", "space", "c")
        await driver.until(lambda: driver.shows("All settings are equal."))


async def test_every_run_has_one_letter_and_colour_everywhere(drive, three_runs):
    async with drive() as driver:
        chart = await compared(driver)
        assert [(line.mark, line.colour) for line in chart.lines] == [("A", 0), ("B", 1), ("C", 2)]
        await driver.press("m")
        await driver.until(lambda: "val clean" in chart.title)
        assert [(line.mark, line.colour) for line in chart.lines] == [("A", 0), ("B", 1), ("C", 2)]


async def test_m_goes_through_the_metrics_and_capital_m_back(drive, three_runs):
    async with drive() as driver:
        chart = await compared(driver)
        first = chart.title
        await driver.press("m")
        await driver.until(lambda: chart.title != first)
        await driver.press("M")
        await driver.until(lambda: chart.title == first)


async def test_accuracies_are_in_percent(drive, three_runs):
    async with drive() as driver:
        chart = await compared(driver)
        while not chart.title.startswith("val PGD"):
            before = chart.title
            await driver.press("m")
            await driver.until(lambda before=before: chart.title != before)
        assert chart.percent


async def test_x_switches_between_epochs_and_steps(drive, three_runs):
    async with drive() as driver:
        chart = await compared(driver)
        assert len(chart.lines[1].ys) == 30
        await driver.press("x")
        await driver.until(lambda: chart.x_title == "step")
        assert len(chart.lines[1].ys) == 60


async def test_the_chart_can_have_the_screen_and_a_log_axis(drive, three_runs):
    async with drive() as driver:
        chart = await compared(driver)
        await driver.press("y")
        assert chart.logarithmic
        height = chart.size.height
        await driver.press("z")
        assert chart.size.height > height
        await driver.press("escape")
        assert chart.size.height == height


async def test_enter_opens_the_run_under_the_cursor_and_q_comes_back(drive, three_runs):
    async with drive() as driver:
        await compared(driver)
        await driver.press("j", "enter")
        assert isinstance(driver.app.screen, RunScreen)
        assert driver.app.screen.run_id == "bbbb2222"
        await driver.press("q", "q")
        assert isinstance(driver.app.screen, RunsScreen)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 48)])
async def test_ten_runs_fit_every_size(drive, make_run, size):
    for number in range(10):
        make_run(f"aaaa222{'23456789ab'[number]}", runtime__seed=number)
    async with drive(size) as driver:
        await driver.press(*["space"] * 10, "c")
        chart = driver.app.screen.query_one("#chart", LineChart)
        await driver.until(lambda: len(chart.lines) == 10)
        await driver.pilot.pause()
        assert chart.size.height >= 5
        assert driver.shows("runtime.seed")


def test_settings_that_one_run_lacks_are_differences():
    assert differing_settings([{"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}]) == {"a.c": [None, 2]}


def test_a_run_from_before_a_setting_was_known_went_by_its_default():
    settings = RunConfig().model_dump(mode="json")
    old = settings | {"optim": {key: value for key, value in settings["optim"].items() if key != "schedule"}}
    assert differing_settings([settings, old]) == {}
    cosine = settings | {"optim": settings["optim"] | {"schedule": "cosine"}}
    assert differing_settings([cosine, old]) == {"optim.schedule": ["cosine", "multistep"]}
