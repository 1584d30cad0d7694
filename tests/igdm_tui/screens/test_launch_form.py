import pytest

from core.spec.catalogue import MODELS
from core.spec.config import RunConfig
from core.spec.loading import build_config, setting_keys
from igdm_tui.screens.launch_fields import HEADINGS, USUAL, field_specs, texts_of
from igdm_tui.screens.launch_form import presets, read_form, read_seeds

SPECS = field_specs()


def read(settings=None, **changes):
    texts = texts_of(settings or {}) | {key.replace("__", "."): text for key, text in changes.items()}
    return read_form(SPECS, texts)


def test_every_setting_has_a_field_but_the_version():
    assert {spec.key for spec in SPECS} == set(setting_keys()) - {"config_version"}


def test_a_name_of_blanks_is_none():
    reading = read(name="   ")
    assert not reading.problems
    assert "name" not in reading.settings


def usual(settings):
    texts = texts_of(settings)
    return {spec.key for spec in SPECS if spec.is_usual(texts)}


def test_the_short_form_has_what_the_choices_ask_for_and_no_more():
    digits = usual({})
    assert {"data.name", "teacher.width", "student.blocks", "igdm.alpha", "optim.milestones"} <= digits
    assert not {key for key in digits if key.startswith("data.")} - {"data.name"}
    assert {"data.root", "data.download"} <= usual({"data": {"name": "cifar-10"}})
    folder = usual({"data": {"name": "folder"}})
    assert {"data.folder", "data.image_size", "data.channels", "data.root"} <= folder
    assert "data.download" not in folder
    assert not {"student.width", "student.blocks"} & usual({"student": {"model": "resnet-18"}})
    assert "optim.milestones" not in usual({"optim": {"schedule": "cosine"}})
    assert "second_teacher.source" in usual({"method": {"name": "iad-2"}}) - digits


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ("published", {"published"}),
        ("run", {"run"}),
        ("none", set()),
        ("checkpoint", {"path", "model", "width", "blocks"}),
    ],
)
def test_a_teacher_is_described_as_its_source_needs(source, keys):
    shown = {key for key in usual({"teacher": {"source": source}}) if key.startswith("teacher.")}
    assert shown == {"teacher.source", *(f"teacher.{key}" for key in keys)}


def test_models_offer_the_names_of_the_catalogue_and_take_others():
    for key in ("student.model", "teacher.model"):
        assert next(spec for spec in SPECS if spec.key == key).names == tuple(MODELS)
    assert read(**{"student.model": "my.networks:small"}).problems == ()
    assert read(**{"student.model": "resnet18"}).problems[0].key == "student.model"


def test_the_guide_tells_of_all_names_or_where_room_is_short_of_the_chosen_one():
    method = next(spec for spec in SPECS if spec.key == "method.name")
    words = [text.strip() for text, _ in method.guide("adaad", 60, 100)]
    assert words[0] == "method.name"
    assert any(text.startswith("› adaad  attack maximises") for text in words)
    assert any(text.startswith("trades  clean cross-entropy") for text in words)
    short = [text.strip() for text, _ in method.guide("adaad", 60, 20)]
    assert "trades" in short
    assert any(text.startswith("› adaad  attack maximises") for text in short)


def test_every_field_is_documented_and_stands_under_a_heading():
    assert all(spec.about for spec in SPECS)
    assert {spec.section for spec in SPECS} <= set(HEADINGS)
    assert set(USUAL) <= {spec.key for spec in SPECS}


def test_values_between_commas_are_told_how_several_are_written():
    texts = {spec.key: spec.default for spec in SPECS} | {
        "igdm.alpha": "0, 3,10",
        "attack.epsilon": "x",
        "optim.milestones": ",",
    }
    problems = {problem.key: problem for problem in read_form(SPECS, texts).problems}
    assert (problems["igdm.alpha"].message, problems["igdm.alpha"].advice) == (
        "holds one value",
        "for a run of each: 0 | 3 | 10",
    )
    assert "for a run of each" not in problems["attack.epsilon"].advice
    guide = {spec.key: [text for text, _ in spec.guide("", 60, 40)] for spec in SPECS}
    assert any("0 | 10 | 30" in text for text in guide["igdm.alpha"])
    assert not any("0 | 10 | 30" in text for text in guide["name"] + guide["optim.milestones"])


