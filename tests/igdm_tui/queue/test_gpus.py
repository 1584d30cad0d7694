"""What the driver answers becomes slots: answers in the form that pynvml gives them, fed through its own interface."""

from types import SimpleNamespace

import pytest

from igdm_tui.queue.gpus import GpuWatch, visible
from igdm_tui.queue.plan import GIB
from igdm_tui.queue.settings import QueueSettings
from igdm_tui.queue.survey import slot_names, survey


class NvmlError(Exception):
    pass


class Answers:
    """Stands in for pynvml. gpus: one dictionary of answers per GPU; an exception instead of one is raised."""

    NVMLError = NvmlError

    def __init__(self, *gpus, init=None):
        self.gpus, self.init, self.opened = gpus, init, 0

    def nvmlInit(self):  # noqa: N802
        if self.init:
            raise self.init
        self.opened += 1

    def nvmlShutdown(self):  # noqa: N802
        self.opened -= 1

    def nvmlDeviceGetCount(self):  # noqa: N802
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index):  # noqa: N802
        return self.gpus[index]

    def __getattr__(self, name):
        def answer(handle):
            value = handle[name.removeprefix("nvmlDeviceGet")]
            if isinstance(value, Exception):
                raise value
            return value

        return answer


def process(pid, gib=None):
    return SimpleNamespace(pid=pid, usedGpuMemory=None if gib is None else int(gib * GIB))


def answers(number=0, *, free=70.0, processes=()):
    return {
        "UUID": f"GPU-{number}c6f0a1e-0000-4000-8000-000000000000",
        "Name": "NVIDIA H100 80GB HBM3",
        "MemoryInfo": SimpleNamespace(total=80 * GIB, free=int(free * GIB), used=int((80 - free) * GIB)),
        "ComputeRunningProcesses": processes if isinstance(processes, Exception) else list(processes),
    }


def slots_of(gpus, *, free=(), labels=None, workers=None, **settings):
    found = survey(QueueSettings(cpu_cores=1, **settings), gpus, free, labels or {}, workers or {})
    return {slot.name: slot for slot in found if slot.kind == "cuda"}


def test_no_driver_is_normal_and_one_that_fails_is_asked_again():
    assert GpuWatch(Answers(init=NvmlError("not found"))).look() == []
    broken = Answers(answers() | {"MemoryInfo": NvmlError("GPU is lost")})
    watch = GpuWatch(broken)
    assert watch.look() == []
    assert broken.opened == 0
    broken.gpus = (answers(),)
    assert [gpu.index for gpu in watch.look()] == [0]
    watch.close()
    assert broken.opened == 0


def test_an_idle_gpu_can_be_used():
    gpus = GpuWatch(Answers(answers(free=79.0))).look()
    slot = slots_of(gpus, free=["cuda:0/0"])["cuda:0/0"]
    assert (slot.is_free, slot.blocked, slot.memory, slot.device) == (True, "", 79 * GIB, "cuda:0")


def test_other_peoples_processes_block_it_unless_sharing_is_allowed():
    gpus = GpuWatch(Answers(answers(free=60.0, processes=[process(17, 8.8), process(4242, 11.2)]))).look()
    assert slots_of(gpus, free=["cuda:0/0"])["cuda:0/0"].blocked == "used by process 4242 and 1 more, 11.2 GB"
    assert slots_of(gpus, free=["cuda:0/0"], share_gpus=True)["cuda:0/0"].blocked == ""


def test_processes_without_a_figure_or_without_permission():
    gpus = GpuWatch(
        Answers(answers(processes=[process(4242)]), answers(1, processes=NvmlError("no permission")))
    ).look()
    slots = slots_of(gpus, free=["cuda:0/0", "cuda:1/0"])
    assert slots["cuda:0/0"].blocked == "used by process 4242"
    assert slots["cuda:1/0"].blocked == ""


def test_our_own_worker_and_its_children_are_nobody_else():
    gpus = GpuWatch(Answers(answers(free=50.0, processes=[process(100, 5.0), process(101, 1.0)]))).look()
    labels = {"cuda:0/0": {"pid": 100, "memory": 10 * GIB}}
    slots = slots_of(gpus, free=["cuda:0/1"], labels=labels, workers={100: frozenset({100, 101})}, gpu_slots=2)
    assert slots["cuda:0/1"].blocked == ""
    assert slots["cuda:0/1"].memory == 46 * GIB  # 50 free, of which our worker will still take 4


def test_a_worker_that_has_not_reached_the_gpu_yet_counts_with_all_it_will_take():
    gpus = GpuWatch(Answers(answers(free=12.0))).look()
    labels = {"cuda:0/0": {"pid": 100, "memory": 10 * GIB}}
    assert slots_of(gpus, free=["cuda:0/1"], labels=labels, gpu_slots=2)["cuda:0/1"].memory == 2 * GIB


def test_inside_a_container_the_drivers_pids_are_not_ours():
    gpus = GpuWatch(Answers(answers(processes=[process(900_001, 5.0)]))).look()
    labels = {"cuda:0/0": {"pid": 100, "memory": 10 * GIB}}
    assert slots_of(gpus, free=["cuda:0/1"], labels=labels, gpu_slots=2)["cuda:0/1"].blocked == ""
    gpus = GpuWatch(Answers(answers(processes=[process(900_001, 5.0), process(900_002, 3.0)]))).look()
    assert "900002" in slots_of(gpus, free=["cuda:0/1"], labels=labels, gpu_slots=2)["cuda:0/1"].blocked


@pytest.mark.parametrize(
    ("variable", "indices"),
    [
        (None, [0, 1, 2]), ("1", [1]), ("2,0", [2, 0]), ("", []), ("-1", []), ("0,9,1", [0]), ("GPU-1", [1]),
        ("NoDevFiles", []),
    ],
)  # fmt: skip
def test_cuda_visible_devices_is_respected_as_cuda_reads_it(monkeypatch, variable, indices):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = GpuWatch(Answers(answers(0), answers(1), answers(2))).look()
    if variable is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", variable)
    assert [gpu.index for gpu in visible(gpus)] == indices
    names = slot_names(QueueSettings(cpu_cores=1, gpus=(1,)), gpus)
    assert names == {"cpu:0": "cpu"} | ({"cuda:1/0": "cuda:1"} if 1 in indices else {})
