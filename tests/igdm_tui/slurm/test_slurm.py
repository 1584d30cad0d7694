"""What does not need a cluster: settings of jobs, states, and when a job goes back into the queue."""

import os
import sys
from pathlib import Path

import pytest

from core.spec.errors import ConfigError, IgdmError
from core.spec.events import RunStopped
from core.spec.loading import build_config
from core.spec.process import ProcessIdentity
from core.spec.run_folder import RunFolder
from igdm_tui.launch import resume_run
from igdm_tui.slurm import ask, job, submit
from igdm_tui.slurm.records import SlurmJob, describe, note_state, read_state, write_job
from igdm_tui.store import Store


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("90:30", 91), ("1:30:00", 90), ("2-12", 3600), ("1-00:30", 1470), ("0-1:00:01", 61)],
)
def test_time_limits_are_read_as_slurm_writes_them(text, minutes):
    assert submit.time_minutes(text) == minutes
    assert build_config({"slurm": {"time": text}}).slurm.time == text


@pytest.mark.parametrize(
    "wrong", [{"time": "soon"}, {"partition": "a b"}, {"options": ["--wrap=x"]}, {"options": ["comment=a\nb"]}]
)
def test_settings_that_could_not_be_handed_to_sbatch_are_refused(wrong):
    with pytest.raises(ConfigError):
        build_config({"slurm": wrong})


def test_what_is_asked_of_slurm():
    config = build_config({"slurm": {"partition": "gpu", "time": "1-0", "memory_gb": 1.5, "options": ["comment=$(x)"]}})
    asked = submit.sbatch_parameters(config, config.slurm)
    assert asked["partition"] == "gpu"
    assert asked["time"] == 1440
    assert asked["mem"] == "1536M"
    assert asked["gpus_per_node"] == 1
    assert asked["additional_parameters"] == {"requeue": True, "comment": "$(x)"}
    on_cpu = build_config({"runtime": {"device": "cpu"}})
    assert "gpus_per_node" not in submit.sbatch_parameters(on_cpu, on_cpu.slurm)
    four = build_config({"runtime": {"devices": 4}})
    assert submit.sbatch_parameters(four, four.slurm)["gpus_per_node"] == 4
    shared = build_config({"slurm": {"gres": "gpu:a100:1"}})
    assert "gpus_per_node" not in submit.sbatch_parameters(shared, shared.slurm)


def test_nothing_of_the_settings_reaches_a_shell_unquoted(tmp_path):
    slurm = pytest.importorskip("submitit.slurm.slurm", reason="submitit is not installed")
    config = build_config({"slurm": {"partition": "$(touch${IFS}x);`y`", "options": ["comment=a'b; rm"]}})
    text = slurm._make_sbatch_string(command="true", folder=tmp_path, **submit.sbatch_parameters(config, config.slurm))
    assert "#SBATCH --partition='$(touch${IFS}x);`y`'" in text
    assert "#SBATCH --comment='a'\"'\"'b; rm'" in text
    assert "--time" not in text
    assert "--requeue" in text


def test_a_run_fills_up_what_the_user_has_set_for_the_cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert submit.user_defaults() == build_config({}).slurm
    (tmp_path / "igdm-tui").mkdir()
    file = tmp_path / "igdm-tui" / "slurm.toml"
    file.write_text('partition = "gpu"\naccount = "robust"\n')
    own = build_config({"slurm": {"partition": "debug"}}).slurm
    both = submit.with_defaults(own, submit.user_defaults())
    assert (both.partition, both.account) == ("debug", "robust")
    file.write_text('partitoin = "gpu"\n')
    with pytest.raises(ConfigError, match=r"slurm\.toml.*partition"):
        submit.user_defaults()


