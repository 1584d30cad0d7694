from igdm_tui.launch.estimate import estimate_run
from igdm_tui.screens.launch_fields import field_specs, texts_of
from igdm_tui.screens.launch_form import read_form
from igdm_tui.screens.launch_outlook import look_ahead, outlook_text, ready_text
from igdm_tui.store import Store

SPECS = field_specs()


def reading_of(settings=None, **texts):
    return read_form(SPECS, texts_of(settings or {}) | {key.replace("__", "."): text for key, text in texts.items()})


def rows_of(home):
    with Store.open(home) as store:
        store.ingest()
        return store.runs()


def test_every_combination_of_several_values_is_a_run():
    reading = reading_of(method__name="adaad | ard", igdm__alpha="0 | 10 | 30", runtime__seed="0-1")
    assert (reading.count, reading.problems) == (12, ())
    runs = [(s["method"]["name"], s["igdm"]["alpha"], s["runtime"]["seed"]) for s in reading.all_settings()]
    assert len(set(runs)) == 12
    assert runs[:3] == [("adaad", 0, 0), ("adaad", 0, 1), ("adaad", 10, 0)]


def test_lists_may_be_several_too():
    reading = reading_of(optim__milestones="10, 20 | 30")
    assert [s["optim"]["milestones"] for s in reading.all_settings()] == [[10, 20], [30]]


def test_what_is_wrong_with_a_later_value_is_said_at_its_field():
    reading = reading_of(igdm__alpha="0 | ten", attack__epsilon="8/255 | 8")
    assert {problem.key for problem in reading.problems} == {"igdm.alpha", "attack.epsilon"}


def test_empty_and_double_values_and_too_many_runs_are_refused():
    assert reading_of(method__name="adaad | ").problems[0].message == "has nothing between two bars"
    assert reading_of(igdm__alpha="1 | 1").problems[0].message == "names a value twice"
    many = " | ".join(str(number) for number in range(40))
    found = reading_of(igdm__alpha=many, igdm__beta="0.5 | 1 | 2 | 3", runtime__seed="0-9").problems
    assert "makes 1600 runs" in found[0].message


def test_a_bar_in_a_name_is_text():
    assert reading_of(name="a | b").settings["name"] == "a | b"


def test_combinations_that_do_not_go_together_are_found(home):
    reading = reading_of(method__name="pgd-at | adaad", teacher__source="train | none")
    outlook = look_ahead(reading, [], home)
    assert outlook.problems


def test_runs_with_the_same_settings_and_seed_are_named(make_run, home):
    folder = make_run("twin0001", "finished")
    row = rows_of(home)[0]
    reading = reading_of(row.settings, runtime__seed="0,1")
    outlook = look_ahead(reading, [row], home)
    assert [twin.id for twin in outlook.twins] == [folder.run_id]
    assert [settings["runtime"]["seed"] for settings in outlook.lacking] == [1]
    assert "twin0001 (finished)" in outlook_text(outlook, reading)[0][0]


def test_missing_data_and_teachers_stand_at_their_fields(home):
    reading = reading_of(data__name="cifar-10", teacher__source="published", teacher__published="bdm-at")
    keys = {problem.key for problem in look_ahead(reading, [], home).problems}
    assert keys == {"data.name", "teacher.published"}


def test_a_printed_result_stands_beside_the_form_although_data_are_missing(home):
    settings = {
        "data": {"name": "cifar-100"},
        "teacher": {"source": "published", "published": "bdm-at"},
        "student": {"model": "resnet-18"},
        "method": {"name": "ard"},
        "igdm": {"alpha": 100},
    }
    reading = reading_of(settings)
    outlook = look_ahead(reading, [], home)
    text = " ".join(line for line, _ in outlook_text(outlook, reading))
    assert outlook.problems
    assert "printed in ICLR 2025" in text
    assert "AA" in text


def test_time_is_estimated_from_runs_like_it_and_scaled_to_the_epochs(make_run, home):
    make_run("like0001", "finished")
    make_run("other001", "finished", student__width=32)
    rows = rows_of(home)
    like = next(row for row in rows if row.id == "like0001")
    estimate = estimate_run(like.settings, rows)
    assert estimate.count == 1
    assert estimate.seconds == like.elapsed_s
    twice = like.settings | {"optim": like.settings["optim"] | {"num_epochs": 60}}
    assert estimate_run(twice, rows).seconds == 2 * like.elapsed_s
    assert estimate_run(like.settings | {"method": {"name": "darwin"}}, rows) is None


def test_many_runs_are_counted_by_what_varies():
    from core.spec.loading import build_config

    reading = reading_of(method__name="adaad | ard", runtime__seed="0-2")
    assert ready_text(reading, build_config(reading.with_seed(0))) == "✓ ready: 6 runs (2 method.name × 3 seeds)"
