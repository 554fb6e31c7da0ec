"""Misfit of a restoration: how far its residual is from the noise, and which assumption that puts in doubt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_tweedie.degradations.degradation import Degradation

if TYPE_CHECKING:
    from torch import Tensor

TOO_LARGE, TOO_SMALL = 1.3, 0.7
"""Residuals over the noise level that are no longer put down to chance."""
SMALLER = "What the result leaves of the measurement is only"
"""How the sentence begins that tells of a residual that is too small."""
RANDOM = 0.1
"""Correlation of neighbours up to which a residual counts as random."""


@dataclass(frozen=True)
class Misfit:
    """What a restoration leaves of its measurement.

    Parameters
    ----------
    ratio : float
        The residual over the noise level, both root mean squares; 1 where the noise explains all that is left.
    correlation : float
        Correlation of neighbouring residuals, 0 for white noise.
    """

    ratio: float
    correlation: float

    def note(self, degradation: Degradation) -> str:
        """Say in a sentence which assumption is likely wrong and how to check it; nothing where none is in doubt."""
        kinds = degradation.kinds()
        kind = next((kind for kind in kinds if kind.doubted != Degradation.doubted), kinds[0])
        (what, check), seen = kind.doubted, kind.noise_is_seen_in
        if self.ratio > TOO_LARGE and not kind.errors_are_local:
            return (
                f"What the result leaves of the measurement is {self.ratio:.1f} times the noise: likely the {what} is wrong, so "
                f"check {check}; or the noise level is too low, so check it against {seen}."
            )
        if self.ratio > TOO_LARGE and self.correlation > RANDOM:
            return (
                f"What the result leaves of the measurement is {self.ratio:.1f} times the noise, and neighbours correlate by "
                f"{self.correlation:.2f}: likely the {what} is wrong, so check {check}."
            )
        if self.ratio > TOO_LARGE:
            return (
                f"What the result leaves of the measurement is {self.ratio:.1f} times the noise, but as random: likely the noise "
                f"level is too low, so check it against {seen}, or give that much more."
            )
        if self.ratio < TOO_SMALL:
            return (
                f"{SMALLER} {self.ratio:.2f} times the noise: likely the noise level is "
                f"too high, or noise was taken for structure, so check the level against {seen}."
            )
        return ""


def neighbour_correlation(error: Tensor) -> float:
    """Return the mean correlation of neighbours along Y and X of an error, shape (B, C, …, Y, X)."""
    error = error - error.mean()
    along = ((error[..., 1:, :] * error[..., :-1, :]).mean(), (error[..., 1:] * error[..., :-1]).mean())
    return float(sum(along) / 2 / error.square().mean().clamp_min(1e-30))