def test_without_slurm_it_is_said_where_to_go(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(IgdmError, match="login node"):
        submit.require_slurm()


@pytest.fixture
def status_of(home):
    def ask_store(run):
        with Store.open(home) as store:
            store.ingest()
            return store.run(run.id).status

    return ask_store


def handed_over(run, state, reason=""):
    write_job(run.folder, SlurmJob(job_id="7", first_attempt=1, submitted_at=1.0, parameters={}))
    note_state(run.folder, state, reason)
    return run


def test_states_of_slurm_become_ours(make_run, status_of):
    run = handed_over(make_run("aaaa2222"), "PENDING", "Resources")
    assert status_of(run) == "queued"
    assert describe(run.folder) == "job 7, PENDING (Resources)"
    with pytest.raises(IgdmError, match=r"Slurm has it, job 7, PENDING \(Resources\)"):
        resume_run(run.folder)
    note_state(run.folder, "CANCELLED")
    assert status_of(run) == "lost", "it never began, and nobody said that it should not"
    run.start().train([1]).say(RunStopped(reason="SIGTERM", epoch=1, step=10))
    assert status_of(run) == "stopped"
    note_state(run.folder, "REQUEUED")
    assert status_of(run) == "queued", "it will come back"
    run.folder.stop_mark.touch()
    assert status_of(run) == "stopped", "the user said no"


def test_a_run_on_another_host_is_judged_by_its_heartbeat(make_run, status_of):
    run = handed_over(make_run("aaaa2222").start(), "RUNNING")
    run.folder.write_worker(ProcessIdentity(pid=1, started_at=1.0, host="node7"), 1)
    assert status_of(run) == "running", "its job began a moment ago"
    run.folder.slurm_state_json.write_text('{"state": "RUNNING", "reason": "", "at": 1.0}')
    assert status_of(run) == "lost", "no heartbeat, whatever Slurm believes"
    run.folder.heartbeat.touch()
    assert status_of(run) == "running"
    run.folder.heartbeat.unlink()
    note_state(run.folder, "PENDING", "BeginTime")
    assert status_of(run) == "queued", "its node has failed and Slurm starts it again"
    note_state(run.folder, "NODE_FAIL")
    assert status_of(run) == "lost"


COMMANDS = {
    "scontrol": 'echo "$@" >> "$HERE/said"; [ "$1" = requeue ] || echo "JobId=7 JobState=$(cat "$HERE/state") A=b"',
    "squeue": 'echo "7|PENDING|Priority"; echo "8_1|RUNNING|None"',
    "sacct": 'echo "CANCELLED by 0"',
}


@pytest.fixture
def cluster_commands(tmp_path, monkeypatch):
    """Slurm's commands as small programs that answer what a test wrote down; what they were told is in `said`."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, line in COMMANDS.items():
        (tools / name).write_text(f"#!/bin/sh\n{line}\n")
        (tools / name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("HERE", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    (tmp_path / "said").touch()
    return tmp_path


def worker_that(tmp_path: Path, text: str) -> str:
    """Another program where the worker would be started: one that ends as a test wants."""
    path = tmp_path / "worker"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


@pytest.mark.parametrize(
    ("state", "mark", "ends", "goes_back"),
    [
        ("RUNNING", False, "exit 143", True),
        ("RUNNING", False, "exit 140", True),
        ("RUNNING", False, "kill -USR2 $$", True),
        ("RUNNING", False, "exit 0", False),
        ("RUNNING", False, "exit 1", False),
        ("RUNNING", False, "exit 3", False),
        ("RUNNING", True, "exit 143", False),
        ("CANCELLED", False, "exit 143", False),
    ],
)
def test_a_job_goes_back_into_the_queue_only_when_the_cluster_took_its_node(
    make_run, cluster_commands, monkeypatch, state, mark, ends, goes_back
):
    run = handed_over(make_run("aaaa2222"), "PENDING")
    (cluster_commands / "state").write_text(state)
    monkeypatch.setenv("SLURM_RESTART_COUNT", "2")
    touch = f"touch {run.folder.stop_mark}; " if mark else ""
    monkeypatch.setattr(sys, "executable", worker_that(cluster_commands, f"echo attempt $IGDM_ATTEMPT; {touch}{ends}"))
    job.work(str(run.folder.path), 4, 100)
    said = (cluster_commands / "said").read_text()
    assert ("requeue 7" in said) is goes_back
    assert (read_state(run.folder).state == "REQUEUED") is goes_back
    assert run.folder.log.read_text() == "attempt 6\n"


def test_a_job_that_comes_back_after_a_cancel_does_nothing(make_run, cluster_commands):
    run = handed_over(make_run("aaaa2222"), "PENDING")
    run.folder.stop_mark.touch()
    assert job.work(str(run.folder.path), 1, 100) == 0
    assert not run.folder.log.exists()
    assert read_state(run.folder).state == "ENDED"


def test_a_job_that_was_restarted_too_often_stays_away(make_run, cluster_commands, monkeypatch):
    run = handed_over(make_run("aaaa2222"), "PENDING")
    (cluster_commands / "state").write_text("RUNNING")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "3")
    monkeypatch.setattr(sys, "executable", worker_that(cluster_commands, "exit 143"))
    job.work(str(run.folder.path), 1, 3)
    assert "requeue" not in (cluster_commands / "said").read_text()


def test_answers_of_slurm_are_kept_with_the_runs(home, make_run, cluster_commands):
    home.slurm.mkdir()
    waiting = handed_over(make_run("aaaa2222"), "PENDING")
    gone = handed_over(make_run("bbbb3333"), "RUNNING")
    write_job(gone.folder, SlurmJob(job_id="9", first_attempt=1, submitted_at=1.0, parameters={}))
    (gone.folder.slurm_state_json).write_text('{"state": "RUNNING", "reason": "", "at": 1.0}')
    ask.refresh(home)
    assert describe(waiting.folder) == "job 7, PENDING (Priority)"
    assert describe(gone.folder) == "job 9, CANCELLED"
    note_state(waiting.folder, "ENDED")
    (home.slurm / ".asked").unlink()
    ask.refresh(home)
    assert read_state(waiting.folder).state == "ENDED", "what the job says of its own end counts more"


def test_damaged_records_are_as_good_as_none(tmp_path):
    folder = RunFolder(tmp_path)
    folder.slurm_json.write_text("{")
    folder.slurm_state_json.write_text('["a"]')
    assert describe(folder) == ""
