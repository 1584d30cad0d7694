"""One command runs the benchmarks; here as small as they go, to see that they work."""

import json
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "benchmarks"


def test_scripts_run_and_their_figures_stand_in_one_table():
    quick = "startup,first_step,event_logging,ingest,store_growth"
    command = [sys.executable, str(FOLDER / "all.py"), "--smoke", "--only", quick]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    table = done.stdout[done.stdout.index("figure  ") :]
    for name in (
        "igdm --version", "first training step", "events written", "first read, to parsing", "list of 2 runs",
        "rebuild, to parsing",
    ):  # fmt: skip
        assert name in table


def test_a_baseline_is_compared_as_ratios(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    import all as table
    from figures import Figure

    stored = tmp_path / "baseline.json"
    stored.write_text(json.dumps({"figures": [{"name": "a", "value": 2.0}, {"name": "b", "value": 2.0}]}))
    figures = [
        Figure(name="a", value=1.0, unit="s", better="lower"),
        Figure(name="b", value=1.0, unit="points/s", better="higher"),
    ]
    table.print_table(figures, table.read_baseline(stored))
    rows = {line.split()[0]: line.split()[-1] for line in capsys.readouterr().out.splitlines()[2:]}
    assert rows == {"a": "2.00", "b": "0.50"}


def test_saving_a_part_keeps_the_rest_of_the_baseline(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import all as table
    from figures import Figure

    stored = tmp_path / "baseline.json"
    for values in ({"a": 1.0, "b": 2.0}, {"b": 3.0, "c": 4.0}):
        table.save(stored, [Figure(name=name, value=value, unit="s", better="lower") for name, value in values.items()])
    assert table.read_baseline(stored) == {"a": 1.0, "b": 3.0, "c": 4.0}


def test_every_script_of_the_folder_is_listed():
    told = (FOLDER / "README.md").read_text()
    scripts = {path.stem for path in FOLDER.glob("*.py")} - {"all", "figures", "stopwatch"}
    assert not [name for name in scripts if f"| {name} |" not in told and not name.startswith("ui_")]
