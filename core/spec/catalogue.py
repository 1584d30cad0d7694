"""Every name a setting may take, with what a form or `--help` says about it. No torch.

The code behind each name lives in `core.<package>`; `tests/core/test_catalogue.py` checks that both lists are equal.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodEntry:
    """One outer minimisation a student can be trained with.

    needs_teacher: its own loss or attack uses a teacher.
    has_inner: it attacks the student; without an attack there is no IGDM term.
    options: keys of the `method` section that it reads.
    """

    name: str
    title: str
    summary: str
    source: str
    needs_teacher: bool
    has_inner: bool = True
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetEntry:
    """One data set: its geometry is known before it is loaded.

    image_size: side in pixels; channels and classes are counts.
    """

    name: str
    title: str
    summary: str
    image_size: int
    channels: int
    classes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NamedEntry:
    """A name with the text a form shows for it."""

    name: str
    title: str
    summary: str


DATASETS = {
    entry.name: entry
    for entry in (
        DatasetEntry(
            name="digits",
            title="Digits",
            summary="1,797 real handwritten digits, 8x8 grey; ships with scikit-learn",
            image_size=8,
            channels=1,
            classes=10,
        ),
    )
}

METHODS = {
    entry.name: entry
    for entry in (
        MethodEntry(
            name="standard",
            title="Standard",
            summary="cross-entropy on clean images, no attack: the reference that is not robust",
            source="ordinary training",
            needs_teacher=False,
            has_inner=False,
        ),
        MethodEntry(
            name="pgd-at",
            title="PGD-AT",
            summary="cross-entropy on adversarial images",
            source="Madry et al. 2018",
            needs_teacher=False,
        ),
        MethodEntry(
            name="ard",
            title="ARD",
            summary="student on adversarial images follows the teacher on clean images",
            source="Goldblum et al. 2020",
            needs_teacher=True,
            options=("ard_lambda", "temperature"),
        ),
        MethodEntry(
            name="adaad",
            title="AdaAD",
            summary="attack maximises the student-teacher gap; student follows the teacher on adversarial images",
            source="Huang et al. 2023",
            needs_teacher=True,
            options=("adaad_lambda",),
        ),
    )
}

MODELS = {
    entry.name: entry
    for entry in (
        NamedEntry(
            name="resnet",
            title="ResNet",
            summary="CIFAR-style residual network; width and blocks per stage are settings",
        ),
    )
}

TEACHER_SOURCES = {
    entry.name: entry
    for entry in (
        NamedEntry(name="train", title="Trained here", summary="PGD-AT from its own recipe, cached by its hash"),
        NamedEntry(name="none", title="None", summary="no teacher: only for methods that need none, without IGDM"),
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

ATTACKS = {
    entry.name: entry
    for entry in (
        NamedEntry(name="clean", title="Clean", summary="accuracy on unperturbed test images"),
        NamedEntry(
            name="pgd20",
            title="PGD-20",
            summary="20 ascent steps of epsilon/4 on cross-entropy, random start",
        ),
        NamedEntry(
            name="autoattack",
            title="AutoAttack",
            summary="APGD-CE, APGD-T, FAB-T and Square, standard version",
        ),
        NamedEntry(name="gradients", title="GD and GC", summary="input-gradient distance and cosine to the teacher"),
    )
}


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


METRICS = {
    entry.name: entry
    for entry in (
        MetricEntry(
            name="clean_accuracy",
            title="Clean",
            unit="fraction",
            better="higher",
            summary="test accuracy on clean images",
        ),
        MetricEntry(
            name="pgd20_accuracy",
            title="PGD-20",
            unit="fraction",
            better="higher",
            summary="test accuracy under PGD-20",
        ),
        MetricEntry(
            name="autoattack_accuracy",
            title="AA",
            unit="fraction",
            better="higher",
            summary="test accuracy under AutoAttack standard",
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
    )
}
