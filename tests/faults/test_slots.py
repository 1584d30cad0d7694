"""Programs of several homes that race for the slots of one machine, and die: no slot is ever given twice."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.faults.homes import PATIENCE_S, save_report

pytestmark = pytest.mark.slow

RACER = """
import os, random, sys, time
from pathlib import Path
from igdm_tui.queue.slots import HeldSlots, looking_at, take_first_free
marks, chance = Path(sys.argv[1]), random.Random(int(sys.argv[2]))
names = ["cpu:0", "cuda:0/0", "cuda:1/0"]
def use(name):
    mark = marks / name.replace("/", "-")
    if mark.exists():
        owner = int(mark.read_text() or 0)
        if owner and Path(f"/proc/{owner}").exists():
            (marks / f"twice-{owner}-{os.getpid()}").write_text(f"{owner} and {os.getpid()}")
    mark.write_text(str(os.getpid()))
    time.sleep(chance.uniform(0, 0.004))
    mark.unlink(missing_ok=True)
rounds = 0
while not (marks / "done").exists():
    if chance.random() < 0.5:  # as a supervisor: look at all, keep one
        with looking_at(names) as free:
            kept = free.split(list(free.descriptors)[:1])
    else:  # as a run that starts at once
        kept = take_first_free(names, 1, patience_s=0.0)
    with kept:
        for name in kept.descriptors:
            use(name)
            rounds += 1
    if rounds % 20 == 0:
        (marks / f"rounds-{os.getpid()}").write_text(str(rounds))
"""


def await_rounds(rounds, wanted):
    deadline = time.monotonic() + PATIENCE_S
    while rounds() < wanted:
        assert time.monotonic() < deadline, "nobody gets a slot any more"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("racers", "kills"),
    [pytest.param(4, 3, id="few"), pytest.param(8, 100, id="many", marks=pytest.mark.faults)],
)
def test_no_slot_is_given_twice(tmp_path, racers, kills):
    moments = random.Random(kills)

    def race(number):
        return subprocess.Popen([sys.executable, "-c", RACER, str(tmp_path), str(number)])

    def rounds():
        return sum(int(path.read_text() or 0) for path in tmp_path.glob("rounds-*"))

    killed = set()
    going = [race(number) for number in range(racers)]
    await_rounds(rounds, 20)
    for number in range(kills):
        time.sleep(moments.uniform(0.05, 0.3))
        victim = going.pop(moments.randrange(len(going)))
        os.kill(victim.pid, signal.SIGKILL)
        victim.wait()
        killed.add(victim.pid)
        going.append(race(racers + number))
    await_rounds(rounds, rounds() + 40)
    (tmp_path / "done").touch()
    assert [racer.wait(timeout=PATIENCE_S) for racer in going] == [0] * racers
    # One that was killed is still in /proc for a moment after the kernel has freed its slots.
    seen = [path.read_text() for path in tmp_path.glob("twice-*")]
    assert [pids for pids in seen if int(pids.split()[0]) not in killed] == []
    save_report({"racers": racers, "kills": kills, "slots_given": rounds()})
    json.dumps(kills)
