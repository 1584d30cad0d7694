"""Every teacher that is known: published ones beside what was measured here, and those trained here."""

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.spec.published import PUBLISHED_EPSILON, PublishedTeacher, published_teachers
from igdm_tui.numbers import percent
from igdm_tui.report.text_table import Column, text_table

if TYPE_CHECKING:
    from core.spec.home import Home

CLEAN, PGD20, AUTOATTACK = "clean_accuracy", "pgd20_accuracy", "autoattack_accuracy"


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownTeacher:
    """One teacher.

    name: of a published one, or the hash of its recipe. checkpoint: "fetched", "not fetched", "none public", "trained
    here" or "loaded". published, measured: accuracies in [0, 1] by metric; what nobody measured is absent.
    examples: test images of `measured`; 0 unknown.
    """

    name: str
    dataset: str
    title: str
    network: str
    checkpoint: str
    source: str
    published: dict[str, float] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    examples: int = 0

    def to_json(self) -> dict[str, Any]:
        """The form that scripts rely on."""
        names = ("name", "dataset", "title", "network", "checkpoint", "source", "published", "measured", "examples")
        return {name: getattr(self, name) for name in names}


def known_teachers(home: "Home", dataset: str = "") -> list[KnownTeacher]:
    """Published ones in the order of their table, then those of this home, newest first."""
    cards = _cards(home)
    rows = [_published(row, cards) for row in published_teachers()]
    rows += [_of_home(name, card) for name, card in cards.items() if _teacher(card).get("source") != "published"]
    plain = dataset.replace("-", "").lower()
    return [row for row in rows if plain in ("", row.dataset.replace("-", ""))]


def teachers_text(teachers: list[KnownTeacher], *, width: int | None, bold: bool) -> str:
    """One line per teacher."""

    def column(title: str, cells: list[str], importance: int, *, right: bool = False) -> Column:
        return Column(title=title, cells=cells, importance=importance, right=right)

    def accuracies(title: str, which: str, name: str, importance: int) -> Column:
        return column(title, [percent(getattr(t, which).get(name)) for t in teachers], importance, right=True)

    columns = [
        column("name", [t.name or "–" for t in teachers], 1000),
        column("data set", [t.dataset for t in teachers], 950),
        column("teacher", [t.title for t in teachers], 900),
        column("network", [t.network for t in teachers], 500),
        column("checkpoint", [t.checkpoint for t in teachers], 700),
        accuracies("Clean", "published", CLEAN, 850),
        accuracies("PGD-20", "published", PGD20, 840),
        accuracies("AA", "published", AUTOATTACK, 830),
        accuracies("Clean here", "measured", CLEAN, 820),
        accuracies("PGD-20 here", "measured", PGD20, 810),
        column("source", [t.source for t in teachers], 300),
    ]
    return text_table(columns, width=width, bold=bold)


def _cards(home: "Home") -> dict[str, dict[str, Any]]:
    """Cards of teachers/*/teacher.json by folder name, newest first; a damaged one is left out."""
    cards = {}
    for path in home.teachers.glob("*/teacher.json"):
        try:
            card = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue  # the run that wants this teacher says so, and what to do
        if isinstance(card, dict) and isinstance(card.get("metrics"), dict):
            cards[path.parent.name] = card
    return dict(sorted(cards.items(), key=lambda item: -float(item[1].get("made_at") or 0)))


def _published(row: PublishedTeacher, cards: dict[str, dict[str, Any]]) -> KnownTeacher:
    checkpoint = ("fetched" if row.path.is_file() else "not fetched") if row.name else "none public"
    card = next((card for card in cards.values() if row.name and _is_of(card, row)), {})
    numbers = {CLEAN: row.clean, PGD20: row.pgd20, AUTOATTACK: row.autoattack}
    return KnownTeacher(
        name=row.name,
        dataset=row.dataset,
        title=row.title,
        network=row.architecture,
        checkpoint=checkpoint,
        source=row.source,
        published={name: value for name, value in numbers.items() if value is not None},
        measured=_metrics(card),
        examples=int(card.get("examples") or 0),
    )


def _is_of(card: dict[str, Any], row: PublishedTeacher) -> bool:
    """True for a measurement of this checkpoint at the published radius."""
    teacher, data = _teacher(card), _section(card, "data")
    named = teacher.get("source") == "published" and teacher.get("published") == row.name
    same_radius = abs(float(card.get("epsilon") or 0) - PUBLISHED_EPSILON) < 1e-9
    return named and data.get("name") == row.dataset and same_radius


def _of_home(name: str, card: dict[str, Any]) -> KnownTeacher:
    teacher = _teacher(card)
    trained = teacher.get("source", "train") == "train"
    width = teacher.get("width", "") if teacher.get("model") == "resnet" else ""
    network = "" if teacher.get("source") == "run" else f"{teacher.get('model', '')}{width}"
    return KnownTeacher(
        name=name,
        dataset=str(_section(card, "data").get("name", "")),
        title=str(teacher.get("method", "") if trained else teacher.get("run") or teacher.get("path") or ""),
        network=network,
        checkpoint="trained here" if trained else "loaded",
        source="this home",
        measured=_metrics(card),
        examples=int(card.get("examples") or 0),
    )


def _section(card: dict[str, Any], name: str) -> dict[str, Any]:
    recipe = card.get("recipe")
    section = recipe.get(name) if isinstance(recipe, dict) else None
    return section if isinstance(section, dict) else {}


def _teacher(card: dict[str, Any]) -> dict[str, Any]:
    return _section(card, "teacher")


def _metrics(card: dict[str, Any]) -> dict[str, float]:
    metrics = card.get("metrics", {})
    return {name: float(value) for name, value in metrics.items() if isinstance(value, int | float)}
