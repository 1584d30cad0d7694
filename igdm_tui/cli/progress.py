"""What is known of a run that is followed, event by event; displays only draw it."""

from dataclasses import dataclass, field

from core.spec.events import (
    AttackFinished,
    AttackProgress,
    EpochFinished,
    EvaluationFailed,
    EvaluationStarted,
    Record,
    RunFailed,
    RunStarted,
    StepLogged,
    TeacherProgress,
    Warned,
)


@dataclass(slots=True)
class RunProgress:
    """The newest state. teacher_state: "" before a teacher is spoken of. phase: "starting", "teacher", "training" or
    "evaluation". stages: newest report by attack and stage. stage_began: first report of the newest stage.
    results: metrics of finished attacks.
    note: what the program does besides. m values are seconds of the worker's clock.
    """

    run_id: str
    name: str
    phase: str = "starting"
    device: str = ""
    attempt: int = 1
    teacher_state: str = ""
    teacher_epoch: int = 0
    teacher_epochs: int = 0
    teacher_metrics: dict[str, float] = field(default_factory=dict)
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps_per_epoch: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    stages: dict[tuple[str, str], AttackProgress] = field(default_factory=dict)
    stage_began: AttackProgress | None = None
    results: dict[str, float] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    error: str = ""
    bad_input: bool = False
    note: str = ""
    _clock: float = 0.0
    _phase_began: float = 0.0
    _phase_done: float = 0.0

    def take(self, record: Record) -> None:
        """Learn from one event."""
        event = record.event
        self._clock = record.m
        if isinstance(event, RunStarted):
            self.device, self.attempt, self.epochs = event.device, event.attempt, event.epochs
            self.steps_per_epoch, self.epoch, self.step = event.steps_per_epoch, event.epoch, event.step
            self._enter("training")
        elif isinstance(event, TeacherProgress):
            self._take_teacher(event)
        elif isinstance(event, StepLogged):
            self.step, self.losses = event.step, event.metrics
        elif isinstance(event, EpochFinished):
            self.epoch, self.step, self.metrics = event.epoch, event.step, event.metrics
        elif isinstance(event, EvaluationStarted):
            self.device = event.device or self.device
            self._enter("evaluation")
        elif isinstance(event, AttackProgress):
            if (event.attack, event.stage) not in self.stages:
                self.stage_began = event
            self.stages[event.attack, event.stage] = event
        elif isinstance(event, AttackFinished):
            self.results |= event.metrics
            self.flags += event.flags
        elif isinstance(event, Warned):
            self.warnings.append(event.message)
        elif isinstance(event, RunFailed | EvaluationFailed):
            self.error, self.bad_input = event.error, event.bad_input

    def _take_teacher(self, event: TeacherProgress) -> None:
        self.teacher_state = event.state
        if event.state == "ready":
            self.teacher_metrics = event.metrics
            self._enter("training")
            return
        self.teacher_epoch, self.teacher_epochs = event.epoch, event.epochs
        if self.phase != "teacher":
            self._enter("teacher")

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self._phase_began, self._phase_done = self._clock, self.share

    @property
    def share(self) -> float:
        """How much of the phase is done, in [0, 1]."""
        if self.phase == "teacher":
            return self.teacher_epoch / self.teacher_epochs if self.teacher_epochs else 0.0
        total = self.epochs * self.steps_per_epoch
        return min(self.step / total, 1.0) if self.phase == "training" and total else 0.0

    def stage_seconds_left(self, stage: AttackProgress) -> float | None:
        """Of the stage under way, at its pace so far; None for others and before its first batch."""
        began = self.stage_began
        if began is None or (began.attack, began.stage) != (stage.attack, stage.stage):
            return None
        if not began.batch < stage.batch < stage.batches:
            return None
        return (stage.seconds - began.seconds) / (stage.batch - began.batch) * (stage.batches - stage.batch)

    @property
    def seconds_left(self) -> float | None:
        """Of the phase, if it goes on as it has; None when that cannot be said yet."""
        gained = self.share - self._phase_done
        if gained <= 0:
            return None
        return (self._clock - self._phase_began) / gained * (1 - self.share)
