"""configs/paper regenerates the published tables: every row, with its published weight."""

import csv
import importlib.util
from pathlib import Path

import pytest

from core.spec.matrix import load_matrix

ROOT = Path(__file__).parents[1]
PAPER = ROOT / "configs" / "paper"
PUBLISHED = ROOT / "core" / "spec" / "published"
FILES = sorted(PAPER.glob("*.toml"))
ROW_KEYS = ("source", "table", "table_row", "dataset", "teacher", "student")
ICLR_TABLES = ("T2", "T3", "T6", "T8", "T10", "T11", "T12", "T13", "T14", "T15", "T16", "T17", "T18")


def rows(name):
    with (PUBLISHED / name).open(newline="") as file:
        return list(csv.DictReader(file))


def row_key(row):
    return tuple(row[key] for key in ROW_KEYS)


@pytest.fixture(scope="module")
def expanded():
    return {path.name: load_matrix(path) for path in FILES}


def test_the_files_are_what_the_script_writes():
    spec = importlib.util.spec_from_file_location("write", PAPER / "write.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    assert {path.name: path.read_text() for path in FILES} == script.all_texts()


def test_every_printed_row_of_the_tables_is_there_once(expanded):
    wanted = [
        row_key(row)
        for row in rows("results.csv")
        if (row["source"] == "iclr2025" and row["table"] in ICLR_TABLES)
        or (row["source"] == "darwin" and row["table"] == "standard" and row["method"] not in ("crdnd", "gacd"))
    ]
    assert sorted(row_key(run.published) for runs in expanded.values() for run in runs) == sorted(wanted)


def test_alphas_are_the_published_ones(expanded):
    """Against ICLR App. B.2, read here independently of the script."""
    keys = ("dataset", "student", "teacher", "method")
    weights = {
        tuple(row[key] for key in keys): float(row["igdm_alpha"])
        for row in rows("hyperparameters.csv")
        if row["igdm"] == "1"
    }
    printed = {row_key(row): row for row in rows("results.csv")}
    checked = 0
    for run in (run for runs in expanded.values() for run in runs):
        row = printed[row_key(run.published)]
        variant, _, value = row["variant"].partition("=")
        expected = 0.0
        if variant.endswith("alpha"):
            expected = float(value)
        elif row["igdm"] == "1":
            expected = weights[tuple(row[key] for key in keys)]
            checked += 1
        assert run.config.igdm.alpha == expected, run.label
        assert run.config.method.name == row["method"]
        assert run.config.data.name == row["dataset"].lower()
    assert checked > 90


def test_settings_of_appendix_b_1_hold_in_every_row(expanded):
    for name, runs in expanded.items():
        for run in runs:
            config = run.config
            epochs = {"svhn": 50, "tiny-imagenet": 100}.get(config.data.name, 200)
            milestones = {"svhn": (40, 45), "tiny-imagenet": (50, 80)}.get(config.data.name, (100, 150))
            if config.method.name == "rslad" and config.data.name.startswith("cifar"):
                epochs, milestones = 300, (215, 260, 285)
            assert (config.optim.num_epochs, config.optim.milestones) == (epochs, milestones), (name, run.label)
            assert (config.attack.epsilon, config.attack.step_size, config.attack.num_steps) == (8 / 255, 2 / 255, 10)
            assert (config.optim.learning_rate, config.optim.momentum, config.optim.weight_decay) == (0.1, 0.9, 5e-4)


def test_ablations_set_what_they_are_about(expanded):
    without = [run.config for run in expanded["table06.toml"] if "w/o T_in" in run.label]
    assert len(without) == 6
    assert not any(config.method.teacher_in_attack for config in without)
    assert [run.config.method.adaad_lambda for run in expanded["table08.toml"]][-1] == 1.0
    assert {run.config.igdm.term for run in expanded["table16.toml"]} == {"igdm", "trades-like", "trades-reg"}
    assert "direct-gradient" in {run.config.igdm.term for run in expanded["table15.toml"]}


def test_different_rows_are_different_experiments(expanded):
    from core.spec.identity import settings_hash

    for name in ("table02.toml", "table10.toml", "table17.toml"):
        hashes = [settings_hash(run.config) for run in expanded[name]]
        assert len(set(hashes)) >= len(hashes) - 1, name
