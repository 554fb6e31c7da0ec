"""Check of what a denoiser took away: white noise knows neither its neighbours nor the image.

Four numbers tell: how much neighbouring pixels of the residual correlate, how much more of it there is at edges, how much
stronger the noise of the input is at twice the pixel size than white noise would be, and how much more it correlates along one
axis than along the other, as striped noise from line scanning does. The limits were measured on crops of 128 and 256 pixels of
BSD68 and of microscopy images with noise of 2 to 50 grey levels of 255; ``benchmarks/residual.py`` tells how often there is an
alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.analysis.noise_level import averaged, estimate_noise_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

CORRELATED = 0.05
"""White noise of the right level stayed below 0.02 (98 % of cases); the residual is then a little negatively correlated."""
AT_EDGES = 0.15
"""White noise of the right level stayed below 0.05: there is less residual at edges, where the denoiser takes away less."""
COARSE = 2.5
"""White noise of 15 grey levels of 255 stayed below 2.3 on photographs, noise blurred by 0.6 pixels was above 2.5 on most."""
VISIBLE = 0.05
"""Share of the image's range below which fine texture is not told from coarse noise."""
STRIPED, STRIPED_IF_TEXTURED = 0.02, 0.25
"""White noise stayed below the first, give or take its standard error, and with fine texture mostly below the second."""
FLATTEST, FLAT = 0.25, 1.15
"""Share of the squares, those that vary least, that are looked at, and by how much they may exceed the noise level."""
SIDE = 8
LARGEST = 256
SMALLEST = 32


@dataclass(frozen=True)
class ResidualCheck:
    """What the residual of one plane, or of several in the mean, looks like.

    Parameters
    ----------
    correlation : float
        The largest correlation of neighbouring residuals, in a row, a column or a diagonal; 0 where it is expected.
    edges : float
        Correlation of the residual's strength with that of the result's gradient, in squares of `SIDE` pixels.
    coarseness : float
        Noise level of the input at twice the pixel size, relative to that of white noise; 0 where it was not estimated or
        fine texture would count as noise.
    stripes : float
        Correlation of neighbours in a column minus that in a row, in the flattest squares of the input; 0 where the noise
        level was not estimated or fine texture may be the reason.
    pixels : int
        How many residuals were looked at.
    """

    correlation: float
    edges: float
    coarseness: float
    stripes: float
    pixels: int

    def note(self) -> str:
        """Say in a sentence why the residual is not noise, or nothing if it may be."""
        chance = 4 / self.pixels**0.5  # four standard errors of a correlation
        if self.correlation > CORRELATED + chance:
            return (
                f"What was removed is not white noise: neighbouring residuals correlate by {self.correlation:.2f}, so the noise "
                "is correlated, or the noise level is too high and structure was lost."
            )
        if self.edges > AT_EDGES + SIDE * chance:
            return (
                f"What was removed follows the image: its strength correlates by {self.edges:.2f} with edges, so the noise level "
                "is too high, or the noise grows with the brightness."
            )
        if self.coarseness > COARSE:
            return (
                f"The noise may be correlated: at twice the pixel size it is {self.coarseness:.1f} times as strong as white "
                "noise would be, so its level is underestimated: tell that it is correlated, or give a higher level."
            )
        if abs(self.stripes) > STRIPED + (2 / FLATTEST) ** 0.5 * chance:
            return (
                "The noise may be striped, as from line scanning: where the image is flat, neighbours along one axis "
                f"correlate by {abs(self.stripes):.2f} more than along the other. Unless these are fine lines of the specimen, "
                "tell that the noise is correlated."
            )
        return ""


