"""The Queue screen on a real queue whose supervisor is kept from starting anything."""

import pytest

from igdm_tui.queue import control
from igdm_tui.queue.tickets import QueueFolder, is_held, read_ticket, read_tickets
from igdm_tui.screens.queue import QueueScreen


@pytest.fixture
def queued(home, make_run, monkeypatch):
    """One run at work, three that wait, two that have ended; nothing is ever started."""
    monkeypatch.setattr("igdm_tui.queue.summon.ensure_supervisor", lambda home: False)
    make_run("aaaa2222", "running", epochs_done=12, name="at work")
    for run_id in ("bbbb2222", "cccc2222", "dddd2222"):
        control.put(make_run(run_id, "queued", name=f"waits {run_id[0]}"))
    make_run("eeee2222", "failed", name="too hot")
    make_run("ffff2222", "finished", name="all done")
    return home


def order(home):
    return "".join(ticket.run_id[0] for ticket in read_tickets(home))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_it_shows_what_runs_what_waits_and_what_has_ended(queued, drive, size):
    async with drive(size) as driver:
        await driver.press("w")
        await driver.until(lambda: driver.shows("1 running · 3 waiting", "at work", "waits b", "too hot", "all done"))
        assert driver.shows("running on", "because", "ended", "● cpu", "○ 1", "✗ failed", "✓ finished")
        assert all(len(line.rstrip()) <= size[0] for line in driver.lines)
        await driver.press("q")
        assert not isinstance(driver.app.screen, QueueScreen)


async def test_keys_change_the_queue(queued, drive):
    async with drive() as driver:
        await driver.press("w")
        await driver.until(lambda: driver.shows("waits d"))
        await driver.press("J")
        await driver.until(lambda: order(queued) == "cbd")
        await driver.press("p")
        await driver.until(lambda: read_ticket(queued, "bbbb2222").paused)
        await driver.until(lambda: driver.shows("‖ 2", "paused"))
        await driver.press("p")
        await driver.until(lambda: not read_ticket(queued, "bbbb2222").paused)
        await driver.press("plus")
        await driver.until(lambda: order(queued) == "bcd")
        await driver.press("P")
        await driver.until(lambda: is_held(queued) and driver.shows("nothing new starts"))
        await driver.press("P")
        await driver.until(lambda: not is_held(queued))


async def test_a_run_leaves_the_queue_and_comes_back(queued, drive):
    async with drive() as driver:
        await driver.press("w")
        await driver.until(lambda: driver.shows("waits d"))
        await driver.press("s")
        await driver.until(lambda: driver.shows("out of the queue?"))
        await driver.press("y")
        await driver.until(lambda: order(queued) == "cd")
        await driver.until(lambda: driver.shows("■ stopped"))
        await driver.press("tab", "g")
        await driver.until(lambda: driver.app.screen.selected and driver.app.screen.selected.row.id == "bbbb2222")
        await driver.press("r")
        await driver.until(lambda: order(queued) == "cdb")


async def test_an_empty_queue_says_how_to_fill_it(home, drive):
    async with drive() as driver:
        await driver.press("w")
        await driver.until(lambda: driver.shows("Nothing waits.", "igdm queue add"))
        await driver.press("p", "J", "r", "s", "plus", "enter")
        assert isinstance(driver.app.screen, QueueScreen)
    assert not QueueFolder.of(home).path.exists()
