"""The benchmarks of the training step run; their times are nobody's business here."""

import importlib.util
import sys
from pathlib import Path

import torch

FOLDER = Path(__file__).parents[2] / "benchmarks"


def run_script(name, arguments, monkeypatch, capsys):
    """Run main() of a script in this process; the lines it prints."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    monkeypatch.syspath_prepend(FOLDER)  # as for a script that is started
    threads, tf32 = torch.get_num_threads(), torch.backends.cudnn.allow_tf32
    try:
        spec.loader.exec_module(module)
        module.main()
    finally:
        torch.set_num_threads(threads)
        torch.backends.cudnn.allow_tf32 = tf32
    return capsys.readouterr().out.splitlines()


SMALL = ["--students", "resnet", "--teacher", "resnet", "--image-size", "8", "--batch", "2"]
SMALL += ["--attack-steps", "1", "--pairs", "1", "--threads", "1"]


def test_every_side_of_a_step_is_timed(monkeypatch, capsys):
    options = [*SMALL, "--methods", "standard,adaad"]
    lines = run_script("train_step", options, monkeypatch, capsys)
    rows = [line.split()[1:3] for line in lines if line.startswith("resnet ")]
    assert rows == [
        ["standard", "literal"], ["standard", "fast"], ["adaad", "literal"], ["adaad", "fast"],
        ["adaad+igdm", "literal"], ["adaad+igdm", "fast"], ["adaad+igdm", "fast"],
    ]  # fmt: skip


def test_the_rows_of_table_6_are_compared(monkeypatch, capsys):
    lines = run_script("train_step", [*SMALL, "--table6"], monkeypatch, capsys)
    assert sum("minutes per 50,000 images" in line for line in lines) == 8
    assert sum("fast IGDM w/o T_in:" in line for line in lines) == 2


def test_every_lever_of_a_network_is_timed(monkeypatch, capsys):
    words = ["--networks", "resnet", "--image-size", "8", "--batch", "2", "--turns", "1", "--threads", "1"]
    lines = run_script("levers", words, monkeypatch, capsys)
    assert [line[:17].strip() for line in lines[3:]] == [
        "as it is", "parameters frozen", "frozen, channels-", "frozen, folded", "frozen, folded, c",
        "and fewer product", "folded, channels-",
    ]  # fmt: skip


def test_growth_fits_a_line_through_each_size(monkeypatch, capsys):
    lines = run_script("growth", ["--repeats", "1", "--points", "2", "--images", "16"], monkeypatch, capsys)
    assert [line.split()[0] for line in lines[2:]] == ["images", "classes", "attack_steps", "width"]


def test_measuring_is_timed_beside_an_epoch(monkeypatch, capsys):
    lines = run_script("following", ["--epochs", "1"], monkeypatch, capsys)
    assert lines[0].startswith("digits: an epoch ")
    assert [line[2:14].strip() for line in lines[1:]] == ["GD and GC", "validation"]
    assert all("% of it" in line for line in lines[1:])
