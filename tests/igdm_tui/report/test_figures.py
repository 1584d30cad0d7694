"""Figures: what is drawn is what was measured, on paper that every program reads."""

import io
import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from igdm_tui.report.drawing.canvas import colours
from igdm_tui.report.drawing.figure import Figure, Panel, Scale, Trace
from igdm_tui.report.drawing.layout import figure_png, figure_svg
from igdm_tui.report.drawing.png import dashed
from igdm_tui.report.figures import NAMES, figure_data, figure_of, labels_of
from igdm_tui.store import Store
from tests.igdm_tui.report.conftest import FLAG
from tests.igdm_tui.report.test_tables import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def drawn(store, name, runs, *, group=False, **options):
    return figure_of(figure_data(store, name, runs, **options), labels_of(runs, group=group))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("group", [False, True])
def test_every_figure_is_drawn_on_both_papers(store, runs, name, group):
    figure = drawn(store, name, runs, group=group)
    root = ElementTree.fromstring(figure_svg(figure))
    assert root.tag == f"{SVG}svg"
    assert {element.tag.removeprefix(SVG) for element in root.iter()} <= {
        "svg", "title", "desc", "rect", "polyline", "polygon", "circle", "text",
    }  # fmt: skip
    image = Image.open(io.BytesIO(figure_png(figure, scale=1)))
    assert image.size == (round(float(root.get("width"))), round(float(root.get("height"))))
    has_points = not all(panel.is_empty for panel in figure.panels)
    assert has_points == (name != "linearity")
    first = colours(dark=False)["s0"]
    assert (first in figure_svg(figure)) == has_points
    close = tuple(int(first[at : at + 2], 16) for at in (1, 3, 5))
    found = any(
        max(abs(a - b) for a, b in zip(pixel, close, strict=True)) < 12 for _, pixel in image.getcolors(1 << 20)
    )
    assert found == has_points


def test_markers_stand_where_the_axes_say(store, runs):
    """Positions are read back with the ticks, as a reader would with a ruler."""
    root = ElementTree.fromstring(figure_svg(drawn(store, "alignment", runs, group=True)))
    texts = [(float(t.get("x")), float(t.get("y")), t.text, t.get("text-anchor")) for t in root.iter(f"{SVG}text")]
    circles = [(float(c.get("cx")), float(c.get("cy"))) for c in root.iter(f"{SVG}circle")]
    bottom = max(y for _, y, text, _ in texts if text in ("GD", "GC")) - 19
    left = {text: x for x, y, text, anchor in texts if abs(y - bottom) < 1 and x < 480 and anchor == "middle"}
    up = {text: y for x, y, text, anchor in texts if anchor == "end" and x < 80 and not text.startswith("r =")}
    run = runs[0]
    across = on_axis({float(label): x for label, x in left.items()}, run.metrics["gradient_distance"])
    height = on_axis({float(label): y - 4 for label, y in up.items()}, run.metrics["autoattack_accuracy"] * 100)
    assert any(math.dist((across, height), circle) < 0.5 for circle in circles)


def on_axis(ticks, value):
    (a, at_a), *_, (b, at_b) = sorted(ticks.items())
    return at_a + (value - a) / (b - a) * (at_b - at_a)


def test_flags_are_footnotes_and_marks_beside_their_points(store, runs):
    for name in ("alignment", "epsilon"):
        figure = drawn(store, name, runs)
        assert figure.notes[0].endswith(FLAG)
        marks = [mark for panel in figure.panels for trace in panel.traces for mark in trace.marks if mark]
        assert set(marks) == {"1"}
        texts = [element.text for element in ElementTree.fromstring(figure_svg(figure)).iter(f"{SVG}text")]
        assert "1" in texts
        assert any("Square was better" in text for text in texts)


