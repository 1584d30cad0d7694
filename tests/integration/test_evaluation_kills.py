"""An evaluation that is killed again and again ends with the verdicts of one that was left alone."""

import json
import random
import time

import pytest
import torch

from core.data import load_dataset
from core.evaluation.suite import Evaluation
from core.models import build_model
from core.spec.events import AttackFinished, AttackProgress, RunStarted
from core.spec.loading import load_config
from core.teachers import freeze
from core.training.checkpoint import LAST
from tests.integration.conftest import events_of, finish, kill_hard, wait_for

pytestmark = pytest.mark.slow

SHORT, WHOLE = "autoattack:apgd-ce", "autoattack"


@pytest.fixture
def killed_folder(make_folder):
    """One epoch of plain training, then the attack on batches of six images."""

    def make(attack, num_examples):
        folder = make_folder("killed")
        text = folder.config.read_text()
        text = text.replace('["clean", "pgd20", "gradients"]', f'["clean", "{attack}"]\nbatch_size = 6')
        text = text.replace("num_examples = 50", f"num_examples = {num_examples}").replace("alpha = 3", "alpha = 0")
        text = text.replace("num_epochs = 4", "num_epochs = 1").replace("milestones = [2]", "milestones = []")
        text = text.replace("[teacher]", '[teacher]\nsource = "none"')
        folder.config.write_text(text + '\n[method]\nname = "pgd-at"\n')
        return folder

    return make


def left_alone(folder, tmp_path, attack):
    """The same evaluation of the same weights in one go, in this process: what withstood, image by image."""
    config = load_config(folder.config)
    dataset = load_dataset(config.data, folder.home)
    network = build_model(config.student, dataset.geometry, 0, dataset=config.data.name)
    network.load_state_dict(torch.load(folder.checkpoints / LAST, weights_only=True)["model"])
    Evaluation(
        freeze(network), dataset.test.first(config.evaluation.num_examples), name="final", checkpoint=LAST,
        folder=tmp_path / "alone", epsilon=config.evaluation_epsilon, seed=config.evaluation.seed,
        batch_size=config.evaluation.batch_size, teacher=None, emit=lambda _event: None, should_stop=lambda: False,
    ).run((attack,))  # fmt: skip
    return outcome(tmp_path / "alone", attack)


def outcome(folder, attack):
    return json.loads(json.loads((folder / f"{attack}.json").read_text())["content"])


def attempts(folder):
    return len(events_of(folder, RunStarted))


def reports(folder, attack):
    return sum(event.attack == attack for event in events_of(folder, AttackProgress))


def kill_at_a_random_moment(folder, start, attack, moments):
    """Start or resume; once the attack has said something, wait a moment and kill."""
    before = reports(folder, attack)
    process = start(folder)
    wait_for(lambda: reports(folder, attack) > before, process)
    time.sleep(moments.uniform(0.0, 0.6))
    assert process.poll() is None, "the attack was over before it could be killed"
    kill_hard(process)


@pytest.mark.parametrize(
    ("attack", "num_examples", "kills"),
    [
        pytest.param(SHORT, 18, 2, id="two"),
        pytest.param(WHOLE, 36, 10, id="ten", marks=pytest.mark.faults),
    ],
)
def test_killed_at_random_moments_it_ends_with_the_same_verdicts(
    killed_folder, start, tmp_path, attack, num_examples, kills
):
    folder = killed_folder(attack, num_examples)
    moments = random.Random(kills)
    state = folder.evaluation / "final" / f"{attack}.state.json"
    for number in range(kills):
        kill_at_a_random_moment(folder, start, attack, moments)
        if state.exists():
            assert json.loads(json.loads(state.read_text())["content"])["robust"], "half a file was left behind"
        if number == 0 and state.exists():
            state.write_bytes(state.read_bytes()[: moments.randrange(1, 200)])  # must be noticed, not trusted
    finish(start(folder))
    assert attempts(folder) == kills + 1
    found = outcome(folder.evaluation / "final", attack)
    alone = left_alone(folder, tmp_path, attack)
    assert found["robust"] == alone["robust"]
    assert found["parameters"].get("after") == alone["parameters"].get("after")
    assert 0 < found["robust"].count("1") < num_examples, "the attack must have something to say"
    assert [event.attack for event in events_of(folder, AttackFinished)] == ["clean"] * (kills + 1) + [attack]
    assert not state.exists()
