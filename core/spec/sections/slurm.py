"""Settings of Slurm jobs: what a run asks of a cluster. They change where and when a run goes on, never a number."""

from typing import Annotated

from pydantic import Field

from core.spec.sections.base import Section

TIME = r"^(\d+-)?\d+(:[0-5]?\d){0,2}$"
OPTION = r"^[a-z][a-z0-9-]*(=[^\x00-\x1f\x7f]+)?$"
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\s\x00-\x1f\x7f]+$")]


class SlurmSection(Section):
    """What `--on slurm` asks for. What is not set here is taken from slurm.toml in your config folder, then from the
    cluster's own defaults."""

    partition: Word | None = None
    """Partition, or several with commas between them."""
    account: Word | None = None
    """Account that pays."""
    qos: Word | None = None
    """Quality of service."""
    time: str | None = Field(default=None, pattern=TIME)
    """Time limit as Slurm writes it: minutes, "hours:minutes:seconds", "days-hours". None: the partition's."""
    gpus: int | None = Field(default=None, ge=0, le=64)
    """GPUs of one run. None: runtime.devices, or none for runtime.device = "cpu" and where gres says it."""
    gres: Word | None = None
    """Generic resources instead of `gpus`, such as "gpu:a100:1"."""
    cpus: int | None = Field(default=None, ge=1, le=1024)
    """CPU cores of one run."""
    memory_gb: float | None = Field(default=None, gt=0, le=100_000)
    """Main memory of one run in GB."""
    constraint: Word | None = None
    """Features that nodes must have."""
    exclude: Word | None = None
    """Nodes to leave out."""
    max_parallel: int | None = Field(default=None, ge=1)
    """Most runs of one submission that may run at the same time. None: as many as the cluster allows."""
    signal_s: int | None = Field(default=None, ge=1, le=3600)
    """Seconds before the time limit at which a run saves a checkpoint and goes back into the queue. None: 90."""
    max_restarts: int | None = Field(default=None, ge=0)
    """How often a run goes back into the queue by itself. None: 100."""
    options: Annotated[tuple[Annotated[str, Field(pattern=OPTION)], ...], Field(strict=False)] = ()
    """Further options of sbatch without their dashes, such as "reservation=spring"."""
