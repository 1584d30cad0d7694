from core.spec.identity import flatten, settings_hash, teacher_hash
from core.spec.loading import build_config


def config(**sections):
    return build_config(sections)


def test_seed_name_device_and_logging_do_not_change_the_hash():
    base = settings_hash(config())
    assert settings_hash(config(runtime={"seed": 5, "device": "cpu", "log_every": 3}, name="x")) == base
    assert settings_hash(config(slurm={"partition": "gpu", "time": "1-00:00:00"})) == base
    assert settings_hash(config(evaluation={"batch_size": 7, "gradient_every": 2, "linearity_every": 1})) == base


def test_whatever_changes_numbers_changes_the_hash():
    changed = [
        config(),
        config(igdm={"alpha": 1}),
        config(attack={"epsilon": "4/255"}),
        config(evaluation={"seed": 1}),
        config(data={"split_seed": 1}),
        config(teacher={"width": 32}),
        config(optim={"weight_decay": 2e-4}),
        config(speed={"path": "literal"}),
        config(speed={"attack_precision": "bfloat16"}),
        config(speed={"tf32": True}),
        config(speed={"winograd": False}),
        config(speed={"heavy_kernels": False}),
    ]
    assert len({settings_hash(entry) for entry in changed}) == len(changed)


def test_what_only_says_how_the_same_numbers_come_about_does_not():
    same = [
        config(),
        config(speed={"cuda_graphs": True}),
        config(evaluation={"batch_size": 7}),
        config(runtime={"seed": 3}),
    ]
    assert len({settings_hash(entry) for entry in same}) == 1


def test_a_setting_written_out_at_its_default_changes_nothing():
    assert settings_hash(config(igdm={"beta": 1})) == settings_hash(config())
    assert settings_hash(config(attack={"epsilon": "8/255"})) == settings_hash(config(attack={"epsilon": 8 / 255}))


def test_the_hash_of_runs_made_before_a_section_existed_stays():
    """Pinned: a hash that moves without a new `config_version` tears the rows of old runs apart."""
    assert settings_hash(config()) == "afbf9d0f3560"
    assert settings_hash(config(igdm={"alpha": 20}, method={"name": "ard"})) == "d578bb51f17e"


def test_the_teacher_is_named_by_its_own_recipe_and_the_data():
    base = teacher_hash(config())
    assert teacher_hash(config(method={"name": "ard"}, runtime={"seed": 3}, optim={"num_epochs": 3})) == base
    assert teacher_hash(config(teacher={"optim": {"num_epochs": 3}})) != base
    assert teacher_hash(config(data={"split_seed": 3})) != base


def test_flatten_gives_dotted_keys_in_order():
    assert list(flatten({"a": 1, "b": {"c": {"d": 2}, "e": 3}}).items()) == [("a", 1), ("b.c.d", 2), ("b.e", 3)]
