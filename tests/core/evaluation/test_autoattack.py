"""Our walk through AutoAttack against pyautoattack's own, and its resumption."""

import logging

import pytest
import torch
from pyautoattack import AutoAttack

from core.evaluation.autoattack import STAGES, autoattack_plan, build_autoattack
from core.evaluation.cascade import Cascade
from core.evaluation.outcome import StateFile
from core.models.folding import fast_copy
from core.spec.errors import StopRequested

EPSILON, COUNT, BATCH = 0.15, 40, 16


def make_cheap(attack):
    """The same attacks with fewer iterations, so that tests are quick."""
    attack.apgd.n_iter = attack.apgd_targeted.n_iter = attack.fab.n_iter = 10
    attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = 3
    attack.square.n_queries = 100


def walk(model, images, path, should_stop=lambda: False, reports=None):
    state = StateFile(path, "key")
    reports = [] if reports is None else reports
    attack = build_autoattack(model, norm="Linf", epsilon=EPSILON, seed=5, device=torch.device("cpu"))
    make_cheap(attack)
    cascade = Cascade(model, images, autoattack_plan(attack), batch_size=BATCH, state=state)
    return cascade.run(lambda **report: reports.append(report), should_stop), reports


def batches_done(reports):
    return sum(report["batch"] > 0 for report in reports)


def stop_walk(model, images, path, stop_after):
    """Walk until so many batches are done, then be asked to stop."""
    reports = []
    with pytest.raises(StopRequested):
        walk(model, images, path, lambda: batches_done(reports) == stop_after, reports)


@pytest.fixture(scope="module")
def images(dataset):
    return dataset.test.first(COUNT)


@pytest.fixture(scope="module")
def quiet(trained, images, tmp_path_factory):
    return walk(trained, images, tmp_path_factory.mktemp("quiet") / "state.json")


def test_verdicts_are_those_of_pyautoattack(trained, images, quiet):
    reference = AutoAttack(trained, norm="Linf", eps=EPSILON, seed=5, version="standard")
    make_cheap(reference)
    adv_images, _ = reference.run_standard_evaluation(images.images(), images.labels, batch_size=BATCH)
    robust = trained(adv_images).argmax(dim=1) == images.labels
    assert torch.equal(quiet[0].robust, robust)
    assert 0 < int(robust.sum()) < COUNT


def test_every_stage_and_batch_is_reported_and_the_bound_only_falls(quiet):
    reports = quiet[1]
    assert [report["stage"] for report in reports if report["batch"] == 0] == list(STAGES)
    robust = [report["robust"] for report in reports]
    assert robust == sorted(robust, reverse=True)
    for stage in STAGES:
        batches = [report["batch"] for report in reports if report["stage"] == stage]
        assert batches == list(range(len(batches)))


def test_stopped_after_any_batch_it_ends_with_the_same_verdicts(trained, images, quiet, tmp_path):
    total = batches_done(quiet[1])
    for stop_after in range(1, total):
        path = tmp_path / f"{stop_after}.json"
        stop_walk(trained, images, path, stop_after)
        resumed, rest = walk(trained, images, path)
        assert torch.equal(resumed.robust, quiet[0].robust)
        assert batches_done(rest) <= total - stop_after + 1


@pytest.mark.parametrize("damage", [b"", b"{", b'{"key": "key", "sha256": "0", "content": "{}"}'])
def test_a_damaged_state_is_not_trusted(trained, images, quiet, tmp_path, damage):
    path = tmp_path / "state.json"
    path.write_bytes(damage)
    assert torch.equal(walk(trained, images, path)[0].robust, quiet[0].robust)


def test_a_state_of_another_measurement_is_not_used(tmp_path):
    StateFile(tmp_path / "s.json", "one").write({"a": 1})
    assert StateFile(tmp_path / "s.json", "two").read() is None
    assert StateFile(tmp_path / "s.json", "one").read() == {"a": 1}


def test_its_warnings_are_kept_as_flags(images, tmp_path):
    class Probabilities(torch.nn.Module):
        def forward(self, pixels):
            return torch.softmax(pixels.flatten(1)[:, :10] * 3, dim=1)

    found, _ = walk(Probabilities(), images, tmp_path / "s.json")
    assert any("probability distribution" in flag for flag in found.flags)
    assert not logging.getLogger("auto-attack").handlers


def test_the_global_generator_is_left_alone(trained, images, tmp_path):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    walk(trained, images, tmp_path / "s.json")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("norm", "epsilon", "version", "stages"),
    [
        ("L2", 0.6, "standard", None),
        ("L1", 3.0, "standard", None),
        ("Linf", 0.15, "rand", None),
        ("Linf", 0.15, "plus", None),
        ("Linf", 0.15, "custom", ("apgd-dlr", "square")),
    ],
)
def test_other_norms_and_versions_have_the_verdicts_of_pyautoattack(
    trained, images, tmp_path, norm, epsilon, version, stages
):
    few, cpu = images.first(16), torch.device("cpu")

    def shorten(attack):
        make_cheap(attack)
        attack.apgd.n_restarts, attack.apgd.eot_iter = min(2, attack.apgd.n_restarts), min(2, attack.apgd.eot_iter)
        attack.fab.n_restarts = min(2, attack.fab.n_restarts)

    reference = AutoAttack(trained, norm=norm, eps=epsilon, seed=5, version=version, attacks=stages and list(stages))
    shorten(reference)
    adv_images, _ = reference.run_standard_evaluation(few.images(), few.labels, batch_size=BATCH)
    attack = build_autoattack(trained, norm=norm, epsilon=epsilon, seed=5, device=cpu, version=version, stages=stages)
    shorten(attack)
    cascade = Cascade(trained, few, autoattack_plan(attack), batch_size=BATCH, state=StateFile(tmp_path / "s", "k"))
    found = cascade.run(lambda **_: None, lambda: False)
    assert torch.equal(found.robust, trained(adv_images).argmax(dim=1) == few.labels)
    assert found.largest <= epsilon * (1 + 1e-5)


@pytest.mark.parametrize(("version", "stages"), [("custom", None), ("standard", ("square",)), ("custom", ("pgd",))])
def test_stages_go_with_the_custom_version_alone(trained, version, stages):
    with pytest.raises(ValueError, match="custom takes some of"):
        build_autoattack(
            trained, norm="Linf", epsilon=0.1, seed=0, device=torch.device("cpu"), version=version, stages=stages
        )


def test_on_a_folded_copy_the_verdicts_are_those_of_the_network(trained, images, quiet, tmp_path):
    attack = build_autoattack(
        fast_copy(trained, images.images()).network, norm="Linf", epsilon=EPSILON, seed=5, device=torch.device("cpu")
    )
    make_cheap(attack)
    cascade = Cascade(trained, images, autoattack_plan(attack), batch_size=BATCH, state=StateFile(tmp_path / "s", "k"))
    differ = cascade.run(lambda **_: None, lambda: False).robust != quiet[0].robust
    assert int(differ.sum()) <= 1
