"""Names that `method.name` takes: what each method needs and reads. No torch."""

from dataclasses import dataclass


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
