"""The HTML report: one file, nothing from outside, nothing of a name is markup, and a real browser shows it."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from igdm_tui.report.escape import xml_text
from igdm_tui.report.export import pieces
from igdm_tui.report.request import Request
from igdm_tui.store import Store
from tests.igdm_tui.report.conftest import FLAG

VOID = {"meta", "br"}
HOSTILE_NAME = "<img src=x onerror=alert(1)> & \"q\" 'a' </title><script>alert(2)</script>"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Reader(HTMLParser):
    """Tags, their attributes and the text between; every tag must be closed in order."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(page):
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def report(store, runs, **options):
    return b"".join(pieces(store, runs, Request(to="html", **options).checked())).decode()


def test_the_report_has_results_flags_settings_figures_and_origin(store, runs):
    page = report(store, runs)
    reader = read(page)
    text = " ".join(reader.text)
    for run in runs:
        assert run.id in text
        assert f"{run.metrics['autoattack_accuracy'] * 100:.2f}" in text
    assert FLAG in text
    assert {"Results", "Settings that differ", "Figures", "Runs", "Where they come from"} <= set(reader.text)
    assert "igdm.alpha" in text
    assert page.count("<svg") == 6
    assert "Not measured: Local linearity by epoch." in text
    assert {"strong", "u", "sup", "small"} <= reader.tags


def test_groups_say_mean_deviation_and_count(store, runs):
    assert "57.50 ± 3.54 (2)" in report(store, runs, group=True)


def test_nothing_comes_from_outside(store, runs):
    page = report(store, runs)
    reader = read(page)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "embed", "base", "form", "a", "use", "image"}
    assert not [name for name, _ in reader.attributes if name.startswith("on") or name in ("href", "src", "xlink:href")]
    assert "default-src 'none'" in page
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page)


@pytest.fixture
def hostile(home, make_run):
    make_run("aaaa2222", name=HOSTILE_NAME[:80]).start().teacher().train().evaluate(flags=[HOSTILE_NAME])
    second = make_run("bbbb2222").finish()
    card = json.loads(second.folder.run_json.read_text())
    second.folder.run_json.write_text(json.dumps(card | {"name": "b\u202eidi \x07\x1b[31m ]]> --> {{x}}"}))
    with Store.open(home) as store:
        store.ingest()
        yield store, store.runs()


def test_names_are_text(hostile):
    page = report(*hostile)
    reader = read(page)
    assert not reader.tags & {"script", "img"}
    assert xml_text(HOSTILE_NAME) in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", page)


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_shows_it_without_a_network(hostile, tmp_path):
    file, picture = tmp_path / "report.html", tmp_path / "report.png"
    file.write_text(report(*hostile))
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--proxy-server=127.0.0.1:1"]
    words += ["--enable-logging=stderr", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,2400"]
    words += [f"--screenshot={picture}", "--dump-dom", file.as_uri()]
    found = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr[-500:]
    assert "CONSOLE" not in found.stderr, "the page broke its own content policy"
    dom = read(re.sub(r"<!doctype[^>]*>", "", found.stdout, flags=re.IGNORECASE))
    assert not dom.tags & {"script", "img"}
    assert "svg" in dom.tags
    from PIL import Image

    colours = Image.open(picture).convert("RGB").getcolors(1 << 24)
    assert len(colours) > 200, "the picture is empty"
