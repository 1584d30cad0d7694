"""What `igdm eval` does: a request or a run without training is written down, a process started and followed."""

import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.spec.errors import IgdmError, TryAgainError
from core.spec.evaluation_request import CHECKPOINTS, EvaluationRequest
from core.spec.events import FINAL_EVALUATION
from core.spec.run_folder import RunFolder
from igdm_tui.cli.session import Session, answer, answer_json, say
from igdm_tui.cli.wanted import Wanted

if TYPE_CHECKING:
    from core.spec.config import RunConfig
    from igdm_tui.cli.follow import Followed
    from igdm_tui.store import RunRow

BUSY = ("running", "queued")


def evaluate_runs(
    session: Session, references: Sequence[str], wanted: Wanted, *, checkpoint: str, unread: Mapping[str, object],
    detach: bool, as_json: bool,
) -> int:  # fmt: skip
    """Evaluate runs one after another; the exit code.

    Raises: IgdmError for a run or option that makes no sense; TryAgainError for a run that is still being written.
    """
    checkpoint = checkpoint or CHECKPOINTS[0]
    if checkpoint not in CHECKPOINTS:
        raise IgdmError(f"--checkpoint: {checkpoint!r} of a run is last or best (a file is measured without RUN)")
    given = [option for option, value in unread.items() if value]
    if given:
        raise IgdmError(f"{', '.join(given)}: only with --checkpoint FILE (a run brings its own settings)")
    from core.spec.loading import load_config

    rows = [session.find(reference) for reference in dict.fromkeys(references)]
    requests = []
    for row in rows:
        _check_free(row)
        requests.append(wanted.request(load_config(RunFolder(row.folder).config), checkpoint))
    if detach and len(rows) > 1:
        say(f"warning: --detach starts all {len(rows)} evaluations at once")
    worst = 0
    for row, request in zip(rows, requests, strict=True):
        worst = max(worst, _evaluate_run(row, request, detach=detach))
    _report(session, [(row.id, request.name) for row, request in zip(rows, requests, strict=True)], detach, as_json)
    return worst


def _check_free(row: "RunRow") -> None:
    if row.folder_missing:
        raise IgdmError(f"{row.id}: its folder {row.folder} is gone (nothing is left to evaluate)")
    if row.status in BUSY:
        raise TryAgainError(f"{row.id}: is {row.status} (evaluate it when it has ended; `igdm show {row.id}`)")
    under_way = RunFolder(row.folder).read_evaluating()
    if under_way:
        raise TryAgainError(f"{row.id}: is being evaluated, {under_way} (wait, or `igdm stop {row.id}`)")


def _evaluate_run(row: "RunRow", request: EvaluationRequest, *, detach: bool) -> int:
    from core.spec.event_file import read_lines
    from igdm_tui.cli.follow import EVALUATION_ENDINGS
    from igdm_tui.launch.process import await_end, start_evaluation

    folder = RunFolder(row.folder)
    request.write(folder.request(request.name))
    _, offset = read_lines(folder.events)
    pid = start_evaluation(folder, request.name)
    if detach:
        return 0
    followed = _follow(folder, row.name, offset, EVALUATION_ENDINGS)
    await_end(pid)
    return _tell(folder, followed)


def evaluate_file(
    session: Session, checkpoint: str, wanted: Wanted, *, network: Mapping[str, object], overrides: Sequence[str],
    detach: bool, as_json: bool,
) -> int:  # fmt: skip
    """Evaluate a checkpoint file as a run of its own, without training; the exit code.

    The same file with the same settings is the same run: it is gone on with, or what it has found is shown again.
    Raises: IgdmError for a file, network or setting that makes no sense; TryAgainError while it is being measured.
    """
    from core.spec.event_file import read_lines
    from core.spec.loading import config_warnings
    from igdm_tui.cli.follow import ENDINGS, Ending
    from igdm_tui.launch import create_run, resume_run, start_worker

    config, run_id = _file_config(checkpoint, wanted, network, overrides)
    folder = RunFolder(session.home.runs / run_id)
    is_new = not folder.path.exists()
    code, offset = 0, 0
    if is_new:
        say(*(f"warning: {warning}" for warning in config_warnings(config)))
        create_run(session.home, config, session.words, run_id=run_id)
        start_worker(folder)
    else:
        row = session.find(run_id)
        _check_free(row)
        if row.status == "finished":
            say(f"{run_id}: measured before, with the same settings")
            _report(session, [(run_id, FINAL_EVALUATION)], detach, as_json)
            return 0
        _, offset = read_lines(folder.events)
        resume_run(folder)
    if not detach:
        followed = _follow(folder, config.title, offset, ENDINGS)
        if is_new and followed.ending is Ending.FAILED and followed.bad_input:
            _remove(session, folder)  # a slip of the fingers leaves no run behind
        code = _tell(folder, followed)
    _report(session, [(run_id, FINAL_EVALUATION)], detach, as_json)
    return code


