"""Checkpoint files: containers, prefixes, known extras, and what is said about files that do not fit."""

import pytest
import torch
from torch import nn

from core.data.dataset import Geometry
from core.models import build_model
from core.models.normalisation import Normalise, PixelStatistics
from core.models.wide_resnet import WideResNet
from core.spec.config import ModelSection
from core.spec.errors import TrainingError
from core.teachers import load_checkpoint_file

SMALL = ModelSection(width=4, blocks=(1,))
GEOMETRY = Geometry(channels=1, image_size=8, classes=10)


def network(seed=0, classes=10):
    return build_model(SMALL, Geometry(channels=1, image_size=8, classes=classes), seed)


def wide(classes=10):
    return WideResNet(depth=10, widen=1, channels=1, classes=classes)


class NormalisedNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.normalise = Normalise(PixelStatistics((0.5,), (0.25,)))
        self.linear = nn.Linear(4, 10)


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "file.pt"
        torch.save(content, path)
        return path

    return write


def prefixed(state, prefix):
    return {prefix + name: value for name, value in state.items()}


def holds(model, state):
    return all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("container", ["", "state_dict", "model_state_dict", "net", "model"])
@pytest.mark.parametrize("prefix", ["", "module.", "model.", "0.", "module.model.", "module.0.", "model.0.module."])
def test_containers_are_opened_and_prefixes_taken_off(written, container, prefix):
    state = network(5).state_dict()
    content = {container: prefixed(state, prefix), "epoch": 3} if container else prefixed(state, prefix)
    target = network(1)
    load_checkpoint_file(target, written(content), classes=10)
    assert holds(target, state)


def test_the_averaged_weights_of_our_own_checkpoints_come_first_where_there_are_some(written):
    plain, average = network(1).state_dict(), network(2).state_dict()
    target = network(3)
    load_checkpoint_file(target, written({"format": 1, "model": plain, "average": average}), classes=10)
    assert holds(target, average)
    load_checkpoint_file(target, written({"format": 1, "model": plain, "average": {}}), classes=10)
    assert holds(target, plain)


def test_a_network_whose_own_names_begin_like_a_prefix_is_left_as_it_is(written):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = nn.Linear(2, 2)

    own = Own()
    state = {name: value + 1 for name, value in own.state_dict().items()}
    load_checkpoint_file(own, written(state), classes=2)
    assert holds(own, state)


def test_the_block_that_is_never_executed_is_dropped_when_it_is_a_copy_of_block1_in_shape(written):
    state = wide().state_dict()
    copies = {f"sub_{name}": value for name, value in state.items() if name.startswith("block1.")}
    load_checkpoint_file(wide(), written(state | copies), classes=10)
    copies["sub_block1.layer.0.conv1.weight"] = torch.zeros(3, 3)
    with pytest.raises(TrainingError, match=r"1 are not expected \(sub_block1.layer.0.conv1.weight\)"):
        load_checkpoint_file(wide(), written(state | copies), classes=10)


def test_counters_of_batchnorm_may_be_missing_as_old_files_have_none(written):
    state = {name: value for name, value in network(2).state_dict().items() if "num_batches" not in name}
    model = network()
    load_checkpoint_file(model, written(state), classes=10)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in state.items())


def test_pixel_statistics_in_a_file_must_be_those_of_the_network(written):
    model = NormalisedNetwork()
    state = prefixed(model.state_dict(), "model.")
    fitting = {"mean": torch.full((1, 1, 1, 1), 0.5), "std": torch.full((1,), 0.25)}
    load_checkpoint_file(model, written(state | fitting), classes=10)
    with pytest.raises(TrainingError, match=r"mean \(0.4\), this network with \(0.5\)"):
        load_checkpoint_file(model, written(state | fitting | {"mean": torch.full((1,), 0.4)}), classes=10)


def test_a_network_without_normalisation_refuses_a_file_that_normalises(written):
    extra = {"mean": torch.tensor([0.49]), "std": torch.tensor([0.25])}
    with pytest.raises(TrainingError, match="normalises with mean"):
        load_checkpoint_file(network(), written(network().state_dict() | extra), classes=10)


def test_missing_unexpected_and_reshaped_tensors_are_counted_and_named(written):
    state = dict(network().state_dict())
    for name in ("conv1.weight", "bn1.weight", "bn1.bias", "linear.bias"):
        del state[name]
    state["linear.weight"] = torch.zeros(10, 7)
    state["fc.weight"] = torch.zeros(1)
    with pytest.raises(TrainingError) as caught:
        load_checkpoint_file(network(), written(state), classes=10)
    text = str(caught.value)
    assert "4 of 20 tensors are missing (conv1.weight, bn1.weight, bn1.bias, ...)" in text
    assert "1 are not expected (fc.weight)" in text
    assert "1 have another shape (linear.weight (10, 7), wanted (10, 4))" in text
    assert "file.pt" in text


def test_another_number_of_classes_is_said_as_such(written):
    with pytest.raises(TrainingError, match="made for 100 classes; the data set has 10"):
        load_checkpoint_file(network(), written(network(classes=100).state_dict()), classes=10)


def test_weights_that_are_not_finite_are_refused(written):
    state = network().state_dict()
    state["linear.bias"][0] = float("nan")
    with pytest.raises(TrainingError, match=r"1 tensors hold NaN or infinity \(linear.bias\)"):
        load_checkpoint_file(network(), written(state), classes=10)


class Payload:
    def __reduce__(self):
        return (print, ("code was run",))


def test_a_file_with_code_is_refused_and_nothing_runs(written, capsys):
    with pytest.raises(TrainingError, match="files with code are refused"):
        load_checkpoint_file(network(), written({"state_dict": Payload()}), classes=10)
    assert "code was run" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "message"),
    [({"epoch": 3}, "holds no state dict"), ({}, "found nothing"), ([1, 2], "holds list, no state dict")],
)
def test_a_file_without_weights_says_what_it_holds(written, content, message):
    with pytest.raises(TrainingError, match=message):
        load_checkpoint_file(network(), written(content), classes=10)


def test_a_file_that_is_cut_off_or_not_there_is_named(written, tmp_path):
    path = written(network().state_dict())
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(TrainingError, match=r"file\.pt: no checkpoint that can be read"):
        load_checkpoint_file(network(), path, classes=10)
    with pytest.raises(TrainingError, match="no such file"):
        load_checkpoint_file(network(), tmp_path / "other.pt", classes=10)
