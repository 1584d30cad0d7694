"""How runs are listed: filter, columns, order, only what differs; labels; what is kept over restarts."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from core.spec.run_folder import RunFolder
from igdm_tui import preferences
from igdm_tui.screens.runs_view import View, load_view
from igdm_tui.store.labels import change_labels, read_labels

SPECIAL = {"=": "equals_sign", ">": "greater_than_sign", ".": "full_stop", " ": "space", ":": "colon", "-": "minus"}


def typed(text: str) -> list[str]:
    return [SPECIAL.get(letter, letter) for letter in text]


def names(driver) -> str:
    return "".join(entry.row.id[0] for entry in driver.app.screen.table.rows)


async def test_a_filter_holds_while_it_is_typed_and_escape_ends_it(drive, full_home):
    async with drive() as driver:
        await driver.press("f", *typed("status=failed"))
        assert names(driver) == "d"
        assert driver.shows("filter status=failed", "1 match")
        await driver.press("enter", "j")
        assert driver.shows("filter status=failed"), "the line stays while the filter holds"
        await driver.press("escape")
        assert names(driver) == "fedcba"
        assert not driver.shows("filter status")


async def test_a_mistake_is_pointed_at_and_the_last_good_filter_holds(drive, full_home):
    async with drive() as driver:
        await driver.press("f", *typed("seed=1 and alfa=3 or seed=0"))
        marked = next(line for line in driver.lines if "^^^^" in line)
        below = driver.lines[driver.lines.index(marked) - 1]
        assert below.index("alfa") == marked.index("^")
        assert driver.shows("no run has 'alfa'", "did you mean")
        assert names(driver) == "c", "seed=1 was understood"


async def test_words_are_offered_and_tab_takes_the_first(drive, full_home):
    async with drive() as driver:
        await driver.press("f", *typed("stat"))
        assert driver.shows("status")
        await driver.press("tab", *typed("=lo"), "tab")
        assert driver.app.screen.filter_line.text == "status=lost"
        assert names(driver) == "f"
        await driver.press("space")
        assert driver.shows("and  or")


async def test_a_filter_without_a_run_says_so(drive, full_home):
    async with drive() as driver:
        await driver.press("f", *typed("seed=99"), "enter")
        assert driver.shows("No run fits the filter: seed=99", "f changes it, esc ends it")


async def test_columns_are_chosen_moved_and_kept(drive, full_home):
    async with drive((160, 48)) as driver:
        await driver.press("C")
        assert driver.shows("Columns beside status and name", "✓ method")
        await driver.press(*typed("optim.num"), "space", "ctrl+up", "enter")
        assert "optim.num_epochs" in driver.app.screen.table.chosen
        await driver.press("C", "space", "enter")
        assert "method" not in driver.app.screen.table.chosen
        await driver.press("q")
        await driver.until(lambda: not driver.app.is_running)
    async with drive((160, 48)) as driver:
        assert "method" not in driver.lines[1]
        await driver.press("l", "l")
        assert "num_epochs" in driver.lines[1]


async def test_leaving_the_chooser_changes_nothing_and_none_marked_means_the_usual(drive, full_home):
    async with drive() as driver:
        before = driver.app.screen.table.chosen
        await driver.press("C", "space", "escape")
        assert driver.app.screen.table.chosen == before
        await driver.press("C", *["space"] * len(before), "enter")
        assert driver.app.screen.table.chosen == before


async def test_sorting_by_a_column_from_the_list(drive, full_home):
    async with drive() as driver:
        await driver.press("S", *typed("seed"), "enter")
        assert driver.app.screen.table.sort_key == "seed"
        assert driver.shows("by seed ▴")
        await driver.press("O")
        assert names(driver)[0] == "c"


async def test_search_filter_order_and_archive_are_there_after_a_restart(drive, full_home, home):
    async with drive() as driver:
        await driver.press("f", *typed("seed=0"), "enter", "slash", *"resnet16", "enter", "S", *"name", "enter", "A")
        await driver.pilot.pause(0.7)
    kept = load_view(home, pytest.fail)
    assert (kept.filter, kept.search, kept.sort, kept.archived) == ("seed=0", "resnet16", "name", True)
    async with drive() as driver:
        assert driver.shows("filter seed=0", "resnet16", "by name")
        assert names(driver) == driver_names(driver)


def driver_names(driver) -> str:
    rows = [row for row in driver.app.rows if row.seed == 0 and row.student == "resnet16"]
    return "".join(row.id[0] for row in sorted(rows, key=lambda row: row.name.casefold()))


async def test_a_damaged_preference_file_is_a_toast_and_defaults(drive, full_home):
    preferences.path_of("runs").write_text("{")
    async with drive() as driver:
        await driver.until(lambda: driver.toasts)
        assert "runs.json: cannot be read" in driver.toasts[0]
        assert driver.app.screen.view == View()


@pytest.mark.parametrize(
    "content",
    [
        {"columns": 3, "group": {}, "sort": [], "homes": []},
        {"columns": ["[/]", "\x1b[2J", "nope.nope"], "sort": "gone"},
    ],
)
async def test_preferences_that_make_no_sense_are_passed_over(drive, full_home, content):
    preferences.path_of("runs").write_text(json.dumps(content))
    async with drive() as driver:
        assert driver.shows("status", "name", "enter open")
        await driver.press("o", "l", "d", "d")
        assert "\x1b" not in driver.text


async def test_only_what_differs_from_the_selected_run(drive, full_home):
    async with drive((120, 36)) as driver:
        await driver.press("G", "d")
        assert driver.shows("only what differs", "against adaad resnet16 s0", "◂ this run", "alpha 0 → 10")
        assert driver.app.screen.table.rows[0].row.id == "aaaa2222", "the run itself, then the nearest"
        assert driver.shows("method.name adaad → ard", "seed 0 → 1")
        await driver.press("escape")
        assert not driver.shows("only what differs")
        assert names(driver) == "fedcba"


async def test_tags_are_given_and_taken_on_all_marked_runs(drive, full_home, home):
    async with drive((160, 48)) as driver:
        await driver.press("space", "space", "t")
        assert driver.shows("Tags of 2 runs, no tags yet")
        await driver.press(*typed("paper (x"))
        assert driver.shows("can be no tag")
        await driver.press(*["backspace"] * 3, "enter")
        await driver.until(lambda: driver.shows("paper"))
        assert read_labels(RunFolder(home.runs / "ffff2222")).tags == ("paper",)
        await driver.press("u", "g", "t")
        assert driver.shows("now: paper")
        await driver.press(*typed("-paper v2"), "enter")
        await driver.until(lambda: driver.app.row("ffff2222").tags == ("v2",))
        assert driver.app.row("eeee2222").tags == ("paper",)
        assert any("tagged" in toast for toast in driver.toasts)


async def test_a_note_is_written_kept_and_shown(drive, full_home, home):
    async with drive() as driver:
        await driver.press("G", "N")
        assert driver.shows("Note about adaad resnet16 s0")
        await driver.press(*"why", "enter", *"so", "ctrl+s")
        await driver.until(lambda: driver.shows("note: why so"))
        assert read_labels(RunFolder(home.runs / "aaaa2222")).note == "why\nso"
        await driver.press("N", *"x", "escape")
        assert driver.app.row("aaaa2222").note == "why\nso"


async def test_a_long_line_of_a_note_stays_whole_when_the_note_is_edited(drive, full_home, home):
    folder, line = RunFolder(home.runs / "aaaa2222"), "word " * 1200
    change_labels(folder, lambda labels: labels.with_note(line))
    async with drive() as driver:
        await driver.until(lambda: driver.app.row("aaaa2222").note == line.strip())
        await driver.press("G", "N", "x", "ctrl+s")
        await driver.until(lambda: read_labels(folder).note == line.strip() + "x")


async def test_archived_runs_leave_the_list_and_come_back(drive, full_home):
    async with drive() as driver:
        await driver.press("G", "a")
        await driver.until(lambda: names(driver) == "fedcb")
        assert driver.shows("1 archived")
        await driver.press("A")
        assert names(driver) == "fedcba"
        await driver.press("G", "a")
        await driver.until(lambda: not driver.app.row("aaaa2222").archived)


async def test_a_running_run_is_not_archived(drive, full_home):
    async with drive() as driver:
        await driver.press("j", "j", "j", "a")
        assert "stop it first" in driver.toasts[0]


async def test_stopping_and_resuming_several_asks_once(drive, full_home, make_run, monkeypatch):
    make_run("gggg2222", "running", created_at="2026-11-20T10:12:00.000Z", name="[/] second")
    done = []
    monkeypatch.setattr("igdm_tui.launch.stop_run", lambda folder: done.append(("stop", folder.run_id)))
    monkeypatch.setattr("igdm_tui.launch.resume_run", lambda folder: done.append(("resume", folder.run_id)))
    async with drive() as driver:
        await driver.press("asterisk", "s")
        assert driver.shows("Stop 2 runs?", "[/] second", "Each saves a checkpoint first")
        await driver.press("n", "s", "y")
        await driver.until(lambda: sorted(done) == [("stop", "cccc2222"), ("stop", "gggg2222")])
        done.clear()
        await driver.press("r")
        assert driver.shows("Resume 3 runs?", "All start at once")
        await driver.press("y")
        await driver.until(lambda: sorted(r for _, r in done) == ["dddd2222", "eeee2222", "ffff2222"])
        await driver.press("u", "G", "space", "k", "space", "s")
        assert any("None of these runs can be stopped" in toast for toast in driver.toasts)


async def test_retrying_puts_what_failed_into_the_queue(drive, full_home, home, monkeypatch):
    from igdm_tui.queue.tickets import queued_ids

    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: None)
    async with drive() as driver:
        await driver.press("G", "R")
        assert "Nothing to retry" in driver.toasts[0]
        await driver.press("asterisk", "R")
        await driver.until(lambda: list(queued_ids(home)) == ["ffff2222"])
        # The process that these two name is this one, which lives.
        await driver.until(lambda: sum("Could not retry" in toast for toast in driver.toasts) == 2)


async def test_what_fails_for_one_run_is_told_by_its_name(drive, full_home, monkeypatch):
    from core.spec.errors import IgdmError

    def refuse(folder):
        raise IgdmError(f"{folder.run_id}: no [/]")

    monkeypatch.setattr("igdm_tui.launch.resume_run", refuse)
    async with drive() as driver:
        await driver.press("asterisk", "r", "y")
        await driver.until(lambda: sum("Could not resume" in toast for toast in driver.toasts) == 3)


async def test_small_curves_are_drawn_for_the_runs_in_sight(drive, full_home):
    async with drive((160, 48)) as driver:
        await driver.until(lambda: driver.shows("▁"))
        assert driver.app.screen.table.shown.curves["aaaa2222"].strip()


async def test_a_launched_run_that_the_filter_leaves_out_is_told(drive, full_home, make_run):
    async with drive() as driver:
        await driver.press("f", *typed("seed=99"), "enter")
        driver.app.screen.expect("bbbb2222")
        driver.app.screen.show_runs()
        await driver.until(lambda: driver.toasts)
        assert any("the filter leaves it out" in toast for toast in driver.toasts)


EVIL = st.text(max_size=30) | st.sampled_from(
    [
        "[/]",
        "[bold red]x[/nope]",
        "\x1b]52;c;aGk=\x07",
        "\x9b2J",
        "\u202eabc",
        "模型" * 20,
        "\x00",
        "=1+1",
        "a" * 3000,
        "e\u0301" * 9,
    ]
)


@given(name=EVIL, note=EVIL, tags=st.lists(EVIL, max_size=4))
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_hostile_names_notes_and_tags_neither_crash_nor_steer(drive, make_run, home, name, note, tags):
    folder = RunFolder(home.runs / "aaaa2222")
    if not folder.path.exists():
        make_run("aaaa2222")
        make_run("bbbb2222", runtime__seed=1)
    card = folder.read_run_json()
    folder.run_json.write_text(json.dumps(card | {"name": name}))
    folder.labels.write_text(json.dumps({"tags": tags, "note": note}))
    async with drive((160, 48)) as driver:
        for keys in (
            ["G"],
            ["t"],
            ["escape"],
            ["N"],
            ["escape"],
            ["d"],
            ["d"],
            ["C"],
            ["escape"],
            ["f", "t"],
            ["escape"],
        ):
            await driver.press(*keys)
            assert not {"\x1b", "\x9b", "\u202e", "\x00", "\x07"} & set(driver.text)
            assert all(cell_len(line) <= 160 for line in driver.lines)


def test_labels_changed_elsewhere_are_seen(full_home, home):
    change_labels(RunFolder(home.runs / "aaaa2222"), lambda labels: labels.with_note("x"))
    assert read_labels(RunFolder(home.runs / "aaaa2222")).note == "x"
