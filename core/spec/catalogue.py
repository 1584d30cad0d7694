"""Every name a setting may take, with what a form or `--help` says about it. No torch.

The code behind each name lives in `core.<package>`; `tests/core/test_catalogue.py` checks that both lists are equal.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.spec import attack_names, model_names


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodEntry:
    """One outer minimisation a student can be trained with.

    needs_teacher: its own loss or attack uses a teacher.
    needs_second_teacher: it also uses a standard-trained one.
    has_inner: it attacks the student; without an attack there is no IGDM term.
    options: keys of the `method` section that it reads.
    """

    name: str
    title: str
    summary: str
    source: str
    needs_teacher: bool
    needs_second_teacher: bool = False
    has_inner: bool = True
    options: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetEntry:
    """One data set: its geometry is known before it is loaded.

    image_size: side in pixels; channels and classes are counts. 0 for the folder, whose settings and subfolders say it.
    files: what must lie in the data root; how: where one gets it. options: keys of the `data` section that only some
    data sets read, and this one does.
    """

    name: str
    title: str
    summary: str
    image_size: int = 0
    channels: int = 0
    classes: int = 0
    files: tuple[str, ...] = ()
    how: str = ""
    options: tuple[str, ...] = ()


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
            options=("test_fraction",),
        ),
        DatasetEntry(
            name="cifar-10",
            title="CIFAR-10",
            summary="50,000 + 10,000 photographs, 32x32 colour, 10 classes",
            image_size=32,
            channels=3,
            classes=10,
            files=("cifar-10-batches-py",),
            how="unpack https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz there",
            options=("download",),
        ),
        DatasetEntry(
            name="cifar-100",
            title="CIFAR-100",
            summary="50,000 + 10,000 photographs, 32x32 colour, 100 classes",
            image_size=32,
            channels=3,
            classes=100,
            files=("cifar-100-python",),
            how="unpack https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz there",
            options=("download",),
        ),
        DatasetEntry(
            name="svhn",
            title="SVHN",
            summary="73,257 + 26,032 house numbers, 32x32 colour, 10 classes",
            image_size=32,
            channels=3,
            classes=10,
            files=("train_32x32.mat", "test_32x32.mat"),
            how="get both files from http://ufldl.stanford.edu/housenumbers/",
            options=("download",),
        ),
        DatasetEntry(
            name="tiny-imagenet",
            title="Tiny-ImageNet",
            summary="100,000 + 10,000 photographs, 64x64 colour, 200 classes; its validation images are the test set",
            image_size=64,
            channels=3,
            classes=200,
            files=(
                "tiny-imagenet-200/train",
                "tiny-imagenet-200/val/images",
                "tiny-imagenet-200/val/val_annotations.txt",
            ),
            how="unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there",
        ),
        DatasetEntry(
            name="folder",
            title="Folder of images",
            summary="your own: train/ and test/ (or val/) in data.folder, each with one folder of images per class",
            options=("folder", "image_size", "channels"),
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
            name="trades",
            title="TRADES",
            summary="clean cross-entropy plus divergence between clean and adversarial outputs",
            source="Zhang et al. 2019",
            needs_teacher=False,
            options=("trades_beta",),
        ),
        MethodEntry(
            name="mart",
            title="MART",
            summary="boosted cross-entropy, and a divergence weighted where the clean output is wrong",
            source="Wang et al. 2020",
            needs_teacher=False,
            options=("mart_beta",),
        ),
        MethodEntry(
            name="ard",
            title="ARD",
            summary="student on adversarial images follows the teacher on clean images",
            source="Goldblum et al. 2020",
            needs_teacher=True,
            options=(
                "ard_lambda",
                "temperature",
            ),
        ),
        MethodEntry(
            name="iad",
            title="IAD",
            summary="ARD that trusts the teacher only where it is right under attack (IAD-I)",
            source="Zhu et al. 2022",
            needs_teacher=True,
            options=(
                "temperature",
                "iad_exponent",
                "iad_begin",
                "iad_teacher_weight",
            ),
        ),
        MethodEntry(
            name="iad-2",
            title="IAD-II",
            summary="IAD with a second, standard-trained teacher",
            source="Zhu et al. 2022",
            needs_teacher=True,
            needs_second_teacher=True,
            options=(
                "temperature",
                "iad_exponent",
                "iad2_begin",
                "iad2_robust",
                "iad2_standard",
            ),
        ),
        MethodEntry(
            name="akd",
            title="AKD",
            summary="cross-entropy mixed with the teacher's answer on adversarial images",
            source="Maroto et al. 2022",
            needs_teacher=True,
            options=(
                "akd_mix",
                "akd_teacher_input",
            ),
        ),
        MethodEntry(
            name="rslad",
            title="RSLAD",
            summary="clean and adversarial outputs follow the teacher on clean images, in the attack too",
            source="Zi et al. 2021",
            needs_teacher=True,
            options=(
                "rslad_scale",
                "teacher_in_attack",
            ),
        ),
        MethodEntry(
            name="adaad",
            title="AdaAD",
            summary="attack maximises the student-teacher gap; student follows the teacher on adversarial images",
            source="Huang et al. 2023",
            needs_teacher=True,
            options=(
                "adaad_lambda",
                "teacher_in_attack",
            ),
        ),
        MethodEntry(
            name="adaiad",
            title="AdaIAD",
            summary="AdaAD with the introspection of IAD",
            source="Huang et al. 2023",
            needs_teacher=True,
            options=(
                "temperature",
                "iad_exponent",
                "iad_begin",
                "teacher_in_attack",
            ),
        ),
        MethodEntry(
            name="darwin",
            title="DARWIN",
            summary="distils along the whole path of the attack, towards and away from another class",
            source="Dong et al. 2024",
            needs_teacher=True,
            options=(
                "darwin_beta",
                "darwin_gamma",
                "darwin_triplet",
                "darwin_margin",
                "darwin_average",
            ),
        ),
        MethodEntry(
            name="darwin-lf",
            title="DARWIN-LF",
            summary="DARWIN with the teacher's predictions instead of labels",
            source="Dong et al. 2024",
            needs_teacher=True,
            options=(
                "darwin_beta",
                "darwin_gamma",
                "darwin_triplet",
                "darwin_margin",
                "darwin_average",
            ),
        ),
    )
}

MODELS = model_names.MODELS

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

ATTACKS = attack_names.ATTACKS


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
