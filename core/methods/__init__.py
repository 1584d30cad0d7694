"""Outer minimisation: one file per method, and IGDM as a term for any of them."""

from core.methods.adaad import AdaAd
from core.methods.ard import Ard
from core.methods.igdm import IgdmTerm
from core.methods.pgd_at import PgdAt
from core.methods.plan import Batch, Method, Outputs, StudentForward
from core.methods.standard import Standard
from core.spec.config import MethodSection

METHODS: dict[str, type[Method]] = {method.name: method for method in (Standard, PgdAt, Ard, AdaAd)}


def build_method(settings: MethodSection) -> Method:
    """The method a section names, with its options."""
    return METHODS[settings.name](settings)


__all__ = ["METHODS", "Batch", "IgdmTerm", "Method", "Outputs", "StudentForward", "build_method"]
