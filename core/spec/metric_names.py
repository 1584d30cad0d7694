"""Names of everything that is measured, and how it is shown. No torch."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.spec.attack_names import ATTACKS


@dataclass(frozen=True, kw_only=True, slots=True)
class MetricEntry:
    """How a metric is shown: its short column title, its unit and which direction is better.

    unit: "fraction" (shown as percent), "number" or "seconds". better: "higher", "lower" or "".
    """

    name: str
    title: str
    unit: str
    better: str
    summary: str


ACCURACY = re.compile(r"([a-z0-9_]{1,80})_accuracy")


class Metrics(dict[str, MetricEntry]):
    """Metrics by name, in the order of columns; the accuracy of an attack that is not listed is known all the same."""

    def __missing__(self, name: str) -> MetricEntry:
        found = ACCURACY.fullmatch(name)
        if not found:
            raise KeyError(name)
        title = found[1].replace("_", " ")
        return MetricEntry(name=name, title=title, unit="fraction", better="higher", summary=f"accuracy under {title}")

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or (isinstance(name, str) and ACCURACY.fullmatch(name) is not None)

    def get(self, name: str, default: Any = None) -> Any:
        """As of any mapping; dict would not ask `__missing__`."""
        try:
            return self[name]
        except KeyError:
            return default

    def in_order(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those that are metrics, in the order of columns; accuracies that are not listed come last."""
        wanted = set(names)
        listed = [name for name in self if name in wanted]
        return (*listed, *sorted(name for name in wanted.difference(listed) if name in self))


METRICS = Metrics(
    (entry.name, entry)
    for entry in (
        *(
            MetricEntry(name=entry.metric, title=entry.title, unit="fraction", better="higher", summary=entry.summary)
            for entry in ATTACKS.values()
            if entry.is_accuracy
        ),
        MetricEntry(
            name="gradient_distance",
            title="GD",
            unit="number",
            better="lower",
            summary="batch-mean Frobenius distance of input gradients",
        ),
        MetricEntry(
            name="gradient_distance_raw",
            title="GD raw",
            unit="number",
            better="lower",
            summary="mean per-image L2 distance of input gradients",
        ),
        MetricEntry(
            name="gradient_cosine",
            title="GC",
            unit="number",
            better="higher",
            summary="mean cosine of input gradients",
        ),
        *(
            MetricEntry(
                name=f"pointwise_{where}{ending}",
                title=f"D {short}{kind}",
                unit="number",
                better="lower",
                summary=f"mean L2 distance of student and teacher {outputs}, {text}",
            )
            for ending, kind, outputs in (("", "", "probabilities"), ("_logits", " z", "logits"))
            for where, short, text in (
                ("clean", "0", "clean images"),
                ("uniform", "U", "uniform noise"),
                ("adversarial", "adv", "PGD-20 images"),
            )
        ),
        MetricEntry(
            name="linearity_remainder",
            title="remainder",
            unit="number",
            better="lower",
            summary="share of the logits that a first-order expansion misses, noise of radius epsilon",
        ),
        MetricEntry(
            name="validation_clean_accuracy",
            title="val clean",
            unit="fraction",
            better="higher",
            summary="validation accuracy on clean images",
        ),
        MetricEntry(
            name="validation_pgd_accuracy",
            title="val PGD",
            unit="fraction",
            better="higher",
            summary="validation accuracy under PGD-10",
        ),
        MetricEntry(
            name="loss",
            title="loss",
            unit="number",
            better="lower",
            summary="mean total training loss, nats per image",
        ),
        MetricEntry(
            name="ad_loss",
            title="AD loss",
            unit="number",
            better="lower",
            summary="the base method's part of the loss",
        ),
        MetricEntry(
            name="igdm_loss",
            title="IGDM loss",
            unit="number",
            better="lower",
            summary="the IGDM term before its weight T(alpha)",
        ),
        MetricEntry(
            name="igdm_weight",
            title="T(alpha)",
            unit="number",
            better="",
            summary="weight of the IGDM term in this epoch",
        ),
        MetricEntry(name="learning_rate", title="lr", unit="number", better="", summary="learning rate of this epoch"),
        MetricEntry(
            name="images_per_s",
            title="img/s",
            unit="number",
            better="higher",
            summary="training images per second",
        ),
        MetricEntry(
            name="memory_gb",
            title="GB",
            unit="number",
            better="",
            summary="most memory of the device, or of the process on a CPU, in 10^9 bytes",
        ),
    )
)
