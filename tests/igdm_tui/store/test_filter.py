import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spec.errors import IgdmError
from core.spec.loading import build_config
from igdm_tui.numbers import moment
from igdm_tui.store.filter import FilterError, filtered, parse_filter
from igdm_tui.store.filter_completion import complete
from igdm_tui.store.filter_keys import Vocabulary
from igdm_tui.store.rows import RunRow


def row(
    run_id: str, metrics: dict[str, float] | None = None, settings: dict[str, object] | None = None, **given: object
) -> RunRow:
    values: dict[str, object] = {
        "name": run_id, "status": "finished", "settings_hash": "", "seed": 0, "dataset": "digits",
        "student": "resnet16", "teacher": "resnet16", "method": "adaad", "igdm_alpha": 0.0,
        "created_at": "2026-01-01T00:00:00.000Z", "started_at": None,
        "elapsed_s": 60.0, "epoch": 4, "epochs": 4, "stage": "", "progress": 1.0,
        "metrics": metrics or {}, "teacher_metrics": {}, "error": "", "device": "cpu", "attempt": 1,
        "folder": Path("nowhere"),
    }  # fmt: skip
    return RunRow(id=run_id, settings_text=json.dumps(settings or {}), **values | given)


def config(**sections: object) -> dict[str, object]:
    return build_config(sections).model_dump(mode="json")


ROWS = [
    row("a", {"clean_accuracy": 0.97, "autoattack_accuracy": 0.6}, igdm_alpha=10.0, settings=config(igdm={"alpha": 10}),
        tags=("paper", "v2"), seed=0),
    row("b", {"clean_accuracy": 0.95}, settings=config(), status="failed", error="loss is nan", seed=1,
        name="too hot (really)"),
    row("c", {"clean_accuracy": float("nan")}, method="ard", settings=config(method={"name": "ard"}), status="running",
        note="look again", seed=2, elapsed_s=7200.0, created_at=moment(time.time() - 3600)),
    row("d", {"clean_accuracy": 0.5, "my_metric": 3.0}, settings={"igdm": {"alpha": 3}, "old": {"thing": "x y"}},
        archived=True, tags=("old",), seed=3, student="wrn"),
]  # fmt: skip


def ids(text: str) -> str:
    return "".join(found.id for found in filtered(ROWS, text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "abcd"), ("  ", "abcd"), ("status=failed", "b"), ("status:running", "c"), ("STATUS=Failed", "b"),
        ("igdm.alpha>0", "ad"), ("alpha>0", "ad"), ("igdm_alpha >= 10", "a"), ("igdm.alpha=10", "a"),
        ("has:autoattack_accuracy", "a"), ("has:aa", "a"), ("not has:autoattack_accuracy", "bcd"), ("has:note", "c"),
        ("has:my_metric", "d"), ("my_metric=3", "d"), ("has:tag", "ad"), ("has:archived", "d"), ("has:error", "b"),
        ("tag:paper", "a"), ("tag=PAPER", "a"), ("tag!=paper", "bcd"), ("tag~old", "d"), ("archived=true", "d"),
        ("method=adaad and igdm.alpha>0 and has:autoattack_accuracy", "a"), ("method=ard or status=failed", "bc"),
        ("not (status=failed or tag:old)", "ac"), ("status=finished and method=adaad or method=ard", "acd"),
        ("status=finished and (method=adaad or method=ard)", "ad"),
        ("not not tag:old", "d"), ("NOT tag:old AND seed<1", "a"),
        ("name~HOT", "b"), ('name="too hot (really)"', "b"), ("name='too hot (really)'", "b"), ("thing='x y'", "d"),
        ("clean>0.9", "ab"), ("clean>=95%", "ab"), ("clean_accuracy<=1/2", "d"),
        ("clean!=0.5", "abc"), ("clean=0.97", "a"),
        ("elapsed_s>1h", "c"), ("elapsed>=60", "abcd"), ("age<2h", "c"),
        ("created_at<2026-06-01", "abd"), ("age>1d", "abd"),
        ("method.name=ard", "c"), ("attack.epsilon=8/255", "abcd"), ("data.horizontal_flip=false", "abcd"),
        ("optim.milestones~[", "abcd"), ("note=\"look again\"", "c"), ("note!=''", "c"), ("seed!=0 and seed!=1", "cd"),
        ("student=wrn", "d"),
    ],
)  # fmt: skip
def test_a_filter_means_what_it_says(text, found):
    assert ids(text) == found


