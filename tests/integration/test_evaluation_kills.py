"""An evaluation that is killed again and again ends with the verdicts of one that was left alone."""

import json
import random
import signal

import pytest
import torch

from core.data import load_dataset
from core.evaluation.suite import Evaluation
from core.models import build_model
from core.spec.events import AttackFinished, AttackProgress, RunStarted
from core.spec.loading import load_config
from core.teachers import freeze
from core.training.checkpoint import LAST
from tests.integration.conftest import PATIENCE_S, events_of, finish
from tests.moments import at_moment

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


def batches_said(folder, attack):
    return sum(event.attack == attack for event in events_of(folder, AttackProgress))


def kill_at_a_moment(folder, start, tmp_path, state, acts):
    """Start or resume; the worker dies at the attack's `acts`th act on files: five of them make a batch."""
    process = start(folder, **at_moment(tmp_path / "moment", signal.SIGKILL, begin=state.name, acts=acts))
    assert process.wait(timeout=PATIENCE_S) == -signal.SIGKILL, "the attack was over before the worker was killed"


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
    cut = b""
    for number in range(kills):
        # At most two batches further each time. The first dies with a state on disk, which is then cut.
        kill_at_a_moment(folder, start, tmp_path, state, moments.randint(1, 13) if number else 9)
        if not cut:
            cut = state.read_bytes()[: moments.randrange(1, 200)]
            state.write_bytes(cut)  # must be noticed, not trusted
        elif state.read_bytes() != cut:
            assert json.loads(json.loads(state.read_text())["content"])["robust"], "half a file was left behind"
    assert batches_said(folder, attack) > 0
    finish(start(folder))
    assert attempts(folder) == kills + 1
    found = outcome(folder.evaluation / "final", attack)
    alone = left_alone(folder, tmp_path, attack)
    assert found["robust"] == alone["robust"]
    assert found["parameters"].get("after") == alone["parameters"].get("after")
    assert 0 < found["robust"].count("1") < num_examples, "the attack must have something to say"
    assert [event.attack for event in events_of(folder, AttackFinished)] == ["clean"] * (kills + 1) + [attack]
    assert sorted(path.name for path in state.parent.iterdir()) == sorted(["clean.json", f"{attack}.json"])
