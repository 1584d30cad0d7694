"""kill -9 at random moments over everything that runs: nothing is lost, nothing is there twice, numbers are equal.

IGDM_FAULTS_KILLS and IGDM_FAULTS_SEED choose another campaign: IGDM_FAULTS_KILLS=1000 make test-faults
"""

import os
import random
import time

import pytest

from tests.faults.campaign import TARGETS, Campaign
from tests.faults.homes import add_runs, await_finished, results, save_report, write_short_config

pytestmark = pytest.mark.slow
KILLS = int(os.environ.get("IGDM_FAULTS_KILLS") or 100)
SEED = int(os.environ.get("IGDM_FAULTS_SEED") or 0)


@pytest.mark.parametrize(
    ("kills", "num_runs", "epochs"),
    [
        pytest.param(len(TARGETS), 1, 4, id="few"),
        pytest.param(KILLS, 4, 6, id="campaign", marks=pytest.mark.faults),
    ],
)
def test_kills_at_random_moments_cost_nothing(make_home, kills, num_runs, epochs):
    """First of every kind one, then at random."""
    began = time.monotonic()
    home, quiet_home = make_home("killed"), make_home("quiet")
    write_short_config(home)
    runs = add_runs(home, range(num_runs), epochs)
    campaign = Campaign(home, random.Random(SEED), runs)
    while campaign.kills < kills:
        if campaign.is_over():
            runs += add_runs(home, range(len(runs), len(runs) + num_runs), epochs)
        campaign.kill(TARGETS[campaign.kills] if campaign.kills < len(TARGETS) else campaign.moments.choice(TARGETS))
    await_finished(home, runs)
    count = campaign.check()
    assert all(campaign.report[f"worker, {phase}"] for phase in ("start", "training", "evaluation"))
    assert campaign.report["command, ingest"]
    quiet = add_runs(quiet_home, range(len(runs)), epochs)
    await_finished(quiet_home, quiet)
    for killed, left_alone in zip(runs, quiet, strict=True):
        assert results(killed) == results(left_alone)
    seconds = round(time.monotonic() - began)
    save_report({"kills": dict(campaign.report), "runs": len(runs), "events": count, "seconds": seconds})
