"""Squares of an image that tell how strong the noise is where they lie: by the finest detail, next to coarser detail.

Noise of a level has the same power at all of it, texture more of the coarser. Windows of several squares tell a level that edges,
which are in few squares, do not change.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE = 8
"""Side, in pixels, of the squares whose cosine transform is looked at; the map has a level for each."""
WINDOW, LOW = 4, 0.3
"""Squares along the side of a window, and the quantile of them that tells its level: edges are in few of them."""
TEXTURED = 1.25
"""How many times stronger than the finest detail coarser detail is where there is texture."""
CLIPPED = 0.02
"""Share of the pixels of a square that may have the least or the largest value: what is cut off is no weaker noise."""
SMOOTH = 5
"""Squares along the side of the window whose median is the level of the square in its middle."""
AS_NOISE = 1.04
"""How many times stronger than the finest detail all but the slowest is where it is noise, too."""
BOUND = 20.0
"""Weight of levels that are but a bound."""
VARIATION, TURNS = 1.5, 150
"""Strength of the smoothing, in standard errors of a level, and its steps."""

_ROWS, _COLUMNS = np.indices((SIDE, SIDE))
_FINE = (_ROWS >= 4) & (_COLUMNS >= 4)
_ACROSS = (_ROWS <= 2) & (_COLUMNS >= 4)
_MOST = _ROWS + _COLUMNS >= 4
_BETWEEN = (_ROWS >= 2) & (_COLUMNS >= 2) & ~_FINE & (_ROWS + _COLUMNS >= 6) & (_ROWS + _COLUMNS <= 8)


@dataclass(frozen=True)
class Squares:
    """What the squares of a plane show: mean squared coefficients of detail, finest, coarser and most, and brightness.

    NaN where a square does not count.
    """

    fine: NDArray[np.float64]
    coarse: tuple[NDArray[np.float64], ...]
    most: NDArray[np.float64]
    light: NDArray[np.float64]

    @classmethod
    def of(cls, plane: NDArray[Any], light: NDArray[Any], dark: float) -> Self:
        from scipy.fft import dctn

        parts = squares_of(np.asarray(plane, np.float32 if 1e-15 < np.nanmax(np.abs(plane)) < 1e15 else np.float64))
        bright = squares_of(light)
        finite = light[np.isfinite(light)]
        clipped = ((bright == finite.min()) | (bright == finite.max())).mean((2, 3)) > CLIPPED
        energy = dctn(np.nan_to_num(parts), axes=(2, 3), norm="ortho") ** 2
        mean = bright.mean((2, 3), dtype=np.float64)
        bad = clipped | (mean < dark) | ~np.isfinite(parts).all((2, 3)) | ~np.isfinite(bright).all((2, 3))
        fine, across, down, between, most = (
            np.where(bad, np.nan, energy[..., among].mean(-1, dtype=np.float64))
            for among in (_FINE, _ACROSS, _ACROSS.T, _BETWEEN, _MOST)
        )
        return cls(fine, (across, down, between), most, np.where(bad, np.nan, mean))

    def windows(
        self, side: int = WINDOW, share: float = LOW
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return logarithm of the level, ratio of coarser to finest detail, and brightness of every window that counts, flat."""
        bands = zip((self.fine, *self.coarse), (_FINE, _ACROSS, _ACROSS, _BETWEEN), strict=True)
        fine, *coarse = (_of_windows(part, side, share) / _quantile(int(among.sum()), share) for part, among in bands)
        counts = fine > 0
        light = _of_windows(self.light, side, 0.5)[counts]
        return np.log(fine[counts]) / 2, np.sqrt(np.max(coarse, 0)[counts] / fine[counts]), light

    def contrasts(self, side: int, share: float) -> NDArray[np.float64]:
        """Return the logarithm of the brightness of the brightest square over the darkest, of every window in `windows`."""
        counts = _of_windows(self.fine, side, share) > 0
        dark, bright = (_of_windows(self.light, side, end)[counts] for end in (0.0, 1.0))
        lit = dark > 0
        return np.where(lit, np.log(np.where(lit, bright, 1.0) / np.where(lit, dark, 1.0)), np.inf)

    def misfit(self, logs: NDArray[np.float64]) -> float:
        """Return the standard deviation of the logarithms of levels of windows without texture, less those of a map."""
        level, texture, _ = self.windows()
        counts = _of_windows(self.fine, WINDOW, LOW) > 0
        left = (level - _of_windows(logs, WINDOW, 0.5)[counts])[texture < TEXTURED]
        return float(left.std()) if left.size else np.inf

    def smooth(self) -> NDArray[np.float64]:
        """Return the logarithm of the level at every square: that of the nearest places where texture hides it, if less."""
        from scipy.ndimage import median_filter

        known = np.isfinite(self.fine) & (self.fine > 0)
        lowest = np.min(self.fine[known])
        bands = [
            _filled(np.where(known, np.maximum(part, 1e-3 * lowest), np.nan)) for part in (self.fine, *self.coarse, self.most)
        ]
        fine, *coarse, most = (
            np.log(median_filter(part, SMOOTH, mode="mirror") / _quantile(int(among.sum()), 0.5)) / 2
            for part, among in zip(bands, (_FINE, _ACROSS, _ACROSS, _BETWEEN, _MOST), strict=True)
        )
        plain = known & (np.max(coarse, 0) - fine < np.log(TEXTURED))
        smooth = plain & (most - fine < np.log(AS_NOISE))
        levels = np.where(smooth, np.log(bands[-1]), np.log(bands[0])) / 2
        weights = np.where(smooth, 2.0 * _MOST.sum(), np.where(plain, 2.0 * _FINE.sum(), 0.0))
        levels += np.where(smooth, 1 / (2 * _MOST.sum()), 1 / (2 * _FINE.sum()))  # a mean logarithm is lower
        around = _even(levels, weights)
        bound = (weights == 0) & (fine < around)
        return _even(np.where(bound, fine, levels), np.where(bound, BOUND, weights))


