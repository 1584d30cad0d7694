"""Every attack on a small network: it stays where it must, and its formula is the published one."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.evaluation.attack_plans import NAMED, attack_plan
from core.evaluation.carlini_wagner import Search, is_success, objective, smallest_adversaries
from core.evaluation.cascade import AttackPlan, Cascade, Stage
from core.evaluation.margin_attacks import confident_margin, label_margin, margin_of_correct
from core.evaluation.outcome import StateFile
from core.evaluation.sign_attacks import fgsm_plan, pgd_plan
from core.evaluation.target import Target
from core.evaluation.transfer_attacks import OFFICIAL, TORCHATTACKS, VarianceTuning, variance_tuned_images
from core.models import build_model
from core.spec.attack_names import ATTACKS
from core.spec.config import ModelSection
from core.spec.errors import StopRequested
from tests.core.evaluation.cw2_reference import advertorch_cw2

ACCURACIES = [name for name, entry in ATTACKS.items() if entry.is_accuracy and name != "clean"]
WITH_PARAMETERS = ["pgd7", "pgd20x3", "cwx2", "cw30x2", "fgsm-at-16", "cwx2-at-30.5"]
OWN = [name for name in ACCURACIES if not name.startswith("autoattack") and name != "cw2"] + WITH_PARAMETERS
OF_EPSILON = ("fgsm", "pgd10", "pgd20", "pgd20x10", "cw", "cw30")


@pytest.fixture(scope="module")
def images(dataset):
    return dataset.test.first(20)


@pytest.fixture
def source(dataset):
    return build_model(ModelSection(width=4, blocks=(1,)), dataset.geometry, 7).eval().requires_grad_(False)


@pytest.fixture
def aim(trained, source):
    def target(epsilon=0.15):
        return Target(network=trained, epsilon=epsilon, seed=3, device=torch.device("cpu"), transfer_source=source)

    return target


@pytest.fixture
def carry_out(trained, images, tmp_path):
    def run(plan, *, network=trained, should_stop=lambda: False, reports=None, path=None):
        reports = [] if reports is None else reports
        state = StateFile(path or tmp_path / f"{len(list(tmp_path.iterdir()))}.json", "key")
        cascade = Cascade(network, images, plan, batch_size=10, state=state)
        return cascade.run(lambda **report: reports.append(report), should_stop)

    return run


def is_right(network, images):
    with torch.no_grad():
        return network(images.images()).argmax(dim=1) == images.labels


@pytest.mark.parametrize("name", ACCURACIES)
def test_every_accuracy_of_the_catalogue_has_its_plan(name, aim):
    assert attack_plan(name, aim()).stages
    assert set(NAMED) < set(ATTACKS)


@pytest.mark.parametrize(
    ("name", "parameters", "stages"),
    [
        ("pgd20x3", {"num_steps": 20, "restarts": 3, "epsilon": 0.15}, ["pgd20 1", "pgd20 2", "pgd20 3"]),
        ("pgd50-at-12", {"num_steps": 50, "restarts": 1, "epsilon": 12 / 255, "step_size": 3 / 255}, ["pgd50"]),
        ("cwx2", {"num_steps": 50, "restarts": 2}, ["cw 1", "cw 2"]),
        ("fgsm-at-4", {"epsilon": 4 / 255}, ["fgsm"]),
        ("autoattack:square+apgd-ce", {"version": "custom", "norm": "Linf"}, ["square", "apgd-ce"]),
        ("autoattack-l2:fab", {"version": "custom", "norm": "L2", "epsilon": 128 / 255}, ["fab"]),
        ("autoattack-rand-l1", {"version": "rand", "norm": "L1", "epsilon": 12.0}, ["apgd-ce", "apgd-dlr"]),
        ("autoattack-plus-at-12", {"version": "plus", "epsilon": 12 / 255}, None),
    ],
)
def test_a_name_carries_its_parameters(name, parameters, stages, aim):
    plan = attack_plan(name, aim())
    assert {key: pytest.approx(plan.parameters[key]) for key in parameters} == parameters
    assert stages is None or [stage.name for stage in plan.stages] == stages


def test_the_first_start_of_many_is_the_only_one_of_one(aim, images):
    one, many = (
        attack_plan(name, aim()).stages[0].perturb(images.images(), images.labels, 0) for name in ("pgd10", "pgd10x4")
    )
    assert torch.equal(one, many)


def test_what_is_no_attack_has_no_plan(aim):
    with pytest.raises(KeyError):
        attack_plan("gradients", aim())


@pytest.mark.parametrize("name", OWN)
def test_it_stays_in_its_ball_and_never_saves_an_image(name, aim, carry_out, trained, images):
    plan = attack_plan(name, aim())
    judged = []

    def watch(pixels):
        judged.append(pixels)
        return trained(pixels)

    walk = carry_out(plan, network=watch)
    assert walk.largest <= plan.ball.epsilon * (1 + 1e-5)
    assert all(float(pixels.min()) >= 0 and float(pixels.max()) <= 1 for pixels in judged)
    assert not bool((walk.robust & ~is_right(trained, images)).any())
    assert walk.after[plan.stages[-1].name] == pytest.approx(float(walk.robust.float().mean()))


@pytest.mark.parametrize("name", ["fgsm", "pgd10", "pgd20", "cw30"])
def test_epsilon_zero_gives_the_clean_verdicts(name, aim, carry_out, trained, images):
    assert torch.equal(carry_out(attack_plan(name, aim(0.0))).robust, is_right(trained, images))


def test_stronger_attacks_break_more(aim, carry_out):
    robust = {name: int(carry_out(attack_plan(name, aim())).robust.sum()) for name in OF_EPSILON}
    assert robust["cw"] <= robust["pgd20x10"] + 1 <= robust["pgd20"] + 1 <= robust["fgsm"] + 1


def test_a_claim_is_not_believed(carry_out, trained, images):
    """An attack that leaves the ball breaks nothing: it is put back first, and the network itself is asked."""
    plan = AttackPlan(
        stages=(Stage(name="liar", perturb=lambda pixels, _labels, _batch: 1 - pixels),),
        ball=Target(network=trained, epsilon=0.0, seed=0, device=torch.device("cpu")).ball,
        parameters={},
    )
    assert torch.equal(carry_out(plan).robust, is_right(trained, images))


def test_an_attack_lost_in_nan_breaks_nothing(carry_out, trained, images):
    plan = AttackPlan(
        stages=(Stage(name="lost", perturb=lambda pixels, _labels, _batch: pixels * math.nan),),
        ball=Target(network=trained, epsilon=0.1, seed=0, device=torch.device("cpu")).ball,
        parameters={},
    )
    assert torch.equal(carry_out(plan).robust, is_right(trained, images))


def test_nan_of_the_network_is_a_flag(carry_out, trained, images, aim):
    clean = images.images()

    def broken(pixels):
        moved = not any(torch.equal(pixels, part) for part in torch.split(clean, 10))
        return trained(pixels) * (math.nan if moved else 1.0)

    walk = carry_out(fgsm_plan(aim()), network=broken)
    assert not bool(walk.robust.any())
    assert any("NaN" in flag for flag in walk.flags)


def test_stopped_after_any_batch_it_ends_with_the_same_verdicts(aim, carry_out, tmp_path):
    plan = pgd_plan(aim(), num_steps=3, restarts=3)
    whole = []
    expected = carry_out(plan, reports=whole).robust
    total = sum(report["batch"] > 0 for report in whole)
    for stop_after in range(1, total):
        reports, path = [], tmp_path / f"stop{stop_after}.json"
        with pytest.raises(StopRequested):
            carry_out(
                plan, path=path, reports=reports,
                should_stop=lambda done=reports, n=stop_after: sum(r["batch"] > 0 for r in done) == n,
            )  # fmt: skip
        assert torch.equal(carry_out(plan, path=path).robust, expected)


def test_fgsm_is_one_signed_step(aim, trained, images):
    pixels = images.images().requires_grad_(True)
    F.cross_entropy(trained(pixels), images.labels).backward()
    expected = (pixels.detach() + 0.15 * pixels.grad.sign()).clamp(0, 1)
    found = fgsm_plan(aim()).stages[0].perturb(images.images(), images.labels, 0)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_margins_are_the_written_out_ones():
    logits = torch.tensor([[3.0, 1.0, 2.5], [0.0, 4.0, -1.0], [90.0, 0.0, 1.0]])
    labels = torch.tensor([0, 2, 2])
    assert label_margin(logits, labels).tolist() == [0.5, -5.0, -89.0]
    assert margin_of_correct(logits, labels).tolist() == [-0.5, 0.0, 0.0]
    assert confident_margin(logits, labels).tolist() == [-50.5, -45.0, 0.0]


def test_cw_moves_only_what_is_still_right(aim, trained, images):
    plan = attack_plan("cw", aim())
    assert [stage.name for stage in plan.stages] == [f"cw {number}" for number in range(1, 11)]
    wrong = (trained(images.images()).argmax(dim=1) + 1) % 10
    ball = aim().ball
    start = ball.uniform_start(images.images(), aim().generator("cw", 0, 0))
    found = plan.stages[0].perturb(images.images(), wrong, 0)
    still_wrong = trained(start).argmax(dim=1) != wrong
    assert torch.equal(found[still_wrong], start[still_wrong])


def test_cw2_follows_its_reference(aim, trained, images):
    few = images.first(6)
    found = smallest_adversaries(aim(), few.images(), few.labels, Search(num_steps=60))
    expected = advertorch_cw2(trained, few.images(), few.labels, num_steps=60)
    torch.testing.assert_close(found, expected, rtol=0, atol=2e-3)


def test_cw2_objective_and_success():
    logits, labels = torch.tensor([[2.0, 1.0], [1.0, 1.005], [1.0, 3.0]]), torch.tensor([0, 0, 0])
    squared = torch.tensor([0.0, 0.25, 1.0])
    torch.testing.assert_close(objective(logits, labels, squared), torch.tensor([0.101, 0.2505, 1.0]))
    assert is_success(logits, labels).tolist() == [False, False, True]


def test_vmi_fgsm_is_the_written_out_update(source, images):
    few = images.first(3)
    pixels, labels = few.images(), few.labels
    tuning = VarianceTuning(epsilon=0.1, step_size=0.03, num_steps=3, momentum=0.9, neighbours=2, reach=1.5)

    def gradient(at):
        at = at.clone().requires_grad_(True)
        F.cross_entropy(source(at), labels, reduction="sum").backward()
        return at.grad

    noise = torch.Generator().manual_seed(5)
    x, m, v = pixels.clone(), torch.zeros_like(pixels), torch.zeros_like(pixels)
    for _ in range(3):
        g = gradient(x)
        for n in range(3):
            m[n] = 0.9 * m[n] + (g[n] + v[n]) / (g[n] + v[n]).abs().mean()
        around = sum(gradient(x + 0.15 * (2 * torch.rand(x.shape, generator=noise) - 1)) for _ in range(2))
        v = around / 2 - g
        x = torch.minimum(torch.maximum(x + 0.03 * m.sign(), pixels - 0.1), pixels + 0.1).clamp(0, 1)
    found = variance_tuned_images(source, pixels, labels, tuning, torch.Generator().manual_seed(5))
    torch.testing.assert_close(found, x, rtol=0, atol=1e-6)


def test_both_versions_of_vmi_have_their_parameters():
    assert (OFFICIAL.epsilon, OFFICIAL.step_size, OFFICIAL.neighbours) == (16 / 255, 16 / 255 / 10, 20)
    assert (TORCHATTACKS.epsilon, TORCHATTACKS.step_size, TORCHATTACKS.neighbours) == (16 / 255, 2 / 255, 5)


def test_transfer_without_a_source_is_refused(trained):
    with pytest.raises(ValueError, match="another network"):
        attack_plan("vmi", Target(network=trained, epsilon=0.1, seed=0, device=torch.device("cpu")))
