import pytest
import torch

from core.evaluation.transfer_source import load_transfer_source
from core.models import build_model
from core.spec.config import EvaluationSection, ModelSection, RunConfig
from core.spec.errors import IgdmError, TrainingError
from core.spec.home import Home
from core.spec.transfer_file import require_transfer_file


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def settings(source):
    return RunConfig(evaluation=EvaluationSection(transfer_source=source, transfer_model="mobilenetv2"))


def test_none_named_none_loaded(dataset, home):
    assert load_transfer_source(RunConfig(), dataset.geometry, home) is None


def test_the_file_named_is_loaded_and_frozen(dataset, home):
    saved = build_model(ModelSection(model="mobilenetv2"), dataset.geometry, 5, dataset="digits")
    torch.save(saved.state_dict(), home.path / "source.pt")
    loaded = load_transfer_source(settings("source.pt"), dataset.geometry, home)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert all(torch.equal(saved.state_dict()[name], value) for name, value in loaded.state_dict().items())


def test_a_missing_file_is_named(dataset, home):
    with pytest.raises(TrainingError, match=r"away\.pt: no such file"):
        load_transfer_source(settings("away.pt"), dataset.geometry, home)


@pytest.mark.parametrize(("source", "said"), [("away.pt", "no such file"), (".", "is a folder")])
def test_it_is_missed_before_anything_is_made(home, source, said):
    """Looked at when the run is made; torch is not needed for that."""
    wanted = RunConfig(evaluation=EvaluationSection(attacks=("clean", "vmi"), transfer_source=source))
    with pytest.raises(
        IgdmError, match=rf"evaluation\.transfer_source: .*{said} \(vmi makes its images on that network"
    ):
        require_transfer_file(wanted, home)


def test_it_is_not_missed_where_nothing_needs_it(home):
    require_transfer_file(settings("away.pt"), home)
    (home.path / "there.pt").touch()
    require_transfer_file(RunConfig(evaluation=EvaluationSection(attacks=("vmi",), transfer_source="there.pt")), home)
