"""`igdm teachers`: what is listed, what is fetched and when it is refused, and training in a process of its own."""

import json
import sys
import types

import pytest

from core.spec.home import Home
from core.spec.published import PublishedTeacher
from igdm_tui.teachers import fetch, listing

HEADER = "name data set teacher network checkpoint"
KEYS = ["name", "dataset", "title", "network", "checkpoint", "source", "published", "measured", "examples"]


@pytest.fixture
def row(tmp_path, monkeypatch):
    """A published teacher for digits, kept in a cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = PublishedTeacher(
        name="ltd", dataset="digits", title="LTD", architecture="ResNet-18", model="resnet-18", parameters=11_172_810,
        clean=0.95, pgd20=None, autoattack=0.5, file="small.pt", drive_id="abc123", source="a test",
    )  # fmt: skip
    monkeypatch.setattr(fetch, "published_teachers", lambda: (made,))
    monkeypatch.setattr(fetch, "find_published", lambda name, dataset: made if dataset == "digits" else None)
    monkeypatch.setattr(listing, "published_teachers", lambda: (made,))
    return made


def card(name, *, epsilon=8 / 255, metrics, **teacher):
    folder = Home.find().teachers / name
    folder.mkdir(parents=True)
    recipe = {"teacher": teacher, "data": {"name": "digits"}}
    content = {"recipe": recipe, "metrics": metrics, "examples": 360, "epsilon": epsilon, "made_at": 1.0}
    (folder / "teacher.json").write_text(json.dumps(content))


def left_in_cache(row):
    return sorted(path.name for path in row.path.parent.iterdir()) if row.path.parent.exists() else []


def test_ls_shows_the_published_numbers(igdm, home):
    said = igdm("teachers", "ls", "--dataset", "cifar100")
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert " ".join(lines[0].split()).startswith(HEADER)
    (bdm,) = [line for line in lines if line.startswith("bdm-at")]
    assert "72.58   44.24  38.83" in bdm
    assert not any("svhn" in line for line in lines)


def test_ls_in_json_has_exactly_the_agreed_keys(igdm, home):
    rows = json.loads(igdm("teachers", "ls", "--json").out)
    assert [list(row) for row in rows] == [KEYS] * 13
    assert rows[0]["published"] == {"clean_accuracy": 0.8521, "pgd20_accuracy": 0.6089, "autoattack_accuracy": 0.5694}
    assert rows[0]["measured"] == {}


def test_ls_puts_what_was_measured_here_beside_it_at_the_published_radius_only(igdm, home, row):
    card("aaaaaaaaaaaa", epsilon=0.2, metrics={"clean_accuracy": 0.1}, source="published", published="ltd")
    card("bbbbbbbbbbbb", metrics={"clean_accuracy": 0.94}, source="published", published="ltd")
    card("cccccccccccc", metrics={"clean_accuracy": 0.9}, source="train", model="resnet", width=16, method="pgd-at")
    (home.teachers / "dddddddddddd").mkdir()
    (home.teachers / "dddddddddddd" / "teacher.json").write_text("{torn")
    rows = json.loads(igdm("teachers", "ls", "--json").out)
    assert [(each["name"], each["checkpoint"]) for each in rows] == [
        ("ltd", "not fetched"),
        ("cccccccccccc", "trained here"),
    ]
    assert [each["measured"] for each in rows] == [{"clean_accuracy": 0.94}, {"clean_accuracy": 0.9}]
    assert rows[1]["network"] == "resnet16"


def test_an_unknown_teacher_names_the_nearest_one_and_the_data_sets(igdm, home):
    said = igdm("teachers", "fetch", "bdmat", "--dataset", "cifar10")
    assert said.code == 2
    assert "did you mean bdm-at?" in said.err
    said = igdm("teachers", "fetch", "ltd2", "--dataset", "cifar100")
    assert said.code == 2
    assert "give --dataset: cifar-10" in said.err


def test_without_gdown_fetch_says_how_to_get_it_and_the_way_by_hand(igdm, home, row, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    said = igdm("teachers", "fetch", "ltd")
    assert said.code == 2
    assert 'pip install "igdm-tui[teachers]"' in said.err
    assert "https://drive.google.com/uc?id=abc123" in said.err
    assert "igdm teachers fetch ltd --dataset digits --file FILE" in said.err


@pytest.fixture
def gdown(monkeypatch):
    """A stand-in that writes what it is told to, or fails."""
    module = types.ModuleType("gdown")
    module.content, module.asked = b"", []

    def download(*, id, output, quiet):
        module.asked.append(id)
        if isinstance(module.content, Exception):
            raise module.content
        with open(output, "wb") as file:
            file.write(module.content)
        return output

    module.download = download
    monkeypatch.setitem(sys.modules, "gdown", module)
    return module


def test_without_internet_fetch_says_try_again_and_the_way_by_hand(igdm, home, row, gdown):
    gdown.content = OSError("Name or service not known\nmore")
    said = igdm("teachers", "fetch", "ltd")
    assert said.code == 3
    assert "cannot be downloaded: Name or service not known (try again later" in said.err
    assert "--file FILE" in said.err
    assert (gdown.asked, left_in_cache(row)) == (["abc123"], [])


def test_a_page_instead_of_the_file_is_refused_by_its_size_and_not_kept(igdm, home, row, gdown):
    gdown.content = b"<html>quota exceeded</html>"
    said = igdm("teachers", "fetch", "ltd")
    assert said.code == 1
    assert "27 bytes, but the weights alone are 44,691,240" in said.err
    assert left_in_cache(row) == []


def test_a_file_by_hand_that_is_not_there_is_named(igdm, home, row, tmp_path):
    said = igdm("teachers", "fetch", "ltd", "--file", str(tmp_path / "nothing.pt"))
    assert said.code == 2
    assert "nothing.pt: No such file" in said.err


def accept(found):
    return lambda *_: (found, [])


def test_a_checked_download_is_kept_and_its_place_answered(igdm, home, row, gdown, monkeypatch):
    gdown.content = bytes(row.least_bytes)
    found = {"tensors": 122, "parameters": 11_172_810, "clean_accuracy": 0.9495, "examples": 10_000}
    monkeypatch.setattr(fetch, "check_checkpoint", accept(found))
    said = igdm("teachers", "fetch", "ltd")
    assert (said.code, said.out) == (0, f"{row.path}\n")
    assert "122 tensors fit, clean 94.95 on 10000 images (published 95.00)" in said.err
    assert left_in_cache(row) == ["small.pt"]
    assert igdm("teachers", "fetch", "ltd").code == 0
    assert gdown.asked == ["abc123"], "a file in the cache is checked, not downloaded again"


@pytest.mark.parametrize(("accuracy", "examples", "code"), [(0.945, 10_000, 1), (0.945, 500, 0), (0.90, 500, 1)])
def test_other_weights_are_found_out_by_their_accuracy(igdm, home, row, gdown, monkeypatch, accuracy, examples, code):
    gdown.content = bytes(row.least_bytes)
    found = {"tensors": 122, "parameters": 11_172_810, "clean_accuracy": accuracy, "examples": examples}
    monkeypatch.setattr(fetch, "check_checkpoint", accept(found))
    said = igdm("teachers", "fetch", "ltd")
    assert said.code == code
    assert ("these are not the published weights" in said.err) == bool(code)
    assert left_in_cache(row) == ([] if code else ["small.pt"])


@pytest.mark.slow
def test_a_file_by_hand_is_loaded_strictly_and_measured_in_a_process(igdm, home, row, tmp_path):
    import torch

    from core.data.dataset import Geometry
    from core.models import build_model
    from core.spec.config import ModelSection

    model = build_model(ModelSection(model="resnet-18"), Geometry(channels=1, image_size=8, classes=10), 0)
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    path = tmp_path / "by hand.pt"
    torch.save({"state_dict": state}, path)
    said = igdm("teachers", "fetch", "ltd", "--file", str(path))
    assert said.code == 1, "untrained weights"
    assert "these are not the published weights" in said.err
    state.pop("module.linear.bias")
    torch.save({"state_dict": state}, path)
    said = igdm("teachers", "fetch", "ltd", "--file", str(path))
    assert said.code == 1
    assert "1 of 122 tensors are missing (linear.bias)" in said.err
    assert left_in_cache(row) == []


@pytest.mark.slow
def test_train_makes_a_teacher_that_is_then_found(igdm, home, tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        "[teacher]\nwidth = 4\nblocks = [1]\n\n[teacher.optim]\nnum_epochs = 1\nmilestones = []\n"
        "\n[teacher.attack]\nnum_steps = 1\n\n[runtime]\nthreads = 1\ndevice = 'cpu'\n"
    )
    said = igdm("teachers", "train", str(path))
    assert said.code == 0, said.err
    assert "teacher epoch 1/1: loss" in said.err
    folder = home.teachers / said.out.strip()
    assert {"weights.pt", "teacher.json"} <= {entry.name for entry in folder.iterdir()}
    again = json.loads(igdm("teachers", "train", str(path), "--json").out)
    assert (again["teacher_hash"], again["cached"]) == (folder.name, True)
    assert again["metrics"].keys() == {"clean_accuracy", "pgd20_accuracy"}


@pytest.mark.slow
def test_train_tells_why_it_cannot(igdm, home, tmp_path):
    path = tmp_path / "none.toml"
    path.write_text('[teacher]\nsource = "none"\n[method]\nname = "pgd-at"\n')
    said = igdm("teachers", "train", str(path))
    assert (said.code, "there is no teacher to make" in said.err) == (2, True)
    path.write_text("[runtime]\ndevice = 'cuda:63'\n")
    said = igdm("teachers", "train", str(path))
    assert (said.code, "runtime.device" in said.err) == (1, True)
