"""What a worker is given."""

import subprocess
import sys
import time

import pytest

from core.spec.process import TOKEN_VARIABLE
from igdm_tui.queue import grant as grants
from igdm_tui.queue.control import put
from igdm_tui.queue.gpus import Gpu
from igdm_tui.queue.grant import direct_grant, queue_grant
from igdm_tui.queue.settings import settings_path
from igdm_tui.queue.slots import HeldSlots, read_label

GPUS = [Gpu(index=index, uuid=f"GPU-{index}", name="H100", memory=80, free=80) for index in range(4)]


def held(*names):
    slots = HeldSlots()
    assert all(slots.take(name) for name in names)
    return slots


def test_a_run_on_gpus_sees_only_its_own_and_says_which_they_are():
    grant = queue_grant(held("cuda:3/0", "cuda:1/0"), GPUS, threads=4, memory=9, data="/d")
    environment = grant.environment
    assert environment["CUDA_VISIBLE_DEVICES"] == "GPU-3,GPU-1"
    assert environment["IGDM_SLOT"] == "cuda:3,cuda:1"
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "4"
    assert environment["IGDM_DATA"] == "/d"
    grant.close()


def test_a_run_on_the_cpu_keeps_to_its_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    grant = queue_grant(held("cpu:0"), [], threads=2, memory=0, data="")
    found = grant.environment_of_worker()
    assert (found["IGDM_SLOT"], found["OMP_NUM_THREADS"]) == ("cpu", "2")
    assert (
        found[TOKEN_VARIABLE]
        != queue_grant(HeldSlots(), [], threads=1, memory=0, data="").environment_of_worker()[TOKEN_VARIABLE]
    )
    grant.close()


def test_a_slot_belongs_to_the_worker_until_the_last_of_its_processes_is_gone(make_run):
    grant = queue_grant(held("cpu:0"), [], threads=1, memory=0, data="")
    forking = "import os, sys, time\nif os.fork(): sys.stdin.read(); os._exit(0)\ntime.sleep(0.3)"
    worker = subprocess.Popen([sys.executable, "-c", forking], stdin=subprocess.PIPE, pass_fds=grant.descriptors)
    folder = make_run("aaaa2222").folder
    grant.label(folder, worker.pid)
    grant.close()
    assert not HeldSlots().take("cpu:0")
    assert (read_label("cpu:0")["run"], read_label("cpu:0")["pid"]) == ("aaaa2222", worker.pid)
    worker.kill()
    worker.communicate()
    with HeldSlots() as free:
        while not free.take("cpu:0"):  # its child has a moment to live
            time.sleep(0.01)


@pytest.mark.parametrize(("threads", "slots"), [(1, {"cpu:0"}), (2, {"cpu:0", "cpu:1"}), (0, {"cpu:0", "cpu:1"})])
def test_a_run_that_starts_at_once_shows_the_queue_what_it_uses(make_run, monkeypatch, threads, slots):
    monkeypatch.setattr("igdm_tui.queue.settings.usable_cores", lambda: 2)
    monkeypatch.setattr(grants, "usable_cores", lambda: 2)
    run = make_run("aaaa2222", runtime={"device": "cpu", "threads": threads})
    grant = direct_grant(run.folder)
    assert set(grant.slots.descriptors) == slots
    assert grant.environment == {}
    second = direct_grant(run.folder)  # whatever is taken, it starts all the same
    assert set(second.slots.descriptors) <= {"cpu:0", "cpu:1"} - slots
    second.close()
    grant.close()


def test_wrong_settings_of_the_machine_do_not_stop_a_run_that_starts_at_once(make_run):
    settings_path().parent.mkdir(parents=True)
    settings_path().write_text("nonsense = 1\n")
    assert direct_grant(make_run("aaaa2222").folder).descriptors == ()


def test_a_ticket_holds_what_the_run_is_estimated_to_take(make_run):
    run = make_run("aaaa2222", runtime={"device": "cuda"}, student={"model": "resnet-18"}, teacher={"source": "none"},
                   method={"name": "standard"}, data={"name": "cifar-10"})  # fmt: skip
    ticket = put(run.folder)
    assert 2**30 < ticket.memory < 4 * 2**30
    assert (ticket.device, ticket.devices) == ("cuda", 1)