def _even(levels: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return levels whose total variation is small, jumps kept: ``min Σ w (u − l)² / 2 + λ TV(u)``, what it lost added once more.

    By the primal-dual method (Chambolle and Pock, J. Math. Imaging Vision 40, 2011), in which weights may be 0.
    """
    result, target, strength = levels, levels, VARIATION * float(np.sqrt(np.median(weights[weights > 0])))
    for _ in range(2):
        u = np.where(weights > 0, target, np.average(target, weights=weights))
        ahead, dual = u, np.zeros((2, *u.shape))
        tau = 8 / np.maximum(weights.max(), 1)
        sigma = 1 / (8 * tau)
        for _ in range(TURNS):
            slope = np.stack([np.diff(ahead, axis=axis, append=np.take(ahead, [-1], axis)) for axis in (0, 1)])
            dual += sigma * slope
            dual /= np.maximum(1, np.sqrt((dual**2).sum(0)) / strength)
            divergence = sum(np.diff(part, axis=axis, prepend=0) for axis, part in enumerate(dual))
            new = (u + tau * (divergence + weights * target)) / (1 + tau * weights)
            ahead, u = 2 * new - u, new
        result, target = u, np.where(weights > 0, target + levels - u, target)
    return np.asarray(result)


def squares_of(plane: NDArray[Any]) -> NDArray[Any]:
    """Return the squares of a plane, shape (rows, columns, SIDE, SIDE)."""
    height, width = (length // SIDE for length in plane.shape)
    return plane[: height * SIDE, : width * SIDE].reshape(height, SIDE, width, SIDE).swapaxes(1, 2)


def _of_windows(values: NDArray[np.float64], side: int, share: float) -> NDArray[np.float64]:
    """Return a quantile of the squares of every window; NaN where one does not count."""
    height, width = (length // side for length in values.shape)
    cut = values[: height * side, : width * side].reshape(height, side, width, side).swapaxes(1, 2)
    return np.asarray(np.quantile(cut.reshape(height, width, -1), share, axis=-1))


@functools.lru_cache
def _quantile(coefficients: int, share: float) -> float:
    """Return a quantile of the mean square of so many coefficients of white noise of level 1."""
    from scipy.special import gammaincinv

    return float(gammaincinv(coefficients / 2, share) * 2 / coefficients)


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values with those that are NaN as the nearest others."""
    from scipy.ndimage import distance_transform_edt

    missing = np.isnan(values)
    if not missing.any():
        return values
    return np.asarray(values[tuple(distance_transform_edt(missing, return_distances=False, return_indices=True))])
