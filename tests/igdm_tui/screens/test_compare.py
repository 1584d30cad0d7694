import re

import pytest

from core.evaluation.outcome import Outcome, StateFile, write_outcome
from core.spec.config import RunConfig
from core.spec.event_file import EventWriter
from core.spec.events import AttackFinished
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
        await driver.press("5")
        await driver.until(lambda: driver.shows("igdm.alpha"))
        text = driver.app.screen.query_one("#differences").text
        assert [line.split()[0] for line in text.split("\n")[1:]] == ["igdm.alpha", "attack.epsilon"]
        assert "8/255" in text
        assert "batch_size" not in text


async def test_equal_settings_say_so(drive, make_run):
    make_run("aaaa2222")
    make_run("bbbb2222")
    async with drive() as driver:
        await driver.press("space", "space", "c", "5")
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


async def test_x_goes_through_epochs_steps_and_seconds(drive, three_runs):
    async with drive() as driver:
        chart = await compared(driver)
        assert len(chart.lines[1].ys) == 30
        while not chart.title.startswith("loss"):
            before = chart.title
            await driver.press("m")
            await driver.until(lambda before=before: chart.title != before)
        await driver.press("x")
        await driver.until(lambda: chart.x_title == "step")
        assert len(chart.lines[1].ys) == 60
        await driver.press("x")
        await driver.until(lambda: chart.x_title == "seconds")
        await driver.press("x")
        await driver.until(lambda: chart.x_title == "epoch")


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
        await driver.press("5")
        await driver.until(lambda: driver.shows("runtime.seed"))


