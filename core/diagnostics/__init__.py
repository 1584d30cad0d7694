"""How alike student and teacher are beyond accuracy, and how linear a network is."""

from core.diagnostics.gradients import GradientAlignment, gradient_alignment, input_gradients
from core.diagnostics.linearity import taylor_remainder
from core.diagnostics.pointwise import PointwiseDistance, no_perturbation, pointwise_distance, uniform_perturbation

__all__ = [
    "GradientAlignment",
    "PointwiseDistance",
    "gradient_alignment",
    "input_gradients",
    "no_perturbation",
    "pointwise_distance",
    "taylor_remainder",
    "uniform_perturbation",
]
