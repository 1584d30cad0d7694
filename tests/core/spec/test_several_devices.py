"""Settings of runs on several devices."""

import pytest

from core.spec.errors import ConfigError
from core.spec.identity import settings_hash
from core.spec.loading import build_config


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"runtime": {"devices": 2, "device": "cuda:1"}}, "runtime.device"),
        ({"runtime": {"devices": 2, "on_oom": "halve-batch"}}, "runtime.on_oom"),
        ({"runtime": {"devices": 4}, "optim": {"batch_size": 3}}, "optim.batch_size"),
        ({"runtime": {"devices": 2}, "method": {"name": "darwin"}}, "runtime.devices"),
        ({"runtime": {"devices": 0}}, "runtime.devices"),
    ],
)
def test_what_several_devices_cannot_do_is_said_before_the_start(settings, key):
    with pytest.raises(ConfigError) as caught:
        build_config(settings)
    assert [problem.key for problem in caught.value.problems] == [key]


def test_devices_do_not_change_the_experiment_but_batchnorm_by_shares_does():
    base = settings_hash(build_config({}))
    assert settings_hash(build_config({"runtime": {"devices": 4}})) == base
    assert settings_hash(build_config({"runtime": {"on_oom": "halve-batch"}})) == base
    assert settings_hash(build_config({"optim": {"sync_batchnorm": True}})) == base
    assert settings_hash(build_config({"optim": {"sync_batchnorm": False}})) != base