def test_settings_that_one_run_lacks_are_differences():
    assert differing_settings([{"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}]) == {"a.c": [None, 2]}


def test_a_run_from_before_a_setting_was_known_went_by_its_default():
    settings = RunConfig().model_dump(mode="json")
    old = settings | {"optim": {key: value for key, value in settings["optim"].items() if key != "schedule"}}
    assert differing_settings([settings, old]) == {}
    cosine = settings | {"optim": settings["optim"] | {"schedule": "cosine"}}
    assert differing_settings([cosine, old]) == {"optim.schedule": ["cosine", "multistep"]}


@pytest.fixture
def two_experiments(make_run):
    for seed in range(3):
        minute = f"2026-11-20T10:0{seed}"
        make_run(f"aaaa222{seed + 2}", created_at=f"{minute}:00.000Z", igdm__alpha=0.0, runtime__seed=seed)
        make_run(f"bbbb222{seed + 2}", created_at=f"{minute}:30.000Z", runtime__seed=seed)


async def all_compared(driver, runs: int) -> LineChart:
    await driver.press("g", *["space"] * runs, "c")
    chart = driver.app.screen.query_one("#chart", LineChart)
    await driver.until(lambda: chart.lines)
    await driver.pilot.pause()
    return chart


def keep_verdicts(home, run_id: str, robust: str) -> None:
    outcome = Outcome(metrics={}, examples=len(robust), seconds=1.0, seed=0, robust=robust, images="same")
    file = home.runs / run_id / "evaluation" / "final" / "autoattack.json"
    write_outcome(StateFile(file, "key"), outcome)


async def test_seeds_of_one_experiment_are_one_line_with_a_band_and_t_takes_them_apart(drive, two_experiments):
    async with drive((160, 48)) as driver:
        chart = await all_compared(driver, 6)
        assert {line.label for line in chart.lines} == {"adaad resnet16", "adaad+igdm10 resnet16"}
        assert all(line.band is not None for line in chart.lines)
        assert driver.shows("2 experiments of 6 runs", "72.22*±0.00")
        await driver.press("t")
        await driver.until(lambda: len(chart.lines) == 6)
        assert all(line.band is None for line in chart.lines)
        assert driver.shows("6 runs")


async def test_a_number_of_one_run_of_a_group_says_so(drive, make_run):
    for seed in range(3):
        make_run(f"aaaa222{seed + 2}", igdm__alpha=0.0, runtime__seed=seed)
        make_run(f"bbbb222{seed + 2}", "running" if seed else "finished", runtime__seed=seed)
    async with drive((160, 48)) as driver:
        await all_compared(driver, 6)
        assert driver.shows("70.00 ±0.00", "72.22* (1)")


async def test_tests_over_seeds_against_a_baseline_of_ones_choice(drive, two_experiments):
    async with drive((160, 48)) as driver:
        await all_compared(driver, 6)
        await driver.press("1")
        await driver.until(lambda: driver.shows("paired t test against A", "baseline", "(n=3)"))
        before = next(line for line in driver.lines if "(n=3)" in line)
        await driver.press("j", "b")
        await driver.until(lambda: driver.shows("paired t test against B"))
        after = next(line for line in driver.lines if "(n=3)" in line)
        value = re.search(r"([+-])(\d+\.\d+) p=", before)
        assert value
        assert f"{'-' if value[1] == '+' else '+'}{value[2]} p=" in after, "the other way round"


async def test_tests_over_the_same_images_count_who_was_right_alone(drive, home, make_run):
    make_run("aaaa2222", created_at="2026-11-20T10:00:00.000Z", igdm__alpha=0.0)
    make_run("bbbb2222", created_at="2026-11-20T10:05:00.000Z")
    keep_verdicts(home, "aaaa2222", "1100" * 90)
    keep_verdicts(home, "bbbb2222", "1110" * 89 + "0100")
    async with drive((120, 40)) as driver:
        await all_compared(driver, 2)
        first = driver.app.screen.reading.entries[0].line.runs[0].id
        await driver.press("1")
        await driver.until(lambda: driver.shows("McNemar"))
        assert driver.shows("(89:1)" if first == "aaaa2222" else "(1:89)", "p=<0.0001")


async def test_a_flag_stands_at_its_number_and_is_said_under_the_intervals(drive, make_run):
    flag = "12% of images have no input gradient"
    make_run("aaaa2222", created_at="2026-11-20T10:00:00.000Z", igdm__alpha=0.0)
    make_run("bbbb2222", created_at="2026-11-20T10:05:00.000Z", flags=(flag,))
    async with drive((160, 48)) as driver:
        await all_compared(driver, 2)
        marked = [line for line in driver.lines if re.search(r"!\d", line)]
        assert len(marked) == 1, "beside the doubted accuracy and nowhere else"
        letter = marked[0].split()[0]
        await driver.press("1")
        await driver.until(lambda: driver.shows(f"! {letter}: {flag}"))


async def test_runs_without_verdicts_say_why_there_is_no_test(drive, three_runs):
    async with drive((160, 48)) as driver:
        await compared(driver)
        await driver.press("1")
        await driver.until(lambda: driver.shows("no test: no verdicts per image were kept"))
        assert driver.shows("baseline B"), "the first that was evaluated"
        await driver.press("g", "b")
        await driver.until(lambda: driver.shows("A was not measured"))


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (100, 24), (160, 48)])
async def test_why_there_is_no_test_is_said_at_every_size(drive, make_run, size):
    for seed in range(2):
        make_run(f"aaaa222{seed + 2}", igdm__alpha=0.0, runtime__seed=seed)
        make_run(f"bbbb222{seed + 2}", runtime__seed=seed)
    async with drive(size) as driver:
        await all_compared(driver, 4)
        await driver.press("1")
        row, note = "no test: 2 common seeds, 3 are needed", "no test of B: 2 common seeds, 3 are needed"
        await driver.until(lambda: driver.shows(row if size[0] == 160 else note))
        forest = driver.app.screen.query_one("#forest")
        assert max(map(len, forest.text.split("\n"))) <= forest.size.width


async def test_a_scatter_has_a_letter_per_run_a_line_and_its_correlation(drive, two_experiments):
    async with drive((120, 40)) as driver:
        await all_compared(driver, 6)
        await driver.press("3")
        await driver.until(lambda: driver.shows("AA against GC", "n = 6"))
        await driver.press("m")
        await driver.until(lambda: driver.shows("AA against GD"))
        await driver.press("M")
        await driver.until(lambda: driver.shows("PGD-20 against GD"))


async def test_accuracy_against_epsilon_says_what_it_needs(drive, three_runs):
    async with drive((120, 40)) as driver:
        await compared(driver)
        await driver.press("4")
        await driver.until(lambda: driver.shows("no accuracy at two or more epsilons"))


def sweep_radii(folder, drop: float, *, first: float = 0.9, levels=(8, 12, 16)) -> None:
    """Say accuracies that fall by `drop` from level to level."""
    writer = EventWriter(folder.events)
    for level in levels:
        accuracy = first - drop * level
        writer.write(
            AttackFinished(
                evaluation="final", attack=f"pgd20-at-{level}", metrics={f"pgd20_at_{level}_accuracy": accuracy},
                examples=360, correct=round(accuracy * 360), seconds=1.0, parameters={"epsilon": level / 255},
            )
        )  # fmt: skip
    writer.close()


async def test_accuracy_against_epsilon_from_a_sweep(drive, make_run):
    for run_id, drop in (("aaaa2222", 0.02), ("bbbb2222", 0.03)):
        sweep_radii(make_run(run_id, igdm__alpha=100 * drop), drop)
    async with drive((120, 40)) as driver:
        await all_compared(driver, 2)
        await driver.press("4")
        chart = driver.app.screen.query_one("#radii", LineChart)
        await driver.until(lambda: len(chart.lines) == 2)
        assert list(chart.lines[0].xs)[-1] == pytest.approx(16)
        assert chart.lines[0].band is not None
        assert chart.title.endswith(", 95 % interval")


@pytest.mark.parametrize(
    ("seeds", "said"), [((2, 2), "± std"), ((2, 1), "± std or 95 % interval"), ((1, 1), "95 % interval")]
)
async def test_what_lies_around_the_accuracy_over_epsilon_is_said(drive, make_run, seeds, said):
    for seed in range(2):
        for letter, alpha, swept in zip("ab", (0.0, 10.0), seeds, strict=True):
            folder = make_run(f"{letter * 4}222{seed + 2}", igdm__alpha=alpha, runtime__seed=seed)
            if seed < swept:
                sweep_radii(folder, 0.02)
    async with drive((120, 40)) as driver:
        await all_compared(driver, 4)
        await driver.press("4")
        chart = driver.app.screen.query_one("#radii", LineChart)
        await driver.until(lambda: len(chart.lines) == 2)
        assert chart.title.endswith(f", {said}")
        assert driver.shows(said)


async def test_o_sorts_by_a_metric_best_first_and_comes_round(drive, three_runs):
    async with drive((160, 48)) as driver:
        await compared(driver)
        table = driver.app.screen.query_one("#results")
        await driver.press("o", "o", "o", "o")
        assert table.sort_key == "autoattack_accuracy"
        values = [row.line.cells["autoattack_accuracy"].value for row in table.rows[:2]]
        assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (160, 48)])
async def test_every_pane_is_drawn_at_every_size(drive, three_runs, size):
    async with drive(size) as driver:
        await compared(driver)
        for pane in "12345":
            await driver.press(pane, "m", "z", "z")
        assert not driver.toasts
