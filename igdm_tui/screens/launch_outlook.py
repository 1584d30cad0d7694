"""What a filled form would lead to: what is missing on this machine, runs that exist already, time, printed results.

Looked up in a thread, because disks and many runs take their time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.spec.catalogue import METRICS
from core.spec.config import RunConfig
from core.spec.data_files import require_data
from core.spec.errors import IgdmError, Problem
from core.spec.home import Home
from core.spec.identity import settings_hash
from core.spec.loading import build_config, setting_keys
from core.spec.memory import MemoryEstimate, training_memory
from core.spec.published_results import PublishedMatch, find_published_result
from core.spec.teacher_source import require_teachers
from igdm_tui.launch.estimate import Estimate, estimate_run
from igdm_tui.numbers import duration, metric
from igdm_tui.screens.launch_form import FormReading
from igdm_tui.widgets.text import plain

if TYPE_CHECKING:
    from igdm_tui.store import RunRow

THERE = ("finished", "running", "queued")
PRINTED = ("clean_accuracy", "pgd20_accuracy", "autoattack_accuracy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """problems: what is wrong with a combination, or missing on this machine. twins: runs with the same settings and
    seed. lacking: settings of the runs that are not finished, running or queued already. estimate: of the first run.
    memory: of its GPU, None on a CPU and for unknown networks. published: the printed result of it.
    """

    problems: tuple[Problem, ...] = ()
    twins: "tuple[RunRow, ...]" = ()
    lacking: tuple[dict[str, Any], ...] = ()
    estimate: Estimate | None = None
    memory: MemoryEstimate | None = None
    published: PublishedMatch | None = None


def look_ahead(reading: FormReading, rows: "Sequence[RunRow]", home: Home) -> Outlook:
    """What starting all runs of a form would mean. Here every combination is checked."""
    configs: list[RunConfig] = []
    problems: dict[str, Problem] = {}
    for settings in reading.all_settings():
        try:
            config = build_config(settings)
            configs.append(config)
        except IgdmError as error:
            for problem in getattr(error, "problems", [Problem(key="", message=str(error))]):
                problems.setdefault(problem.key, problem)
        else:
            if config.runtime.seed == reading.seeds[0]:
                for problem in missing(config, home):
                    problems.setdefault(problem.key, problem)
    if not configs:
        return Outlook(problems=tuple(problems.values()))
    known = {(row.settings_hash, row.seed): row for row in reversed(rows)}
    twins = [known.get((settings_hash(config), config.runtime.seed)) for config in configs]
    first = configs[0].model_dump(mode="json")
    return Outlook(
        problems=tuple(problems.values()),
        twins=tuple(row for row in twins if row is not None),
        lacking=tuple(
            settings
            for settings, row in zip(reading.all_settings(), twins, strict=False)
            if row is None or row.status not in THERE
        ),
        estimate=estimate_run(first, rows),
        memory=None if configs[0].runtime.device == "cpu" else training_memory(configs[0]),
        published=find_published_result(first),
    )


def missing(config: RunConfig, home: Home) -> list[Problem]:
    """Data and teachers that a run names and this machine does not have, each at its field."""
    looks: tuple[Callable[[], None], ...] = (
        lambda: require_data(config.data, home),
        lambda: require_teachers(config, home),
    )
    problems = []
    for look in looks:
        try:
            look()
        except IgdmError as error:
            key, _, message = str(error).partition(": ")
            is_key = key in setting_keys()
            problems.append(Problem(key=key if is_key else "data.name", message=message if is_key else str(error)))
    return problems


def ready_text(reading: FormReading, config: RunConfig) -> str:
    """What would be started: one run by its name, or how many of what."""
    if reading.count == 1:
        return f"✓ ready: 1 run, named {plain(config.title, 60)}"
    varied = [f"{len(values)} {key}" for key, values in reading.axes.items()]
    seeds = [f"{len(reading.seeds)} seeds"] if len(reading.seeds) > 1 else []
    named = "" if varied else f", named {plain(config.title, 60)}"
    return f"✓ ready: {reading.count} runs ({' × '.join([*varied, *seeds])}){named}"


def outlook_text(outlook: Outlook, reading: FormReading) -> list[tuple[str, str]]:
    """Lines of (words, style) for the form."""
    lines = []
    if outlook.twins:
        names = ", ".join(f"{row.id} ({row.status})" for row in outlook.twins[:3])
        more = f" and {len(outlook.twins) - 3} more" if len(outlook.twins) > 3 else ""
        left_out = "" if reading.count == 1 else f": {len(outlook.lacking)} of {reading.count} are started"
        lines.append((f"! same settings and seed as {names}{more}{left_out}", "$text-warning"))
    if outlook.estimate:
        runs = "one run" if outlook.estimate.count == 1 else f"{outlook.estimate.count} runs"
        each = " each" if reading.count > 1 else ""
        lines.append((f"takes about {duration(outlook.estimate.seconds)}{each}, as {runs} like it did", ""))
    if outlook.published:
        result = outlook.published.result
        known = [name for name in PRINTED if name in result.metrics]
        shown = [f"{METRICS[name].title} {metric(name, result.metrics[name])}" for name in known]
        other = f"; {'; '.join(outlook.published.otherwise)}" if outlook.published.otherwise else ""
        lines.append((f"printed in {result.title}: {'  '.join(shown)}{other}", "$text-primary"))
    if outlook.memory:
        lines.append((f"training on a GPU takes {outlook.memory} of its memory, by count", ""))
    return lines
