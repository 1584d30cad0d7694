"""Two processes that share every batch train the network that one would train."""

import multiprocessing

import pytest
import torch

from core.ranks import Place
from core.training.distributed import has_batchnorm, synchronised
from core.training.trainer import Trainer
from tests.core.training.test_gradient import DATASET, assert_close, make_trainer, network, train

CASES = (("adaad", "fast", {}), ("trades", "literal", {}), ("iad-2", "fast", {}), ("rslad", "fast", {"norm": True}))
UNEQUAL = {"images": 63, "batch_size": 31}  # batches of 31, 31 and 1: shares of 16 and 15, and one that is empty


def train_shared(place: Place, folder: str) -> None:
    """In a process of its own: every case, one after another; both processes keep what came of it."""
    torch.set_num_threads(1)
    ranks = place.join(torch.device("cpu"))
    assert ranks is not None
    for number, (name, path, options) in enumerate(CASES):
        ranks._parallel = None
        trainer = make_trainer(name, path=path, ranks=ranks, **UNEQUAL, **options)
        means = train(trainer)
        torch.save({"means": means, "model": trainer.step.student.state_dict()}, f"{folder}/{number}-{place.rank}.pt")
    trainer = make_trainer(ranks=ranks, **UNEQUAL)
    ranks._parallel = None
    trainer.gradient.turns = 2
    train(trainer)
    torch.save({"model": trainer.step.student.state_dict()}, f"{folder}/turns-{place.rank}.pt")
    ranks.leave()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("spawn")
    places = [Place(rank, 2, str(folder)) for rank in range(2)]
    processes = [context.Process(target=train_shared, args=(place, str(folder))) for place in places]
    for process in processes:
        process.start()
    for process in processes:
        process.join(180)
        assert process.exitcode == 0
    return folder


def load(folder, name: str, rank: int):
    return torch.load(folder / f"{name}-{rank}.pt", weights_only=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(3))
def test_two_processes_give_the_network_of_one(shared, number):
    name, path, options = CASES[number]
    alone = make_trainer(name, path=path, **UNEQUAL, **options)
    means = train(alone)
    for rank in range(2):
        found = load(shared, str(number), rank)
        together = make_trainer(name, path=path)
        together.step.student.load_state_dict(found["model"])
        assert_close(alone, together)
        assert found["means"] == pytest.approx(means, rel=1e-4)


@pytest.mark.slow
def test_with_plain_batchnorm_all_processes_keep_one_network(shared):
    """Each normalises by its share, so it is not the network of one process; but it is the same one everywhere."""
    first, second = (load(shared, "3", rank) for rank in range(2))
    assert first["means"] == second["means"]
    for name, tensor in first["model"].items():
        assert torch.equal(tensor, second["model"][name]), name
    alone: Trainer = make_trainer("rslad", norm=True, **UNEQUAL)
    train(alone)
    assert not torch.equal(alone.step.student.state_dict()["1.running_var"], first["model"]["1.running_var"])


@pytest.mark.slow
def test_turns_and_processes_go_together(shared):
    alone, together = make_trainer(**UNEQUAL), make_trainer()
    train(alone)
    together.step.student.load_state_dict(load(shared, "turns", 1)["model"])
    assert_close(alone, together)


def test_synchronised_batchnorm_keeps_names_and_answers():
    plain = network(0, norm=True).eval()
    names = set(plain.state_dict())
    images = DATASET.train.first(5).images().double()
    wanted = plain(images)
    shared_norm = synchronised(plain)
    assert set(shared_norm.state_dict()) == names
    assert torch.equal(shared_norm(images), wanted)
    assert has_batchnorm(network(0, norm=True))
    assert not has_batchnorm(shared_norm)
