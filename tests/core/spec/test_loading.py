import tomllib

import pytest

from core.spec.config import RunConfig
from core.spec.errors import ConfigError, IgdmError
from core.spec.loading import build_config, config_problems, config_warnings, load_config, parse_value
from core.spec.toml_text import config_to_toml


def problems_by_key(settings, text=""):
    return {problem.key: problem for problem in config_problems(settings, text=text)}


def test_what_is_set_on_the_command_line_is_not_blamed_on_a_line_of_the_file(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text("[igdm]\nalpha = -1\n\n[evaluation]\ncheckpoints = ['last']\n")
    with pytest.raises(ConfigError) as raised:
        load_config(path, ["evaluation.attacks=clean,pgd20", "optim.milestones=3", "foo.bar=1"])
    lines = str(raised.value).splitlines()
    assert any(line.startswith(f"{path}:2: igdm.alpha: ") for line in lines)
    assert any(line.startswith("--set: evaluation.attacks: there is no suite") for line in lines)
    assert any(line.startswith("--set: optim.milestones: should be a list") for line in lines)
    assert any(line.startswith("--set: foo: unknown key") for line in lines)


def test_defaults_are_a_valid_run():
    assert config_problems({}) == []
    assert config_warnings(RunConfig()) == []


def test_toml_text_reads_back_to_the_same_settings():
    config = build_config({"name": "a b", "attack": {"epsilon": "8/255"}, "igdm": {"ramp_epochs": 7}})
    text = config_to_toml(config)
    assert 'epsilon = "8/255"' in text
    assert build_config(tomllib.loads(text)) == config


def test_every_problem_is_reported_at_once_with_key_and_line(tmp_path):
    path = tmp_path / "bad.toml"
    path.write_text("[attack]\nepsilon = 300\nnum_step = 3\n\n[optim]\nlearning_rate = '0.1'\n")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    lines = {problem.key: problem.line for problem in caught.value.problems}
    assert lines == {"attack.epsilon": 2, "attack.num_step": 3, "optim.learning_rate": 6}
    assert f"{path}:3: attack.num_step: unknown key (did you mean attack.num_steps?)" in str(caught.value)


def test_epsilon_in_levels_gets_the_hint_about_pixel_units():
    assert '"8/255"' in problems_by_key({"attack": {"epsilon": 8}})["attack.epsilon"].advice


@pytest.mark.parametrize(
    ("settings", "key", "near"),
    [
        ({"epsilon": 0.1}, "epsilon", "attack.epsilon"),
        ({"atack": {}}, "atack", "[attack]"),
        ({"optim": {"epochs": 3}}, "optim.epochs", "optim.num_epochs"),
        ({"igdm": {"alfa": 3}}, "igdm.alfa", "igdm.alpha"),
    ],
)
def test_an_unknown_key_names_the_nearest_valid_one(settings, key, near):
    problem = problems_by_key(settings)[key]
    assert problem.message == "unknown key"
    assert near in problem.advice


def test_an_unknown_method_names_the_nearest_one():
    assert "'adaad'" in problems_by_key({"method": {"name": "adad"}})["method.name"].advice


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"optim": {"num_epochs": "30"}}, "optim.num_epochs"),
        ({"optim": {"num_epochs": 0}}, "optim.num_epochs"),
        ({"optim": {"momentum": 1.0}}, "optim.momentum"),
        ({"optim": {"learning_rate": float("nan")}}, "optim.learning_rate"),
        ({"optim": {"milestones": [5, 3]}}, "optim.milestones"),
        ({"data": {"horizontal_flip": 1}}, "data.horizontal_flip"),
        ({"igdm": 3}, "igdm"),
        ({"runtime": {"device": "gpu"}}, "runtime.device"),
        ({"evaluation": {"attacks": ["clean", "clean"]}}, "evaluation.attacks"),
        ({"evaluation": {"attacks": ["pgd"]}}, "evaluation.attacks.0"),
        ({"teacher": {"source": "none"}}, "teacher.source"),
        ({"teacher": {"source": "none"}, "method": {"name": "pgd-at"}, "igdm": {"alpha": 1}}, "teacher.source"),
        ({"method": {"name": "standard"}, "igdm": {"alpha": 1}}, "igdm.alpha"),
        ({"speed": {"attack_precision": "bfloat16"}, "attack": {"batchnorm": "train"}}, "speed.attack_precision"),
        ({"name": "a\x1b[2Jb"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"config_version": 99}, "config_version"),
    ],
)
def test_what_cannot_be_run_is_refused_at_its_key(settings, key):
    assert key in problems_by_key(settings)