def test_seeds_of_a_group_are_a_mean_with_a_band(store, runs):
    figure = drawn(store, "loss", runs, group=True)
    alone, pair = figure.panels[0].traces
    assert not alone.low
    assert pair.label == "adaad+igdm10 resnet64 (mean ± std, 2 seeds)"
    values = [store.series(run.id, "loss", by="epoch").values for run in runs[1:]]
    assert list(pair.ys) == pytest.approx([(a + b) / 2 for a, b in zip(*values, strict=True)])
    assert pair.low == pytest.approx(pair.high), "equal seeds have no deviation"


def test_a_seed_that_was_run_twice_is_one_seed_of_a_legend(home, make_run):
    for run_id, seed in (("dddd2222", 0), ("eeee2222", 7), ("ffff2222", 7)):
        make_run(run_id, runtime={"seed": seed}).finish()
    with Store.open(home) as store:
        store.ingest()
        (trace,) = drawn(store, "loss", store.runs(), group=True).panels[0].traces
    assert trace.label.endswith("(mean ± std, 2 seeds, 3 runs)")


def test_equal_names_are_told_apart(home, make_run):
    make_run("dddd2222", name="twin")
    make_run("eeee2222", name="twin")
    with Store.open(home) as store:
        store.ingest()
        labels = labels_of(store.runs(), group=False)
    assert labels.order == ("twin eeee2222", "twin dddd2222")


def test_a_gap_is_not_drawn_through():
    ys = [1.0, 2.0, math.nan, 4.0, 5.0]
    root = ElementTree.fromstring(figure_svg(one_line([1.0, 2, 3, 4, 5], ys)))
    lines = [
        line.get("points").split()
        for line in root.iter(f"{SVG}polyline")
        if line.get("stroke") == colours(dark=False)["s0"]
    ]
    assert [len(points) for points in lines] == [2, 2, 2], "two pieces and the legend"


def test_very_many_points_are_a_mean_and_a_shade_in_which_spikes_survive():
    ys = [float(x % 2) for x in range(100_000)]
    ys[54_321] = 7.0
    text = figure_svg(one_line([float(x) for x in range(100_000)], ys))
    root = ElementTree.fromstring(text)
    assert len(text) < 30_000
    shade = max((heights(area) for area in root.iter(f"{SVG}polygon")), key=len)
    mean = max((heights(line) for line in root.iter(f"{SVG}polyline")), key=len)
    ground, pixel = max(shade), (max(shade) - min(shade)) / 7
    assert sum(1 for height in shade if height < ground - 6 * pixel) == 1
    assert sorted(ground - height for height in mean)[len(mean) // 2] == pytest.approx(pixel / 2, abs=0.2)


def heights(shape):
    return [float(point.split(",")[1]) for point in shape.get("points").split()]


def test_a_page_can_say_the_colours():
    themed = figure_svg(one_line([1.0, 2], [1.0, 2]), themed=True)
    assert "#" not in themed
    assert "var(--s0)" in themed
    assert "var(--ink)" in themed


def test_dashes_are_as_long_as_they_are_told_around_corners():
    parts = list(dashed([(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], (4, 3)))
    lengths = [sum(math.dist(a, b) for a, b in pairwise(part)) for part in parts]
    assert lengths == pytest.approx([4, 4, 4])
    assert parts[1] == [pytest.approx((7, 0)), (10.0, 0.0), pytest.approx((10, 1))]


def one_line(xs, ys, label="run", title="figure"):
    trace = Trace(label=label, xs=xs, ys=ys)
    return Figure(
        name="x", title=title, panels=[Panel(title=title, x=Scale(title="x"), y=Scale(title=label), traces=[trace])]
    )


@given(HOSTILE, HOSTILE)
@settings(max_examples=80, deadline=None)
def test_no_name_breaks_a_figure(label, title):
    text = figure_svg(one_line([1.0, 2], [1.0, 2], label=label, title=title))
    root = ElementTree.fromstring(text)
    assert len(list(root.iter(f"{SVG}title"))) == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_no_numbers_break_a_figure(ys):
    ElementTree.fromstring(figure_svg(one_line([float(x) for x in range(len(ys))], ys)))
    figure_png(one_line([float(x) for x in range(len(ys))], ys), scale=1)
