"""How alike student and teacher are beyond accuracy: input-gradient distance and cosine."""

from core.diagnostics.gradients import GradientAlignment, gradient_alignment, input_gradients

__all__ = ["GradientAlignment", "gradient_alignment", "input_gradients"]
