"""Settings of networks and teachers: what is refused and what is warned about, before torch is imported."""

import pytest

from core.spec.config import RunConfig
from core.spec.identity import teacher_hash
from core.spec.loading import build_config, config_problems, config_warnings
from core.spec.published import published_teachers


def problem_at(settings, key):
    return {problem.key: problem for problem in config_problems(settings)}[key]


@pytest.mark.parametrize(
    ("teacher", "key", "advice"),
    [
        ({"source": "checkpoint"}, "teacher.path", "give a checkpoint file"),
        ({"source": "run"}, "teacher.run", "give the identifier of a finished run"),
        ({"source": "published"}, "teacher.published", "none is published for digits"),
        ({"source": "published", "published": "bdm-at"}, "teacher.published", "none is published for digits"),
        ({"source": "published", "published": "bdm"}, "teacher.published", "did you mean 'bdm-at'?"),
        ({"method": "adaad"}, "teacher.method", "one of: standard, pgd-at, trades, mart"),
        ({"source": "web"}, "teacher.source", "one of: train, none, published, checkpoint, run"),
    ],
)
def test_a_teacher_that_cannot_be_had_is_refused_at_its_key(teacher, key, advice):
    assert advice in problem_at({"teacher": teacher}, key).advice


def test_a_published_teacher_must_exist_for_the_data_set():
    settings = {"data": {"name": "cifar-100"}, "teacher": {"source": "published", "published": "ltd2"}}
    assert "one of: ltd, bdm-at, ikl-at" in problem_at(settings, "teacher.published").advice
    assert config_problems({"data": {"name": "cifar-10"}, "teacher": settings["teacher"]}) == []


@pytest.mark.parametrize("model", ["vit-b", "deit-s", "wrn-28-10-silu"])
def test_a_network_that_cannot_take_the_images_is_refused_at_its_key(model):
    settings = {"data": {"name": "folder", "folder": "x", "image_size": 30}, "student": {"model": model}}
    assert "divisible by 4; images are 30x30" in problem_at(settings, "student.model").message
    assert config_problems(settings | {"student": {"model": "resnet-18"}}) == []


def test_statistics_of_colours_are_refused_for_grey_images():
    settings = {"student": {"model": "deit-s", "normalisation": "cifar-10"}}
    assert "images have 1" in problem_at(settings, "student.normalisation").message


def test_too_many_stages_matter_only_where_blocks_do():
    settings = {"data": {"name": "folder", "folder": "x", "image_size": 4}, "teacher": {"model": "resnet-18"}}
    assert [problem.key for problem in config_problems(settings)] == ["student.blocks"]
    assert config_problems(settings | {"student": {"model": "resnet-18"}}) == []


def test_settings_that_a_network_or_a_source_does_not_read_are_warned_about():
    config = build_config(
        {
            "data": {"name": "cifar-10"},
            "student": {"model": "mobilenetv2", "width": 8, "normalisation": "half"},
            "teacher": {"source": "published", "published": "ltd", "path": "x.pt", "model": "vit-b", "seed": 3},
        }
    )
    text = config_warnings(config)
    assert "student.width has no effect on mobilenetv2" in text
    assert "student.normalisation has no effect on mobilenetv2" in text
    for key in ("path", "model", "seed"):
        assert f'teacher.{key} has no effect with source "published"' in text
    assert not [warning for warning in text if warning.startswith("teacher.published")]


def test_a_title_names_a_width_only_where_there_is_one():
    assert RunConfig().title == "adaad resnet64 s0"
    assert build_config({"student": {"model": "resnet-18"}}).title == "adaad resnet-18 s0"


def test_the_published_table_is_the_one_of_the_papers():
    rows = {(row.name, row.dataset): row for row in published_teachers() if row.name}
    assert len(rows) == 7
    assert (rows["bdm-at", "cifar-100"].clean, rows["bdm-at", "cifar-100"].pgd20) == (0.7258, 0.4424)
    assert rows["ikl-at", "cifar-10"].autoattack == 0.6773
    assert rows["ltd2", "cifar-10"].pgd20 is None
    assert len({row.drive_id for row in rows.values()}) == 7
    assert rows["ltd", "cifar-100"].parameters == 46_160_474 + 90 * 641
    assert all(row.source for row in published_teachers())


def test_a_second_teacher_is_standard_trained_and_never_taken_for_a_robust_one_with_the_same_recipe():
    recipe = {"source": "train", "width": 8, "optim": {"num_epochs": 3, "milestones": []}}
    config = build_config({"method": {"name": "iad-2"}, "teacher": recipe, "second_teacher": recipe})
    assert config.second_teacher.method == "standard"
    swapped = config.model_copy(update={"teacher": config.second_teacher})
    assert teacher_hash(swapped) != teacher_hash(config)
    robust = build_config({"teacher": recipe | {"method": "standard"}})
    assert teacher_hash(swapped) == teacher_hash(robust), "the same recipe from either section is one teacher"


def test_a_second_teacher_that_nobody_asks_is_warned_about():
    config = build_config({"method": {"name": "ard"}, "second_teacher": {"source": "train"}})
    assert "second_teacher is made for nothing: ard asks one teacher at most" in config_warnings(config)
