"""Attack names that carry their parameters, and what they mean. No torch.

    fgsm                                        at the radius of the evaluation
    pgd20  pgd10  pgd50                         so many steps of epsilon/4
    pgd20x5  cwx3  cw30x2                       from so many random starts (cw alone: 10)
    pgd20-at-12  autoattack-at-12               radius 12/255 instead of the evaluation's
    autoattack-plus  autoattack-rand            other versions
    autoattack-l2  autoattack-plus-l1           other norms, with the radii of the papers
    autoattack:apgd-ce+square                   parts of your own choice, in this order

Everything has one name only: `pgd20x1` is written `pgd20`.
"""

import re
from dataclasses import dataclass, replace

FAMILY_RESTARTS = {"fgsm": 1, "pgd": 1, "cw": 10, "cw30": 1, "autoattack": 1}
PARTS = ("apgd-ce", "apgd-dlr", "apgd-t", "fab", "fab-t", "square")
NORMS = {"": "Linf", "l2": "L2", "l1": "L1"}
AT = r"(?:-at-(?P<level>[1-9]\d{0,2}(?:\.\d{1,3})?))?"
TIMES = r"(?:x(?P<restarts>[1-9]\d{0,2}))?"
FORMS = (
    re.compile(rf"(?P<family>fgsm){AT}"),
    re.compile(rf"(?P<family>pgd)(?P<num_steps>[1-9]\d{{0,3}}){TIMES}{AT}"),
    re.compile(rf"(?P<family>cw|cw30){TIMES}{AT}"),
    re.compile(
        rf"(?P<family>autoattack)(?:-(?P<version>plus|rand))?(?:-(?P<norm>l2|l1))?{AT}(?::(?P<parts>[a-z]+[a-z+-]*))?"
    ),
)
HOW = "pgd20x5 is PGD-20 from 5 starts, pgd20-at-12 has radius 12/255, autoattack:apgd-ce+square runs these two parts"


@dataclass(frozen=True, kw_only=True, slots=True)
class AttackForm:
    """What a name says.

    family: "fgsm", "pgd", "cw", "cw30" or "autoattack". num_steps: of PGD, 0 for the others. restarts: random starts.
    level: radius in 1/255, None for the evaluation's own. version, norm, parts: of AutoAttack; parts: for "custom".
    """

    family: str
    num_steps: int = 0
    restarts: int = 1
    level: float | None = None
    version: str = "standard"
    norm: str = "Linf"
    parts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The one name of this form."""
        steps = str(self.num_steps) if self.num_steps else ""
        times = "" if self.restarts == FAMILY_RESTARTS[self.family] else f"x{self.restarts}"
        version = f"-{self.version}" if self.version in ("plus", "rand") else ""
        norm = "" if self.norm == "Linf" else f"-{self.norm.lower()}"
        level = "" if self.level is None else f"-at-{self.level:g}"
        parts = f":{'+'.join(self.parts)}" if self.parts else ""
        return f"{self.family}{steps}{times}{version}{norm}{level}{parts}"

    @property
    def title(self) -> str:
        """Short, for a column."""
        base = {"fgsm": "FGSM", "pgd": f"PGD-{self.num_steps}", "cw": "C&W", "cw30": "CW-30", "autoattack": "AA"}
        times = "" if self.restarts == FAMILY_RESTARTS[self.family] else f" x{self.restarts}"
        version = {"plus": "+", "rand": " rand"}.get(self.version, "")
        norm = "" if self.norm == "Linf" else f" {self.norm}"
        level = "" if self.level is None else f" {self.level:g}"
        parts = f" {'+'.join(self.parts)}" if self.parts else ""
        return f"{base[self.family]}{times}{version}{norm}{level}{parts}"

    @property
    def summary(self) -> str:
        """One line for a form or `--help`."""
        what = {
            "fgsm": "one step of epsilon, no random start",
            "pgd": f"{self.num_steps} ascent steps of epsilon/4 on cross-entropy",
            "cw": "l-infinity margin attack, 50 steps",
            "cw30": "cheap l-infinity margin attack, 30 steps",
            "autoattack": f"AutoAttack {'+'.join(self.parts) or self.version}",
        }[self.family]
        norm = "" if self.norm == "Linf" else f", {self.norm}"
        times = f", {self.restarts} random starts" if self.restarts > 1 else ""
        level = "" if self.level is None else f", epsilon {self.level:g}/255"
        return f"{what}{norm}{times}{level}"

    @property
    def at_evaluation_radius(self) -> "AttackForm":
        """The same attack without a radius of its own."""
        return replace(self, level=None)


def parse_attack(name: str) -> AttackForm | None:
    """What a name says; None for one that has no such form, or is not the one name of what it says."""
    for pattern in FORMS:
        found = pattern.fullmatch(name)
        if found:
            form = _form(found.groupdict())
            return form if form is not None and form.name == name else None
    return None


def _form(groups: dict[str, str | None]) -> AttackForm | None:
    family, parts = groups["family"] or "", tuple((groups.get("parts") or "").split("+"))
    version, norm, level = groups.get("version"), NORMS[groups.get("norm") or ""], groups["level"]
    if parts != ("",) and (version or set(parts) - set(PARTS) or len(set(parts)) < len(parts)):
        return None
    if level is not None and (norm != "Linf" or float(level) > 255):
        return None
    return AttackForm(
        family=family,
        num_steps=int(groups.get("num_steps") or 0),
        restarts=int(groups.get("restarts") or FAMILY_RESTARTS[family]),
        level=None if level is None else float(level),
        version="custom" if parts != ("",) else version or "standard",
        norm=norm,
        parts=() if parts == ("",) else parts,
    )
