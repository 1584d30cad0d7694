"""Outer minimisation: one file per method, and IGDM as a term for any of them."""

from core.methods.adaad import AdaAd
from core.methods.adaiad import AdaIad
from core.methods.akd import Akd
from core.methods.ard import Ard
from core.methods.darwin import Darwin, DarwinLf
from core.methods.iad import IadI, IadII
from core.methods.igdm import TERMS, IgdmTerm, build_term
from core.methods.mart import Mart
from core.methods.pgd_at import PgdAt
from core.methods.plan import Batch, Method, Outputs, StudentForward
from core.methods.rslad import Rslad
from core.methods.standard import Standard
from core.methods.trades import Trades
from core.spec.config import AttackSection, MethodSection

METHODS: dict[str, type[Method]] = {
    method.name: method
    for method in (
        Standard, PgdAt, Trades, Mart, Ard, IadI, IadII, Akd, Rslad, AdaAd, AdaIad, Darwin, DarwinLf,
    )
}  # fmt: skip


def build_method(settings: MethodSection, attack: AttackSection) -> Method:
    """The method a section names, with its options, for an attack of so many steps."""
    return METHODS[settings.name](settings, num_steps=attack.num_steps)


__all__ = [
    "METHODS", "TERMS", "Batch", "IgdmTerm", "Method", "Outputs", "StudentForward", "build_method", "build_term",
]  # fmt: skip