@pytest.mark.parametrize(
    ("text", "start", "end", "words"),
    [
        ("mehtod=ard", 0, 6, ["no run has 'mehtod'", "did you mean method?"]),
        ("seed=1 and igdm.alfa>0", 11, 20, ["igdm.alfa", "did you mean igdm.alpha?"]),
        ("status=runing", 7, 13, ["no status is called 'runing'", "did you mean running?"]),
        ("method=adad", 7, 11, ["did you mean adaad?"]),
        ("alpha>lots", 6, 10, ["igdm.alpha is a number", "8/255"]),
        ("epsilon>0", 0, 7, ["may mean several settings", "attack.epsilon"]),
        ("seed=1 seed=2", 7, 11, ["follows a whole condition", "and, or"]),
        ("(seed=1", 7, 8, ["never closed"]),
        ("seed=1)", 6, 7, ["closes nothing"]),
        ("seed=", 5, 6, ["a value is missing after seed="]),
        ("seed=1 and", 10, 11, ["a condition is missing"]),
        ("has:", 4, 5, ["has: needs a key"]),
        ("adaad", 0, 5, ["is no condition", "key=value"]),
        ("=3", 0, 1, ["begins no condition"]),
        ("()", 1, 2, ["begins no condition"]),
        ("(" * 60, 50, 51, ["parentheses within each other"]),
    ],
)
def test_what_cannot_be_understood_is_pointed_at(text, start, end, words):
    with pytest.raises(FilterError) as caught:
        filtered(ROWS, text)
    error = caught.value
    assert (error.start, error.end) == (start, end)
    assert all(word in str(error) for word in words)
    assert str(error).splitlines()[1:] == [f"  {text}", f"  {error.marker}"]
    assert isinstance(error, IgdmError)


def test_an_unfinished_filter_is_told_from_a_wrong_one():
    def fails(text: str) -> FilterError:
        with pytest.raises(FilterError) as caught:
            filtered(ROWS, text)
        return caught.value

    assert fails("seed=1 an").is_unfinished
    assert fails("meth").is_unfinished
    assert not fails("mehtod=1 and seed=1").is_unfinished


def test_a_filter_says_what_it_asks_about():
    assert parse_filter("alpha>0 and archived=false", Vocabulary(ROWS)).keys == {"igdm.alpha", "archived"}
    assert parse_filter("", Vocabulary(ROWS)).is_empty


def test_a_run_older_than_a_setting_went_by_its_default():
    assert ids("id=d and optim.num_epochs>0") == "d"
    assert [found.id for found in filtered([row("x")], "optim.num_epochs>0")] == [], "no settings are known at all"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", "id"), ("meth", "method"), ("alph", "igdm.alpha"), ("status=", "finished"), ("status=ru", "running"),
        ("seed=1 ", "and"), ("seed=1 o", "or"), ("(seed=1 ", "and"), ("seed=1 and sta", "status"),
        ("has:autoa", "autoattack_accuracy"),
        ("tag:p", "paper"), ("name=too", '"too hot (really)"'), ("not ", "id"), ("method=a", "adaad"),
    ],
)  # fmt: skip
def test_completion_offers_the_likeliest_word_first(text, first):
    completion = complete(text, Vocabulary(ROWS))
    assert completion.words[0] == first
    assert text[: completion.start] + completion.words[0] != text


def test_completion_has_nothing_inside_quotes_or_for_unknown_keys():
    assert complete('name="too h', Vocabulary(ROWS)).words == []
    assert complete("nonsense=a", Vocabulary(ROWS)).words == []


def error_of(text: str) -> FilterError | None:
    try:
        filtered(ROWS, text)
    except FilterError as error:
        return error
    return None


@given(st.text(max_size=40))
@settings(max_examples=200, deadline=None)
def test_any_text_is_understood_or_pointed_at(text):
    error = error_of(text)
    assert error is None or 0 <= error.start < error.end <= len(text) + 1
    complete(text, Vocabulary(ROWS))


@given(st.lists(st.sampled_from(["(", ")", "and", "or", "not", "seed=1", "has:note", "tag:x", "~", "'"]), max_size=12))
@settings(max_examples=200, deadline=None)
def test_any_mix_of_words_is_understood_or_pointed_at(words):
    error = error_of(" ".join(words))
    assert error is None or (error.reason and error.advice)


def test_five_thousand_runs_are_filtered():
    rows = [row(f"r{i}", {"clean_accuracy": i / 5000}, settings=config(igdm={"alpha": i % 7})) for i in range(8)] * 625
    found = filtered(rows, "method=adaad and igdm.alpha>0 and (clean>0.0001 or name~r7) and not tag:old")
    assert len(found) == 3750