def test_a_newer_form_is_refused_before_its_unknown_keys():
    problems = config_problems({"config_version": 2, "future": {"x": 1}})
    assert [problem.key for problem in problems] == ["config_version"]
    assert "upgrade" in problems[0].advice


def test_no_teacher_is_fine_where_none_is_needed():
    assert config_problems({"teacher": {"source": "none"}, "method": {"name": "pgd-at"}}) == []


def test_overrides_are_read_as_toml_else_as_text(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("[igdm]\nalpha = 1\n")
    config = load_config(path, ["igdm.alpha=20", "attack.epsilon=8/255", "method.name=ard", "student.blocks=[1, 2]"])
    assert (config.igdm.alpha, config.attack.epsilon, config.method.name) == (20, 8 / 255, "ard")
    assert config.student.blocks == (1, 2)
    assert parse_value("true") is True


def test_an_override_without_a_value_is_refused(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text("")
    with pytest.raises(ConfigError, match="no key=value"):
        load_config(path, ["igdm.alpha"])


def test_a_missing_file_names_its_neighbour(tmp_path):
    (tmp_path / "digits.toml").write_text("")
    with pytest.raises(IgdmError, match=r"did you mean .*digits\.toml"):
        load_config(tmp_path / "digit.toml")


def test_broken_toml_and_folders_are_named(tmp_path):
    (tmp_path / "broken.toml").write_text("[igdm\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_config(tmp_path / "broken.toml")
    with pytest.raises(IgdmError, match="is a folder"):
        load_config(tmp_path)


def test_settings_without_effect_are_said():
    config = build_config({"method": {"name": "ard", "adaad_lambda": 0.5}, "optim": {"num_epochs": 5}})
    text = " ".join(config_warnings(config))
    assert "method.adaad_lambda has no effect on ard" in text
    assert "optim.milestones [100, 150]" in text
    literal = build_config({"speed": {"path": "literal", "attack_precision": "bfloat16", "winograd": False}})
    text = " ".join(config_warnings(literal))
    assert "speed.attack_precision has no effect" in text
    assert "speed.winograd has no effect" in text


def test_every_field_has_a_description():
    from core.spec.loading import setting_keys

    for key in setting_keys():
        section = RunConfig
        *path, last = key.split(".")
        for part in path:
            section = section.model_fields[part].annotation
        assert len(section.model_fields[last].description or "") > 10, key


@pytest.mark.parametrize(
    ("settings", "key"),
    [({"attack": {"num_steps": 0}}, "attack.num_steps"), ({"runtime": {"on_oom": "halve-batch"}}, "runtime.on_oom")],
)
@pytest.mark.parametrize("name", ["darwin", "darwin-lf"])
def test_darwin_needs_a_path_and_its_whole_batch(name, settings, key):
    with pytest.raises(ConfigError) as caught:
        build_config({"method": {"name": name}} | settings)
    assert [problem.key for problem in caught.value.problems] == [key]


@pytest.mark.parametrize(("name", "option"), [("iad", "iad_begin"), ("adaiad", "iad_begin"), ("iad-2", "iad2_begin")])
def test_introspection_that_never_begins_is_said(name, option):
    def warned(begin):
        settings = {
            "method": {"name": name, option: begin},
            "optim": {"num_epochs": 50, "milestones": []},
            "second_teacher": {"source": "train"},
        }
        return [text for text in config_warnings(build_config(settings)) if "introspection" in text]

    assert warned(49) == []
    (text,) = warned(50)
    assert option in text
    assert "never begins" in text