def check_residual(noisy: NDArray[Any], clean: NDArray[Any], estimated: bool, white: bool = True) -> ResidualCheck | None:
    """Compare the residual ``noisy − clean`` of one plane (Y, X) with white noise; its middle is looked at.

    Both in units in which the noise is the same everywhere; `estimated` says whether its level was estimated from the image,
    and may be wrong where the noise is correlated; `white` is false where it is known to be correlated. None if the plane
    is smaller than 32 pixels or nothing was removed.
    """
    if min(noisy.shape) < SMALLEST:
        return None
    noisy, clean = (_middle(np.asarray(plane, dtype=np.float64)) for plane in (noisy, clean))
    residual = noisy - clean
    residual = residual - residual.mean()
    variance = float((residual**2).mean())
    if variance <= 1e-12 * float((noisy**2).mean()):
        return None
    pairs = [(residual[:, 1:], residual[:, :-1]), (residual[1:], residual[:-1])]
    pairs += [(residual[1:, 1:], residual[:-1, :-1]), (residual[1:, :-1], residual[:-1, 1:])]
    correlation = max(float((first * second).mean()) for first, second in pairs) / variance if white else 0.0
    strength, gradient = _squares(residual**2), _squares(np.hypot(*np.gradient(clean)))
    logarithms = np.log(np.stack([strength + 1e-6 * strength.mean(), gradient + 1e-3 * gradient.mean() + 1e-12]))
    edges = float(np.corrcoef(logarithms)[0, 1]) if logarithms.std(1).all() else 0.0
    if not (estimated and white):
        return ResidualCheck(correlation, edges, 0.0, 0.0, residual.size)
    level = estimate_noise_level(noisy)
    return ResidualCheck(correlation, edges, _coarseness(noisy, level), _stripes(noisy, level), residual.size)


def mean_check(checks: Sequence[ResidualCheck]) -> ResidualCheck:
    """Return the mean of some checks, weighted by their pixels."""
    weights = np.array([check.pixels for check in checks])
    values = np.array([(check.correlation, check.edges, check.coarseness, check.stripes) for check in checks])
    correlation, edges, coarseness, stripes = (float(value) for value in weights @ values / weights.sum())
    return ResidualCheck(correlation, edges, coarseness, stripes, int(weights.sum()))


def _middle(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the middle of a plane, at most `LARGEST` pixels a side, in whole squares."""
    for axis, length in enumerate(plane.shape):
        side = min(length, LARGEST) // SIDE * SIDE
        plane = plane.take(range((length - side) // 2, (length - side) // 2 + side), axis)
    return plane


def _squares(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of every square of `SIDE` pixels."""
    return averaged(plane, SIDE).ravel()


def _coarseness(noisy: NDArray[np.float64], level: float) -> float:
    """Return twice the noise level of the image binned 2 × 2, in units of its noise level: 1 for white noise."""
    coarse = 2 * estimate_noise_level(averaged(noisy, 2))
    low, high = np.percentile(noisy, (0.1, 99.9))
    return coarse / level if level > 0 and coarse > VISIBLE * (high - low) else 0.0


def _stripes(noisy: NDArray[np.float64], level: float) -> float:
    """Return how much more neighbours correlate in a column than in a row, in the flattest squares of the plane."""
    rows, columns = (length // SIDE for length in noisy.shape)
    squares = noisy.reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2).reshape(-1, SIDE**2)
    plane = np.stack([np.ones(SIDE**2), *np.indices((SIDE, SIDE)).reshape(2, -1)], 1)
    noise = squares - squares @ np.linalg.pinv(plane).T @ plane.T
    strength = (noise**2).sum(1)
    noise = noise[strength <= np.quantile(strength, FLATTEST)].reshape(-1, SIDE, SIDE)
    variance = float((noise**2).mean())
    if variance == 0:
        return 0.0
    stripes = float((noise[:, 1:] * noise[:, :-1]).mean() - (noise[:, :, 1:] * noise[:, :, :-1]).mean()) / variance
    least = max(0.0, 1 - 2 * abs(stripes)) * variance  # in any direction, if it is noise: what its level is estimated from
    return stripes if abs(stripes) > STRIPED_IF_TEXTURED or least < (FLAT * level) ** 2 else 0.0
