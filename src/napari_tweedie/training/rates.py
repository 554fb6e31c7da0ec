"""Learning rate of all trainings: it warms up, and falls as a cosine."""

from __future__ import annotations

import math


def falling(peak: float, step: int, steps: int, warm: float) -> float:
    """Return the rate at a step of `steps`, of which `warm` warm up to `peak`."""
    return peak * min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * step / steps))
