"""Checkpoints are data, names stay in the home, files are the owner's; no shell, no secrets, nothing listens."""

import ast
import os
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch

from core.data.dataset import Geometry
from core.evaluation.transfer_source import load_transfer_source
from core.spec.errors import IgdmError
from core.spec.home import Home
from core.spec.loading import build_config
from core.spec.run_folder import RunFolder
from core.teachers.cache import TeacherFolder
from core.teachers.checkpoint import read_state_dict
from core.training.checkpoint import LAST, load_checkpoint, read_state
from igdm_tui.launch import create_run
from igdm_tui.launch.command import without_secrets
from igdm_tui.launch.provenance import without_secret_literals
from igdm_tui.store import Store

ROOT = Path(__file__).parent.parent
SOURCES = [path for folder in ("core", "igdm_tui") for path in sorted((ROOT / folder).rglob("*.py"))]
IGDM = [sys.executable, "-P", "-m", "igdm_tui.cli.entry"]
ALONE = {"teacher": {"source": "none"}, "method": {"name": "standard"}}
TAUGHT = "width = 4\nblocks = [1]\n[teacher.optim]\nnum_epochs = 1\nmilestones = []"
CPU = torch.device("cpu")
TINY = """
[teacher]
source = "none"
[student]
width = 4
blocks = [1]
[method]
name = "standard"
[optim]
num_epochs = 1
milestones = []
[evaluation]
attacks = ["clean", "pgd20"]
num_examples = 20
[runtime]
device = "cpu"
threads = 1
"""


# No shell, no code in data


def calls(path):
    """Dotted names of everything that is called in a file, with the call."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def keyword(call, name):
    return next((ast.unparse(entry.value) for entry in call.keywords if entry.arg == name), None)


def test_no_shell_is_given_anything_and_no_data_is_run():
    assert len(SOURCES) > 200
    loads = []
    for path in SOURCES:
        for name, call in calls(path):
            where = f"{path}:{call.lineno}"
            assert keyword(call, "shell") in (None, "False"), where
            assert name not in ("os.system", "os.popen", "eval", "exec", "subprocess.getoutput"), where
            assert name.split(".")[0] not in ("pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"), where
            if name.startswith("subprocess."):
                assert not isinstance(call.args[0] if call.args else None, ast.JoinedStr | ast.Constant), where
            if name == "torch.load":
                loads.append(path.relative_to(ROOT).as_posix())
                assert keyword(call, "weights_only") == "True", where
            if name == "np.load":
                assert keyword(call, "allow_pickle") == "False", where
    assert loads == ["core/stored.py"], "one door for all files of weights"


class Evil:
    """A pickle that makes a file when it is loaded as code."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("form", ["zip", "old"])
@pytest.mark.parametrize("door", ["last.pt", "resume", "teacher file", "trained teacher", "transfer source"])
def test_a_malicious_checkpoint_is_refused_at_every_door(tmp_path, door, form):
    mark = tmp_path / "was run"
    evil = tmp_path / LAST
    torch.save({"model": Evil(mark), "format": 1}, evil, _use_new_zipfile_serialization=form == "zip")
    teacher = TeacherFolder(tmp_path / "teacher")
    teacher.path.mkdir()
    evil.with_name("copy").write_bytes(evil.read_bytes())
    evil.with_name("copy").rename(teacher.weights)
    config = build_config({"evaluation": {"attacks": ["vmi"], "transfer_source": str(evil)}})
    geometry = Geometry.of(config.data, Home(tmp_path))
    open_door = {
        "last.pt": lambda: read_state(evil, device=CPU),
        "resume": lambda: load_checkpoint(tmp_path, device=CPU),
        "teacher file": lambda: read_state_dict(evil),
        "trained teacher": lambda: teacher.read_weights(CPU),
        "transfer source": lambda: load_transfer_source(config, geometry, Home(tmp_path)),
    }[door]
    with pytest.raises(IgdmError, match=r"\.pt: .*asks for posix\.mkdir, which is more than data"):
        open_door()
    assert not mark.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        (
            "run",
            "c.toml",
            *(f"--set={word}" for word in ("teacher.source=checkpoint", "teacher.path=evil.pt", "method.name=adaad")),
        ),
        ("eval", "--checkpoint", "evil.pt", "--model", "resnet", "--dataset", "digits", "--attacks", "clean"),
    ],
    ids=["teacher", "eval"],
)
def test_commands_refuse_a_malicious_checkpoint(tmp_path, words):
    mark = tmp_path / "was run"
    torch.save({"state_dict": Evil(mark)}, tmp_path / "evil.pt")
    (tmp_path / "c.toml").write_text(TINY)
    done = command(tmp_path, *words)
    assert done.returncode in (1, 2), done.stderr
    assert "evil.pt" in done.stderr
    assert not mark.exists()


