"""Obtaining a teacher from each source: on digits, with real files."""

import json

import pytest
import torch

from core.data import load_dataset
from core.models import build_model
from core.spec import published
from core.spec.config import ModelSection
from core.spec.errors import IgdmError, TrainingError
from core.spec.event_file import EventWriter
from core.spec.events import RunFailed, RunFinished, RunStarted, TeacherProgress, Warned
from core.spec.home import Home
from core.spec.identity import teacher_hash
from core.spec.loading import build_config
from core.spec.published import PublishedTeacher
from core.spec.run_folder import RunFolder
from core.spec.teacher_source import require_teachers
from core.spec.toml_text import config_to_toml
from core.teaching import Teaching
from core.training.checkpoint import save_checkpoint

SMALL = {"width": 4, "blocks": [1]}
FEW = {"attacks": ["clean"], "num_examples": 40}
DIGITS = {"channels": 1, "image_size": 8, "classes": 10}


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home").ensure()


def make(home, *, evaluation=FEW, **teacher):
    return build_config({"teacher": {"model": "resnet", **teacher}, "evaluation": evaluation, "data": {}})


def obtain(config, home, events=None):
    collected = [] if events is None else events
    teaching = Teaching(
        config=config,
        home=home,
        device=torch.device("cpu"),
        made_by="aaaa2222",
        emit=collected.append,
        should_stop=lambda: False,
    )
    return teaching.obtain(load_dataset(config.data, home))


def small_network(seed=5, **settings):
    from core.data.dataset import Geometry

    return build_model(ModelSection(**{**SMALL, **settings}), Geometry(**DIGITS), seed)


def same_weights(first, second):
    return all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


def finished_run(home, *, end=RunFinished(elapsed_s=1.0), data=None, run_id="bbbb3333"):  # noqa: B008
    folder = RunFolder(home.runs / run_id)
    folder.path.mkdir(mode=0o700)
    config = build_config({"student": SMALL, "data": data or {}})
    folder.config.write_text(config_to_toml(config))
    model = small_network(7)
    save_checkpoint(folder.checkpoints, {"model": model.state_dict(), "average": {}, "epoch": 1})
    writer = EventWriter(folder.events)
    started = RunStarted(
        attempt=1, pid=1, started_at=0.0, host="h", device="cpu", threads=1, epochs=1, steps_per_epoch=1
    )
    for event in (started, end):
        writer.write(event)
    writer.close()
    return run_id, model


def test_a_checkpoint_file_becomes_a_frozen_measured_teacher(home):
    model = small_network()
    torch.save({"state_dict": model.state_dict()}, home.path / "own.pt")
    config = make(home, evaluation=FEW | {"batch_size": 0}, source="checkpoint", path="own.pt", **SMALL)
    events = []
    teacher = obtain(config, home, events)
    assert same_weights(teacher, model)
    assert not teacher.training
    assert not any(parameter.requires_grad for parameter in teacher.parameters())
    assert [(event.state, event.cached) for event in events] == [("loading", False), ("ready", False)]
    assert events[-1].metrics.keys() == {"clean_accuracy"}, "pgd20 was not asked for"
    card = json.loads((home.teachers / teacher_hash(config, home) / "teacher.json").read_text())
    assert (card["examples"], card["metrics"]) == (40, events[-1].metrics)


def test_a_loaded_teacher_is_measured_again_only_for_other_images_or_attacks(home):
    torch.save(small_network().state_dict(), home.path / "own.pt")
    cached = []
    for evaluation in (FEW, FEW, FEW | {"num_examples": 30}, FEW | {"attacks": ["clean", "pgd20"], "num_examples": 30}):
        events = []
        obtain(make(home, evaluation=evaluation, source="checkpoint", path="own.pt", **SMALL), home, events)
        cached.append(events[-1].cached)
    assert cached == [False, True, False, False]
    assert events[-1].metrics.keys() == {"clean_accuracy", "pgd20_accuracy"}


