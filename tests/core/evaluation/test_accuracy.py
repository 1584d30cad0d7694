import pytest
import torch

from core.evaluation.accuracy import clean_mask, pgd_mask
from core.spec.errors import StopRequested


def test_the_order_clean_pgd_is_as_it_must_be(trained, dataset):
    clean = clean_mask(trained, dataset.test, batch_size=100)
    mild = pgd_mask(trained, dataset.test, epsilon=0.1, num_steps=10, seed=0, batch_size=100)
    strong = pgd_mask(trained, dataset.test, epsilon=0.2, num_steps=20, seed=0, batch_size=100)
    assert clean.float().mean() > mild.float().mean() > strong.float().mean()
    assert clean.float().mean() > 0.85


def test_epsilon_zero_gives_the_clean_verdicts(trained, dataset):
    clean = clean_mask(trained, dataset.test, batch_size=64)
    assert torch.equal(pgd_mask(trained, dataset.test, epsilon=0.0, num_steps=20, seed=0, batch_size=64), clean)


def test_verdicts_repeat_with_the_seed(trained, dataset):
    few = dataset.test.first(80)
    first, second = (pgd_mask(trained, few, epsilon=0.2, num_steps=5, seed=4, batch_size=50) for _ in range(2))
    assert torch.equal(first, second)


def test_each_batch_is_reported_with_what_is_still_robust(trained, dataset):
    reports = []
    mask = clean_mask(trained, dataset.test.first(100), batch_size=30, on_batch=lambda *report: reports.append(report))
    assert [report[:2] for report in reports] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert reports[-1][2] == int(mask.sum())
    assert [report[2] for report in reports] == sorted((report[2] for report in reports), reverse=True)


def test_a_stop_comes_between_two_batches(trained, dataset):
    seen = []
    with pytest.raises(StopRequested):
        clean_mask(
            trained, dataset.test, batch_size=30, on_batch=lambda *r: seen.append(r), should_stop=lambda: len(seen) == 2
        )
    assert len(seen) == 2
