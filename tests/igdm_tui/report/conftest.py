"""Runs with every kind of result, in a home that is read back number by number."""

import pytest

from core.spec.events import AttackFinished, EpochFinished, RunFinished
from core.spec.home import Home
from igdm_tui.store import Store
from tests.igdm_tui.conftest import run_maker

LEVELS = (8, 12, 16)
FLAG = "Square was better than the gradient attacks: <masked> & $100_%"


@pytest.fixture(scope="session")
def rich_home(tmp_path_factory):
    """Two experiments, three runs: curves, AutoAttack with a flag, a sweep of radii, distances. To be read only."""
    home = Home(tmp_path_factory.mktemp("rich") / "home").ensure()
    make_run = run_maker(home)
    for number, (run_id, alpha, seed) in enumerate((("aaaa2222", 0, 0), ("bbbb2222", 10, 0), ("cccc2222", 10, 1))):
        run = make_run(run_id, igdm={"alpha": alpha}, runtime={"seed": seed}).start().teacher().train()
        for epoch in (1, 2):
            metrics = {"validation_clean_accuracy": 0.4 * epoch, "validation_pgd_accuracy": 0.2 * epoch}
            run.say(EpochFinished(epoch=epoch, step=epoch * 10, elapsed_s=1.0, metrics=metrics))
        run.evaluate(
            clean=0.9 - number / 50, autoattack=0.5 + number / 20, flags=[FLAG] if number == 1 else [],
            gradients={"gradient_distance": 0.1 - number / 50, "gradient_cosine": 0.5 + number / 10},
        )  # fmt: skip
        for level in LEVELS:
            correct = 300 - 10 * level + number
            metrics = {f"pgd20_at_{level}_accuracy": correct / 360}
            run.say(_measured(f"pgd20-at-{level}", metrics, correct, {"epsilon": level / 255}))
        distances = {
            f"pointwise_{where}{ending}": 0.1 * place + number / 100
            for place, where in enumerate(("clean", "uniform", "adversarial"), 1)
            for ending in ("", "_logits")
        }
        run.say(_measured("pointwise", distances, None, {"epsilon": 8 / 255}))
        run.say(RunFinished(elapsed_s=30.0))
    return home


def _measured(attack, metrics, correct, parameters):
    return AttackFinished(
        evaluation="final", attack=attack, metrics=metrics, correct=correct, examples=360, seconds=1.0,
        parameters=parameters,
    )  # fmt: skip


@pytest.fixture
def store(rich_home):
    """The store of that home, up to date."""
    with Store.open(rich_home) as found:
        found.ingest()
        yield found


@pytest.fixture
def runs(store):
    """Its runs, oldest first."""
    return store.runs()[::-1]
