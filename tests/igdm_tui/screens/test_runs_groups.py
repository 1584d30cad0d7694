"""Groups of runs: one line per experiment with its seeds, or per anything else."""

import pytest

from core.spec.run_folder import RunFolder
from igdm_tui import preferences
from igdm_tui.screens.compare import CompareScreen
from igdm_tui.screens.run import RunScreen
from igdm_tui.screens.runs_selection import seed_numbers


@pytest.fixture(autouse=True)
def grouped(in_a_folder_of_its_own):
    """As a new user finds it."""
    preferences.path_of("runs").unlink()


@pytest.fixture
def seeds(make_run):
    """An experiment with three seeds, one of them failed, and a run that stands alone."""
    make_run("aaaa2222", created_at="2026-11-20T10:00:00.000Z", runtime__seed=0)
    make_run("bbbb2222", created_at="2026-11-20T10:01:00.000Z", runtime__seed=1)
    make_run("cccc2222", "failed", epochs_done=3, created_at="2026-11-20T10:02:00.000Z", runtime__seed=2)
    make_run("dddd2222", created_at="2026-11-20T10:03:00.000Z", method__name="ard", igdm__alpha=0.0)


def lines_of(driver) -> list[str]:
    return [entry.row.id[0] if not entry.is_group else "group" for entry in driver.app.screen.table.rows]


async def test_runs_that_differ_in_seed_are_one_line_with_mean_and_deviation(drive, seeds, home):
    async with drive((120, 36)) as driver:
        assert lines_of(driver) == ["d", "group"]
        assert driver.shows("▸ (3) adaad+igdm10 res", "2 of 3 done", "✗1 ✓2", "97.22 ±0.00")
        entry = driver.app.screen.table.rows[1]
        values = [run.metrics["autoattack_accuracy"] for run in entry.members if run.status == "finished"]
        mean = entry.mean("autoattack_accuracy")
        assert mean.n == 2
        assert mean.value == pytest.approx(sum(values) / 2)
        assert mean.std == pytest.approx(abs(values[0] - values[1]) / 2**0.5)
        assert entry.mean("nothing") is None


async def test_enter_unfolds_a_group_and_opens_its_runs(drive, seeds):
    async with drive() as driver:
        await driver.press("j", "enter")
        assert lines_of(driver) == ["d", "group", "c", "b", "a"]
        assert driver.shows("▾ (3)", "seed 2", "seed 0")
        await driver.press("j", "enter")
        assert isinstance(driver.app.screen, RunScreen)
        assert driver.app.screen.run_id == "cccc2222"
        await driver.press("q", "z")
        assert lines_of(driver) == ["d", "group"]
        assert driver.app.screen.table.cursor == 1, "on the group that was folded"


async def test_capital_z_unfolds_all_and_folds_them_again(drive, seeds):
    async with drive() as driver:
        await driver.press("Z")
        assert len(lines_of(driver)) == 5
        await driver.press("G", "Z")
        assert lines_of(driver) == ["d", "group"]
        assert driver.app.screen.table.selected.is_group


async def test_a_group_says_what_is_wrong_below(drive, seeds):
    async with drive() as driver:
        await driver.press("j")
        assert driver.shows(
            "3 runs, 1 failed, 2 finished; seeds 0, 1, 2", "mean ± std over 2 finished", "✗ seed 2: loss is nan"
        )


async def test_a_mark_on_a_group_marks_all_its_runs(drive, seeds):
    async with drive() as driver:
        await driver.press("j", "space")
        assert driver.app.screen.table.marked == {"aaaa2222", "bbbb2222", "cccc2222"}
        assert driver.shows("3 marked")
        await driver.press("Z", "k", "space")
        assert driver.shows("±")
        await driver.press("asterisk")
        assert len(driver.app.screen.table.marked) == 4
        await driver.press("u")
        assert not driver.app.screen.table.marked


async def test_c_on_a_group_compares_its_seeds(drive, seeds):
    async with drive() as driver:
        await driver.press("j", "c")
        assert isinstance(driver.app.screen, CompareScreen)
        assert sorted(driver.app.screen.run_ids) == ["aaaa2222", "bbbb2222", "cccc2222"]


async def test_groups_are_sorted_by_their_mean(drive, seeds):
    async with drive() as driver:
        table = driver.app.screen.table
        table.sort_by("autoattack_accuracy", reverse=True)
        assert lines_of(driver) == ["group", "d"]
        table.sort_by("autoattack_accuracy", reverse=False)
        assert lines_of(driver) == ["d", "group"]


async def test_b_groups_by_chosen_settings_and_by_none(drive, seeds):
    async with drive() as driver:
        await driver.press("b")
        assert driver.shows("Group by", "✓ experiment", "all settings but the seed")
        await driver.press("space", *"method", "space", "enter")
        assert driver.app.screen.table.group_by == ("method",)
        assert driver.shows("(3) method=adaad", "(1) method=ard", "per method")
        await driver.press("b", "space", "enter")
        assert lines_of(driver) == ["d", "c", "b", "a"]


async def test_the_cursor_stays_in_the_group_when_runs_arrive(drive, seeds, make_run):
    async with drive() as driver:
        await driver.press("j")
        make_run("eeee2222", created_at="2026-11-20T11:00:00.000Z", runtime__seed=3)
        await driver.until(lambda: driver.shows("(4) adaad"))
        assert driver.app.screen.table.selected.is_group
        assert lines_of(driver) == ["group", "d"], "the newest run brings its group to the top"


async def test_an_expected_run_inside_a_folded_group_selects_the_group(drive, seeds):
    async with drive() as driver:
        driver.app.screen.expect("aaaa2222")
        driver.app.screen.show_runs()
        assert driver.app.screen.table.selected.is_group


async def test_m_asks_for_seeds_and_launches_them(drive, seeds, home, monkeypatch):
    from igdm_tui.queue.tickets import queued_ids

    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: None)
    async with drive() as driver:
        await driver.press("j", "m")
        assert driver.shows("More seeds of adaad+igdm10", "there: 0, 1, 2")
        assert driver.app.screen.query_one("#answer").value == "3"
        await driver.press("backspace", *"1,5")
        assert driver.shows("seed 1 is there already")
        await driver.press("enter")
        assert not queued_ids(home), "what is wrong is not taken"
        await driver.press(*["backspace"] * 3, *"5,7", "enter")
        await driver.until(lambda: driver.shows("(5) adaad"))
        cards = sorted(
            (RunFolder(home.runs / run_id).read_run_json() for run_id in queued_ids(home)),
            key=lambda card: card["seed"],
        )
        assert [card["seed"] for card in cards] == [5, 7]
        assert any("waits in the queue" in toast for toast in driver.toasts)
        assert cards[0]["settings"]["igdm"]["alpha"] == 10
        assert cards[0]["command"] == ["igdm", "clone", "cccc2222", "--seed", "5"]


@pytest.mark.parametrize(
    ("text", "seeds"), [("", []), ("3", [3]), ("3,4", [3, 4]), ("1 3-5,3", [1, 3, 4, 5]), (" 0 ", [0])]
)
def test_seeds_are_read(text, seeds):
    assert seed_numbers(text) == seeds


@pytest.mark.parametrize("text", ["x", "-1", "3-", "5-3", "0-1000", "1.5", "٣" * 30])
def test_what_is_no_seed_is_said(text):
    from core.spec.errors import IgdmError

    with pytest.raises(IgdmError, match="seed"):
        seed_numbers(text)
