"""Judging a trained network: clean accuracy, attacks, gradient alignment; with progress, resumable."""

from core.evaluation.suite import Evaluation

__all__ = ["Evaluation"]
