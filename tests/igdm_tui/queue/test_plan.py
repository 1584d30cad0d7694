"""Who starts next, and why the others wait."""

from hypothesis import given
from hypothesis import strategies as st

from igdm_tui.queue.plan import GIB, Slot, Wish, decide, ordinal


def cores(count, *, busy=()):
    return [Slot(name=f"cpu:{n}", device="cpu", is_free=n not in busy) for n in range(count)]


def gpu(index, *, free=40.0, slots=1, held=0, blocked=""):
    return [
        Slot(
            name=f"cuda:{index}/{n}", device=f"cuda:{index}", is_free=n >= held, blocked=blocked, memory=int(free * GIB)
        )
        for n in range(slots)
    ]


def wish(run_id, device="auto", *, count=1, memory=6.0):
    return Wish(run_id=run_id, device=device, count=count, memory=int(memory * GIB))


def outcome(wishes, slots):
    return {decision.run_id: decision.slots or decision.reason for decision in decide(wishes, slots)}


def test_the_first_ones_start_and_the_others_learn_their_place():
    found = outcome([wish("a", "cpu"), wish("b", "cpu"), wish("c", "cpu")], cores(2))
    assert found == {"a": ("cpu:0",), "b": ("cpu:1",), "c": "3rd of 3"}


def test_auto_is_a_gpu_where_there_is_one_and_the_cpu_elsewhere():
    assert outcome([wish("a")], cores(1)) == {"a": ("cpu:0",)}
    assert outcome([wish("a")], cores(1) + gpu(0)) == {"a": ("cuda:0/0",)}
    assert outcome([wish("a"), wish("b")], cores(1) + gpu(0))["b"] == "2nd of 2"


def test_a_run_takes_as_many_cores_as_it_has_threads_and_is_not_overtaken():
    slots = cores(4, busy={0, 1})
    found = outcome([wish("wide", "cpu", count=4), wish("small", "cpu")], slots)
    assert found == {"wide": "waits for 4 CPU cores, 2 free", "small": "2nd of 2"}


def test_a_run_with_more_threads_than_cores_starts_on_an_empty_machine():
    assert outcome([wish("a", "cpu", count=64)], cores(2)) == {"a": ("cpu:0", "cpu:1")}


def test_too_little_memory_is_said_in_numbers():
    assert outcome([wish("a", "cuda:0")], gpu(0, free=3.1)) == {"a": "waits for cuda:0: 3.1 GB free, 6.0 needed"}


def test_an_estimate_beyond_the_whole_memory_starts_on_an_empty_gpu():
    small = Slot(name="cuda:0/0", device="cuda:0", memory=int(7.5 * GIB), size=8 * GIB)
    assert outcome([wish("a", memory=20)], [small]) == {"a": ("cuda:0/0",)}
    shared = Slot(name="cuda:0/0", device="cuda:0", memory=6 * GIB, size=8 * GIB)
    assert outcome([wish("a", memory=20)], [shared]) == {"a": "waits for cuda:0: 6.0 GB free, 7.2 needed"}


def test_a_gpu_with_other_peoples_processes_is_left_alone():
    slots = gpu(0, blocked="used by process 4242, 11.2 GB")
    assert outcome([wish("a")], slots) == {"a": "waits for cuda:0: used by process 4242, 11.2 GB"}
    assert outcome([wish("a")], slots + gpu(1)) == {"a": ("cuda:1/0",)}


def test_the_gpu_with_most_memory_goes_first_and_a_wanted_one_is_waited_for():
    slots = gpu(0, free=10) + gpu(1, free=30)
    assert outcome([wish("a", "cuda")], slots) == {"a": ("cuda:1/0",)}
    assert outcome([wish("a", "cuda:1"), wish("b", "cuda:1"), wish("c", "cuda:0")], slots) == {
        "a": ("cuda:1/0",),
        "b": "2nd of 3",
        "c": ("cuda:0/0",),
    }


def test_two_runs_share_a_gpu_only_if_both_fit():
    assert outcome([wish("a"), wish("b")], gpu(0, free=13, slots=2)) == {"a": ("cuda:0/0",), "b": ("cuda:0/1",)}
    found = outcome([wish("a"), wish("b")], gpu(0, free=11, slots=2))
    assert found == {"a": ("cuda:0/0",), "b": "waits for cuda:0: 5.0 GB free, 6.0 needed"}


def test_a_run_on_several_gpus_gets_different_ones_and_keeps_what_is_free():
    slots = gpu(0, slots=2) + gpu(1, slots=2)
    assert outcome([wish("a", "cuda", count=2)], slots) == {"a": ("cuda:0/0", "cuda:1/0")}
    found = outcome([wish("a", "cuda", count=2), wish("b", "cuda")], gpu(0) + gpu(1, held=1))
    assert found == {"a": "waits for 2 GPUs, 1 free", "b": "2nd of 2"}


def test_what_can_never_be_is_said_and_stops_nobody():
    slots = cores(1) + gpu(0)
    found = outcome([wish("a", "cuda:3"), wish("b", "cuda", count=2), wish("c", "cuda")], slots)
    assert found == {
        "a": "there is no cuda:3 for it on this machine",
        "b": "wants 2 GPUs, this machine gives 1",
        "c": ("cuda:0/0",),
    }
    assert outcome([wish("a", "cuda")], cores(1)) == {"a": "there is no cuda for it on this machine"}


@given(
    st.lists(
        st.tuples(st.sampled_from(["auto", "cpu", "cuda", "cuda:0", "cuda:1"]), st.integers(1, 4), st.integers(0, 20)),
        max_size=8,
    ),
    st.lists(st.booleans(), min_size=4, max_size=4),
    st.integers(0, 30),
)
def test_no_slot_is_ever_given_twice_and_none_that_is_not_free(wanted, free, memory):
    slots = [Slot(name=f"cpu:{n}", device="cpu", is_free=is_free) for n, is_free in enumerate(free)]
    slots += gpu(0, free=memory, slots=2, held=1) + gpu(1, free=memory)
    wishes = [wish(str(n), device, count=count, memory=need) for n, (device, count, need) in enumerate(wanted)]
    decisions = decide(wishes, slots)
    given_out = [name for decision in decisions for name in decision.slots]
    assert len(given_out) == len(set(given_out))
    assert set(given_out) <= {slot.name for slot in slots if slot.is_free}
    assert all(bool(decision.slots) != bool(decision.reason) for decision in decisions)
    assert [decision.run_id for decision in decisions] == [entry.run_id for entry in wishes]


def test_ordinals():
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 102, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "102nd", "111th",
    ]  # fmt: skip
