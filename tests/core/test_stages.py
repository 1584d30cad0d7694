"""The stages of a run in this process, without a worker around them."""

import pytest
import torch

from core.device import lacks_bfloat16
from core.spec.events import CheckpointSaved, EpochFinished, Event, Warned
from core.spec.home import Home
from core.spec.loading import build_config
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from core.stages import SLOW_BFLOAT16, Job, run_stages, takes_bfloat16
from core.training.checkpoint import LAST, read_state

CPU = torch.device("cpu")


def carry_out(
    home: Home, run_id: str, *, speed: dict[str, object] | None = None, **runtime: object
) -> tuple[RunFolder, list[Event]]:
    """A tiny run to its end, and what it said."""
    folder = RunFolder(home.runs / run_id)
    said: list[Event] = []
    config = build_config(
        {
            "method": {"name": "pgd-at"},
            "teacher": {"source": "none"},
            "student": {"width": 4, "blocks": [1]},
            "attack": {"num_steps": 1},
            "optim": {"num_epochs": 1, "milestones": [], "batch_size": 256},
            "evaluation": {"attacks": ["clean"], "num_examples": 10, "validation_every": 0, "gradient_every": 0},
            "speed": speed or {},
            "runtime": {"device": "cpu", "threads": 1, **runtime},
        }
    )
    run_stages(
        Job(
            folder=folder,
            config=config,
            device=CPU,
            identity=ProcessIdentity(pid=1, started_at=1.0, host="here"),
            attempt=1,
            software={},
            emit=said.append,
            should_stop=lambda: False,
            check_attempt=lambda: None,
        )
    )
    return folder, said


def test_long_epochs_are_saved_between_their_steps_and_end_with_the_same_bits(tmp_path):
    home = Home(tmp_path).ensure()
    seldom, told = carry_out(home, "seldom")
    often, told_often = carry_out(home, "often", checkpoint_minutes=1e-9)
    steps = next(event.step for event in told if isinstance(event, EpochFinished))
    assert [event.step for event in told if isinstance(event, CheckpointSaved)] == [steps]
    saved = [(event.epoch, event.step) for event in told_often if isinstance(event, CheckpointSaved)]
    assert saved == [*((0, step) for step in range(1, steps + 1)), (1, steps)]
    first, second = (read_state(folder.checkpoints / LAST, device=CPU)["model"] for folder in (seldom, often))
    assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())


@pytest.mark.parametrize(
    ("speed", "lacks", "is_said"),
    [
        ({"attack_precision": "bfloat16"}, True, True),
        ({"attack_precision": "bfloat16"}, False, False),
        ({"attack_precision": "bfloat16", "path": "literal"}, True, False),
        ({}, True, False),
    ],
)
def test_bfloat16_on_a_processor_without_it_is_a_warning(tmp_path, monkeypatch, speed, lacks, is_said):
    """It takes some twenty times as long there: who wanted speed must hear of it before the night is over."""
    monkeypatch.setattr("core.stages.lacks_bfloat16", lambda device: lacks)
    _, told = carry_out(Home(tmp_path).ensure(), "run", speed=speed)
    assert (SLOW_BFLOAT16 in [event.message for event in told if isinstance(event, Warned)]) is is_said


@pytest.mark.parametrize(
    ("settings", "takes"),
    [
        ({"optim": {"mixed_precision": True}}, True),
        ({"teacher": {"optim": {"mixed_precision": True}}}, True),
        ({"teacher": {"source": "none", "optim": {"mixed_precision": True}}, "method": {"name": "pgd-at"}}, False),
        ({"method": {"name": "standard"}, "speed": {"attack_precision": "bfloat16"}}, False),
    ],
)
def test_teachers_that_are_trained_count_and_attacks_that_are_not_made_do_not(settings, takes):
    assert takes_bfloat16(build_config({"igdm": {"alpha": 0}, **settings})) is takes


def test_whether_a_processor_has_bfloat16_is_what_onednn_says():
    assert lacks_bfloat16(CPU) is not torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert not lacks_bfloat16(torch.device("cuda"))