def test_an_untouched_form_is_the_default_configuration():
    reading = read()
    assert reading.problems == ()
    assert reading.seeds == (0,)
    assert build_config(reading.with_seed(0)) == RunConfig()


def test_settings_come_back_as_they_went_in():
    config = build_config(
        {
            "name": "x",
            "attack": {"epsilon": "8/255", "step_size": 0.0123456789},
            "igdm": {"alpha": 20, "ramp_epochs": 7},
            "student": {"blocks": [1, 2]},
            "optim": {"milestones": [], "learning_rate": 1e-3},
            "evaluation": {"attacks": ["clean"], "epsilon": "1/255", "num_examples": 5},
            "data": {"horizontal_flip": True},
            "runtime": {"device": "cuda:1"},
        }
    )
    reading = read(config.model_dump(mode="json"))
    assert reading.problems == ()
    assert build_config(reading.with_seed(0)) == config


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("attack.epsilon", "300", 'write "8/255", not 8'),
        ("attack.epsilon", "8/0", "divides by zero"),
        ("attack.epsilon", "eight", "is not a number"),
        ("attack.epsilon", "", "the default is 8/255"),
        ("optim.num_epochs", "0", "greater than or equal to 1"),
        ("optim.num_epochs", "1.5", "valid integer"),
        ("optim.learning_rate", "nan", "finite"),
        ("student.blocks", "", "at least 1"),
        ("student.blocks", "1,2,1,1,1", "at most 4"),
        ("student.blocks", "1,x", "valid integer"),
        ("evaluation.attacks", "clean,pdg20", "did you mean 'pgd20'"),
        ("runtime.device", "gpu", "is not a device"),
        ("runtime.seed", "", "write 0, or 0,1,2"),
        ("runtime.seed", "1,1", "twice"),
        ("runtime.seed", "-3", "write 0, or 0,1,2"),
        ("teacher.source", "none", "there is none"),
        ("name", "x" * 81, "at most 80"),
        ("name", "a\u202eb", "control characters"),
    ],
)
def test_what_is_wrong_is_said_with_its_field_and_advice(key, text, words):
    problems = {problem.key: f"{problem.message} ({problem.advice})" for problem in read(**{key: text}).problems}
    found = next(value for name, value in problems.items() if name.startswith(key))
    assert words in found


def test_all_problems_are_found_at_once():
    reading = read(**{"attack.epsilon": "300", "runtime.seed": "x", "optim.num_epochs": "", "igdm.alpha": "-1"})
    keys = {problem.key for problem in reading.problems}
    assert keys >= {"attack.epsilon", "runtime.seed", "optim.num_epochs", "igdm.alpha"}


def test_no_text_makes_the_form_crash():
    for text in ("[", '"', "{a=1}", "\x00", "1e999", "true", "2020-01-01", "[[1]]", "'", "# x", "\n", "=", "0x10"):
        for spec in SPECS:
            if not spec.choices:
                read(**{spec.key: text})


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("0", (0,)), ("0,1,2", (0, 1, 2)), (" 3 1 ", (3, 1)), ("0-4", (0, 1, 2, 3, 4)), ("7-7,1", (7, 1))],
)
def test_seeds_are_numbers_lists_and_ranges(text, seeds):
    assert read_seeds(text) == (seeds, None)


@pytest.mark.parametrize("text", ["", ",", "1-", "-1", "4-2", "0-100000", "1.5", "²", "99999999999", "0x1"])
def test_other_seeds_are_refused(text):
    seeds, problem = read_seeds(text)
    assert seeds == ()
    assert problem is not None


def test_presets_of_the_current_folder_go_before_shipped_ones(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "digits.toml").write_text("")
    (tmp_path / "configs" / "mine.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    found = presets()
    assert found["digits"].read_text() == ""
    assert "mine" in found


def test_shipped_presets_are_found_from_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "digits" in presets()
