"""Correlated noise: how much the noise of a pixel tells of that of its neighbours.

Resampling, smoothing, compression and a detector's own filter spread noise over neighbours; scanners and converters add offsets
to whole lines. Both are second-order statistics of noise that is the same everywhere: an autocovariance, and its Fourier
transform, the power spectrum.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_tweedie.core.lazy import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Generator, Tensor

REACH = 7
"""Distances in pixels, along each axis, up to which neighbours are looked at."""
DYNAMIC_RANGE = 1e-3
"""The least power relative to the largest: what is weaker comes from errors of the estimate."""


@dataclass(frozen=True)
class Correlation:
    """The shape of the noise of a plane, whatever its level.

    Parameters
    ----------
    near : tuple of tuple of float
        Autocorrelation r(Δy, Δx) for Δy, Δx = 0 … `REACH`, the same for −Δy and −Δx; without what whole lines share.
    rows, columns : tuple of float
        Autocorrelation of what all pixels of a row, or of a column, have in common, over 0 … `REACH` rows or columns; empty:
        nothing. ``near[0][0] + rows[0] + columns[0]`` is 1.
    lengths : tuple of float
        Distances in pixels, along a row and along a column, over which what is shared falls to 1/e, as amplifiers drift;
        0: whole lines share it.
    """

    near: tuple[tuple[float, ...], ...]
    rows: tuple[float, ...] = ()
    columns: tuple[float, ...] = ()
    lengths: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> Self:
        """Build it from what `describe` returned."""
        near, lengths = tuple(tuple(row) for row in stored["near"]), tuple(stored.get("lengths", (0.0, 0.0)))
        return cls(near, tuple(stored["rows"]), tuple(stored["columns"]), lengths)

    def describe(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        told = {"near": [list(row) for row in self.near], "rows": list(self.rows), "columns": list(self.columns)}
        return told | ({"lengths": list(self.lengths)} if any(self.lengths) else {})

    def autocorrelation(self) -> NDArray[np.float64]:
        """Return r(Δy, Δx) for Δ = −`REACH` … `REACH`, with lines, 1 in the middle."""
        quadrant = np.array(self.near)
        along, down = (_falling(np.arange(REACH + 1), length) for length in self.lengths)
        if self.rows:
            quadrant += np.array(self.rows)[:, None] * along
        if self.columns:
            quadrant += np.array(self.columns) * down[:, None]
        distances = np.abs(np.arange(-REACH, REACH + 1))
        return np.asarray(quadrant[np.ix_(distances, distances)])

    def spectrum(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return the power spectrum of noise of level 1 on a plane, in the order of ``numpy.fft.fft2``; its mean is 1."""
        return self.near_spectrum(shape) + self.line_spectrum(shape)

    def near_spectrum(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return that of the noise which neighbours share."""
        down, across = (_cosines(length) for length in shape)
        quadrant = np.array(self.near)
        return _positive(down @ quadrant @ across.T, quadrant[0, 0])

    def line_spectrum(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Return that of the noise which rows and columns share; where whole ones do, it is all at their frequencies."""
        power = np.zeros(shape)
        if self.rows:
            across = _positive(_cosines(shape[0]) @ np.array(self.rows), self.rows[0])
            power += across[:, None] * _along(shape[1], self.lengths[0])
        if self.columns:
            across = _positive(_cosines(shape[1]) @ np.array(self.columns), self.columns[0])
            power += across * _along(shape[0], self.lengths[1])[:, None]
        return power

    def covariance(self, side: int) -> NDArray[np.float64]:
        """Return the covariance of the pixels of a square patch of noise of level 1, shape (side², side²)."""
        rows, columns = (place.ravel() for place in np.indices((side, side)))
        r = self.autocorrelation()
        return np.asarray(r[REACH + np.subtract.outer(rows, rows), REACH + np.subtract.outer(columns, columns)])

    def across(self, axis: int) -> Correlation:
        """Return that of the planes of a stack across Y (3) or X (4), as they lie along Z and the other axis; across Z (2): this.

        Planes along Z are taken to be independent. What a row of the stack's planes shares is shared by a row of the plane across
        Y that it lies in, and, seen across X, is one pixel's own; columns are the same, the other way round.
        """
        if axis == 2:
            return self
        lines, others = (self.rows, self.columns) if axis == 3 else (self.columns, self.rows)
        along = np.array(self.near[0] if axis == 3 else [row[0] for row in self.near])
        near = np.zeros((REACH + 1, REACH + 1))
        near[0] = along + (np.array(others) if others else 0.0)
        shared = (lines[0], *(0.0,) * REACH) if lines else ()
        return Correlation(tuple(map(tuple, near.tolist())), shared, (), (self.lengths[0 if axis == 3 else 1], 0.0))

    def words(self) -> str:
        """Say along which axes neighbours share noise."""
        if self.rows or self.columns:
            return " and ".join(
                f"{words} share some of it over about {length:.2g} pixels" if length else f"whole {words} share some of it"
                for lines, words, length in zip((self.rows, self.columns), ("rows", "columns"), self.lengths, strict=True)
                if lines
            )
        r = self.autocorrelation()
        across, down = float(r[REACH, REACH + 1]), float(r[REACH + 1, REACH])
        if min(across, down) > 0.3 * max(across, down):
            return f"neighbouring pixels correlate by {max(across, down):.2f}"
        axis, value = ("x", across) if abs(across) > abs(down) else ("y", down)
        return f"neighbours along {axis} correlate by {value:.2f}"


def _cosines(length: int) -> NDArray[np.float64]:
    """Return what takes an even autocovariance over 0 … `REACH` to the power at the frequencies of so many pixels."""
    cosines = np.cos(2 * np.pi * np.fft.fftfreq(length)[:, None] * np.arange(REACH + 1))
    cosines[:, 1:] *= 2
    return np.asarray(cosines)


def _falling(distance: NDArray[Any], length: float) -> NDArray[np.float64]:
    """Return how much of what a line shares pixels at a distance still share."""
    return np.exp(-distance / length) if length else np.ones(len(distance))


def _along(pixels: int, length: float) -> NDArray[np.float64]:
    """Return the power, along a line, of noise of variance 1 that its pixels share; its mean is 1."""
    number = np.arange(pixels)
    return np.maximum(np.fft.fft(_falling(np.minimum(number, pixels - number), length)).real, 0.0)


def _positive(power: NDArray[np.float64], mean: float) -> NDArray[np.float64]:
    """Return a power spectrum without values near or below 0, and with this mean."""
    power = np.maximum(power, DYNAMIC_RANGE * power.max())
    return np.asarray(power * (mean / power.mean()))


def draw_noise(like: Tensor, correlation: Correlation | None, generator: Generator) -> Tensor:
    """Draw Gaussian noise of standard deviation 1, white or correlated, of the shape and on the device of `like`."""
    white = torch.randn(like.shape, generator=generator)
    if correlation is None:
        return white.to(like)
    height, width = like.shape[-2:]
    power = torch.from_numpy(correlation.spectrum((height, width))[:, : width // 2 + 1]).float()
    return torch.fft.irfft2(torch.fft.rfft2(white) * power.sqrt(), s=(height, width)).to(like)