def test_the_content_of_a_file_is_the_teacher_not_its_name(home):
    first, second = small_network(1).state_dict(), small_network(2).state_dict()
    torch.save(first, home.path / "a.pt")
    (home.path / "b.pt").write_bytes((home.path / "a.pt").read_bytes())
    torch.save(second, home.path / "c.pt")
    hashes = [teacher_hash(make(home, source="checkpoint", path=f"{n}.pt", **SMALL), home) for n in "abc"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert teacher_hash(make(home, source="checkpoint", path="a.pt", width=8, blocks=[1]), home) != hashes[0]


def test_a_finished_run_teaches_with_its_own_architecture(home):
    run_id, model = finished_run(home)
    events = []
    teacher = obtain(make(home, source="run", run=run_id), home, events)
    assert same_weights(teacher, model)
    assert all(isinstance(event, TeacherProgress) for event in events)


def test_a_run_on_another_split_teaches_with_a_warning(home):
    run_id, _ = finished_run(home, data={"split_seed": 4})
    events = []
    obtain(make(home, source="run", run=run_id), home, events)
    (warned,) = [event for event in events if isinstance(event, Warned)]
    assert "data.split_seed" in warned.message


def test_a_run_that_has_not_finished_or_is_not_there_cannot_teach(home):
    run_id, _ = finished_run(home, end=RunFailed(error='"run_finished" it is not', details="", elapsed_s=1.0))
    with pytest.raises(IgdmError, match=f"{run_id} has not finished"):
        require_teachers(make(home, source="run", run=run_id), home)
    with pytest.raises(IgdmError, match=rf"no run 'bbbb3334' in .*did you mean {run_id}\?"):
        require_teachers(make(home, source="run", run="bbbb3334"), home)


def test_a_published_checkpoint_is_found_in_the_cache(home, tmp_path, monkeypatch):
    row = PublishedTeacher(
        name="ltd", dataset="digits", title="LTD", architecture="ResNet-18", model="resnet-18", parameters=1,
        clean=0.5, pgd20=None, autoattack=None, file="small.pt", drive_id="x", source="a test",
    )  # fmt: skip
    monkeypatch.setattr(published, "published_teachers", lambda: (row,))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = make(home, source="published", published="ltd")
    with pytest.raises(IgdmError, match="igdm teachers fetch ltd --dataset digits"):
        require_teachers(config, home)
    with pytest.raises(IgdmError, match="igdm teachers fetch ltd --dataset digits"):
        obtain(config, home)
    model = small_network(3, model="resnet-18")
    row.path.parent.mkdir(parents=True)
    torch.save({"state_dict": {f"module.{name}": value for name, value in model.state_dict().items()}}, row.path)
    require_teachers(config, home)
    assert same_weights(obtain(config, home), model)


@pytest.mark.parametrize("method", ["standard", "trades"])
def test_any_method_without_a_teacher_can_make_one(home, method):
    recipe = {"optim": {"num_epochs": 1, "milestones": []}, "attack": {"num_steps": 1}, "method": method}
    config = make(home, **SMALL, **recipe)
    events = []
    obtain(config, home, events)
    assert events[-1].metrics.keys() == {"clean_accuracy", "pgd20_accuracy"}
    again = []
    obtain(config, home, again)
    assert [(event.state, event.cached) for event in again] == [("ready", True)]
    assert again[0].metrics == events[-1].metrics


def test_a_teacher_made_here_rounds_like_the_same_one_from_the_cache(home):
    """Else a resumed run, which finds its teacher in the cache, would measure other last digits."""
    config = make(home, optim={"num_epochs": 1, "milestones": []}, **SMALL)
    made, cached = obtain(config, home), obtain(config, home)
    for name, parameter in made.named_parameters():
        assert parameter.stride() == cached.get_parameter(name).stride(), name


def test_a_teacher_that_does_not_fit_the_data_is_refused_with_both_numbers(home):
    from core.data.dataset import Geometry

    model = build_model(ModelSection(**SMALL), Geometry(channels=1, image_size=8, classes=100), 0)
    torch.save(model.state_dict(), home.path / "own.pt")
    with pytest.raises(TrainingError, match="made for 100 classes; the data set has 10"):
        obtain(make(home, source="checkpoint", path="own.pt", **SMALL), home)


def test_a_missing_file_is_named_before_anything_is_loaded(home):
    config = make(home, source="checkpoint", path="missing.pt")
    with pytest.raises(IgdmError, match=r"missing\.pt: no such file"):
        require_teachers(config, home)
    with pytest.raises(IgdmError, match=r"missing\.pt: cannot be read"):
        teacher_hash(config, home)
