"""Every name a setting may take, with what a form or `--help` says about it. No torch.

The long lists have files of their own. The code behind each name lives in `core.<package>`;
`tests/core/test_catalogue.py` checks that both lists are equal.
"""

from dataclasses import dataclass

from core.spec import attack_names, dataset_names, method_names, metric_names, model_names

DATASETS = dataset_names.DATASETS
METHODS = method_names.METHODS
MODELS = model_names.MODELS
ATTACKS = attack_names.ATTACKS
METRICS = metric_names.METRICS


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedEntry:
    """A name with the text a form shows for it."""

    name: str
    title: str
    summary: str


TEACHER_SOURCES = {
    entry.name: entry
    for entry in (
        NamedEntry(name="train", title="Trained here", summary="trained from its own recipe, cached by its hash"),
        NamedEntry(name="none", title="None", summary="no teacher: only for methods that need none, without IGDM"),
        NamedEntry(name="published", title="Published", summary="a published checkpoint: igdm teachers fetch"),
        NamedEntry(name="checkpoint", title="File", summary="a checkpoint file of the network named below"),
        NamedEntry(name="run", title="Run", summary="the student of a finished run of this home"),
    )
}

SURROGATES = {
    entry.name: entry
    for entry in (
        NamedEntry(name="kl", title="KL", summary="KL of the softmaxed output differences (the paper's choice)"),
        NamedEntry(name="l2", title="L2", summary="squared distance over 2K: the small-difference limit of KL"),
        NamedEntry(name="l1", title="L1", summary="absolute distance over K; alpha needs its own tuning"),
    )
}

TERMS = {
    entry.name: entry
    for entry in (
        NamedEntry(name="igdm", title="IGDM", summary="match the teacher's output difference (ICLR Eq. 8)"),
        NamedEntry(name="direct-gradient", title="Direct", summary="match input gradients themselves (ICLR Eq. 11)"),
        NamedEntry(name="trades-like", title="TRADES-like", summary="both sides of the student agree (ICLR Eq. 12)"),
        NamedEntry(name="trades-reg", title="TRADES-reg", summary="clean and plus side agree (ICLR Eq. 13)"),
    )
}