def command(home, *words, **environment):
    return subprocess.run(
        [*IGDM, *words, "--home", str(home)], cwd=home, capture_output=True, text=True, timeout=240, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip


# Names stay in the home

NAMES = ("../outside", "/tmp/outside", "..", ".", "a/b", "a\0b", "~", "$(touch outside)", "; touch outside", "\x1b[2J")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_never_a_path(tmp_path, name):
    home = Home(tmp_path / "deep" / "home").ensure()
    before = sorted(tmp_path.rglob("*"))
    try:
        folder = create_run(home, build_config({"name": name, **ALONE}), [name])
    except IgdmError:
        assert sorted(tmp_path.rglob("*")) == before
        return
    assert folder.path.parent == home.runs
    assert {path for path in tmp_path.rglob("*") if folder.path not in (path, *path.parents)} == set(before)


@pytest.mark.parametrize("name", ["../../secret", "/etc", "..", ".", "", "link"])
def test_runs_are_only_those_in_runs(tmp_path, name):
    home = Home(tmp_path / "home").ensure()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "config.toml").write_text("")
    (home.runs / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(IgdmError, match=r"no run|is not set|finished"):
        create_run(home, build_config({"teacher": {"source": "run", "run": name or "x"}}), [])
    with Store.open(home) as store:
        store.ingest()
        assert store.runs() == []
        with pytest.raises(IgdmError, match="no run"):
            store.run(name)
    assert sorted(path.name for path in (tmp_path / "secret").iterdir()) == ["config.toml"]


# The owner's alone


@pytest.mark.slow
def test_everything_is_the_owners_alone_whatever_the_umask(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user" / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "user" / "state"))
    home = Home(tmp_path / "home")
    (tmp_path / "c.toml").write_text(TINY.replace('source = "none"', TAUGHT).replace('"standard"', '"adaad"'))
    before = os.umask(0)
    try:
        commands = (
            ("run", str(tmp_path / "c.toml")),
            ("eval", "latest", "--attacks", "fgsm", "--num-examples", "20"),
            ("queue", "add", str(tmp_path / "c.toml"), "--paused"),
            ("tag", "latest", "+x"),
        )
        home.ensure()
        for words in commands:
            done = command(home.path, *words)
            assert done.returncode == 0, done.stderr
    finally:
        os.umask(before)
    open_to_others = [
        f"{stat.filemode(path.lstat().st_mode)} {path.relative_to(tmp_path)}"
        for root in (home.path, tmp_path / "user" / "state" / "igdm-tui")
        for path in (root, *root.rglob("*"))
        if path.exists() and path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []
    assert (home.path / "queue").is_dir()
    assert list(home.path.rglob("request.json"))
    assert list(home.teachers.rglob("weights.pt"))


# Secrets


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--set", "hub.token=abc,def"], ["--set", "hub.token=***"]),
        (["--set=hub.token=abc"], ["--set=hub.token=***"]),
        (["--set", 'x={token="abc", width=4}'], ["--set", "x={token=***, width=4}"]),
        (["--set", "data.folder=https://me:abc@host/x"], ["--set", "data.folder=https://***@host/x"]),
        (["https://host/x?api_key=abc&width=4"], ["https://host/x?api_key=***&width=4"]),
        (["--password", "abc", "run"], ["--password", "***", "run"]),
        (["HF_TOKEN=abc", "AWS_SECRET_ACCESS_KEY=abc"], ["HF_TOKEN=***", "AWS_SECRET_ACCESS_KEY=***"]),
        (['{"Secret": "a b c"}'], ['{"Secret": ***}']),
        (["--set", "optim.learning_rate=0.1", "--name", "monkey"],) * 2,
    ],
)
def test_secrets_are_not_kept(words, shown):
    assert without_secrets(words) == shown


def test_the_environment_is_not_kept_and_the_difference_to_the_commit_without_its_secrets(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_neverkept")
    home = Home(tmp_path / "home").ensure()
    config = build_config(ALONE)
    folder = create_run(home, config, ["igdm", "run", "--set=hub.token=hf_neverkept"])
    for path in folder.path.rglob("*"):
        assert b"hf_neverkept" not in path.read_bytes(), path
    text = '+HF_TOKEN = "hf_abcdefgh"\n+password: \'12345678\'\n+sort_key = "loss"\n+key = "abc"\n'
    assert without_secret_literals(text) == '+HF_TOKEN = "***"\n+password: \'***\'\n+sort_key = "loss"\n+key = "abc"\n'


# Nothing listens to the outside


@pytest.mark.slow
@pytest.mark.faults
def test_processes_of_one_run_listen_to_this_machine_only(tmp_path):
    text = TINY.replace("num_epochs = 1", "num_epochs = 40").replace("threads = 1", "threads = 1\ndevices = 2")
    (tmp_path / "c.toml").write_text(text)
    done = command(tmp_path, "run", "c.toml", "--detach")
    assert done.returncode == 0, done.stderr
    (folder,) = [RunFolder(path) for path in Home(tmp_path).runs.iterdir()]
    pid = folder.living_worker()[0].pid
    addresses, looks = set(), 0
    while folder.living_worker() and looks < 3000:
        looks += 1
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            try:
                found = process.net_connections(kind="inet")
            except psutil.Error:
                continue
            addresses |= {entry.laddr.ip for entry in found if entry.status == psutil.CONN_LISTEN}
    command(tmp_path, "stop", "latest")
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert addresses, "nothing was seen to listen: nothing was tried"
