"""How far an accuracy measured on a finite test set can be trusted."""

import math

Z_95 = 1.959964  # two-sided 95 % of a normal distribution


def wilson(correct: int, examples: int, z: float = Z_95) -> tuple[float, float]:
    """Wilson score interval of a proportion, within [0, 1].

    correct of examples: counts, examples at least 1. Raises: ValueError for counts that are none.
    Source: Wilson 1927, equation for the interval; it stays inside [0, 1] where the normal one does not.
    """
    if examples < 1 or not 0 <= correct <= examples:
        raise ValueError(f"{correct} of {examples} is no proportion")
    share = correct / examples
    scale = 1 + z * z / examples
    centre = (share + z * z / (2 * examples)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / examples + z * z / (4 * examples**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)