def _remove(session: Session, folder: RunFolder) -> None:
    """Remove a run folder, and the run from a database into which an open igdm-tui may have read it."""
    shutil.rmtree(folder.path)
    with suppress(IgdmError), session.open_store() as store:  # what was wrong with the input is told in any case
        store.forget(folder.run_id)


def _file_config(
    checkpoint: str, wanted: Wanted, network: Mapping[str, object], overrides: Sequence[str]
) -> "tuple[RunConfig, str]":
    """The settings of a run that measures a file, and the identifier that file and settings have."""
    from core.spec.identity import content_id
    from core.spec.loading import apply_overrides, build_config, set_value

    if not checkpoint or checkpoint in CHECKPOINTS:
        raise IgdmError("eval: name a RUN, or --checkpoint FILE with --model and --dataset (`igdm ls` lists runs)")
    path = Path(checkpoint).expanduser().resolve()
    if not path.is_file():
        state = "is a folder" if path.is_dir() else "no such file"
        raise IgdmError(f"--checkpoint: {path}: {state} (give a checkpoint file, or a RUN and last or best)")
    missing = [option for option, key in (("--model", "student.model"), ("--dataset", "data.name")) if not network[key]]
    if missing:
        raise IgdmError(f"eval: {' and '.join(missing)}: missing (a file does not say what network it is)")
    settings: dict[str, Any] = {}
    without_training = {"method.name": "standard", "igdm.alpha": 0.0, "teacher.source": "none"}
    given = {key: value for key, value in network.items() if value}
    for key, value in {
        **without_training,
        **given,
        **wanted.settings(),
        "evaluation.checkpoint_file": str(path),
    }.items():
        set_value(settings, key, value)
    config = build_config(apply_overrides(settings, overrides), source="eval")
    return config, content_id(path, config)


def _follow(folder: RunFolder, name: str, offset: int, endings: Mapping[Any, Any]) -> "Followed":
    from igdm_tui.cli.follow import display_for_terminal, follow_to_end

    return follow_to_end(
        folder, name, display_for_terminal(), offset=offset, endings=endings, place="after this batch of images"
    )


def _tell(folder: RunFolder, followed: "Followed") -> int:
    """What to do next after an evaluation that did not end well; the exit code.

    Raises: IgdmError for bad input, in one sentence.
    """
    from igdm_tui.cli.follow import Ending

    if followed.ending is Ending.FAILED and followed.bad_input:
        raise IgdmError(followed.error)
    if followed.ending is Ending.STOPPED:
        say(f"{folder.run_id}: stopped; its place is kept: the same command goes on")
    elif followed.ending is not Ending.FINISHED:
        say(f"{folder.run_id}: {followed.error or 'its process is gone without a word'} (see {folder.log});")
        say("what was measured is kept: the same command goes on")
    return followed.ending.exit_code


def _report(session: Session, found: Sequence[tuple[str, str]], detach: bool, as_json: bool) -> None:
    """What came out: JSON or ids on stdout, tables on stderr."""
    from igdm_tui.report.evaluation_text import judgement_json, judgement_text

    with session.open_store() as store:
        judged = {run_id: {row.evaluation: row for row in store.judgements(run_id)} for run_id, _ in found}
    results = [(run_id, judged[run_id][name]) for run_id, name in found if name in judged[run_id]]
    if as_json and not detach:
        content = [judgement_json(run_id, judgement) for run_id, judgement in results]
        answer_json(content[0] if len(found) == 1 and content else content)
    elif detach:
        answer("\n".join(run_id for run_id, _ in found))
        say(f"in the background; next: igdm show {found[-1][0]}, igdm stop {found[-1][0]}, or igdm-tui")
    if detach:
        return
    for run_id, judgement in results:
        say("", f"{run_id}  {judgement.evaluation}", judgement_text(judgement))
    say("", f"next: igdm show {found[-1][0]}")
