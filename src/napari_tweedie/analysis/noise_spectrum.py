"""Measurement of how the noise of an image correlates, from the image alone.

Small blocks are taken to frequencies by the discrete cosine transform. Noise that is the same everywhere has the same power in
every block; the image adds some of its own, to all frequencies of a block or to none. So the power of one half of the
coefficients is averaged over the blocks in which the other half shows no more power than noise alone would: as coefficients of
noise do not know each other, that choice leaves its mean as it is. (After the block-wise estimates of Ponomarenko et al. 2007 and
Pyatykh, Hesser, Zheng 2013; the exchange of halves is ours.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from napari_tweedie.analysis.line_noise import SIDE, TAPER, kernel, shared_by_rows
from napari_tweedie.analysis.noise_beneath import RINGS, noise_beneath, spread_of
from napari_tweedie.analysis.scanned_noise import texture_beside, without_texture
from napari_tweedie.degradations.correlation import REACH, Correlation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MOST_BLOCKS = 2**13
LEAST_BLOCKS = 32
FLATTEST = 0.02
"""Share of the blocks, the flattest, that are taken for noise at first."""
SPREAD = 2.0
"""Standard deviations by which the power of a block of noise alone may exceed the mean."""
STRONG = 0.03
"""Coefficients with less than this share of the largest power tell little of noise: the image is seen there, not the noise."""
STEP, STEP_OF_FEW = 7, 5
"""Pixels from block to block, and where there are few: odd, as noise of enlarged images repeats every other pixel."""
OVERLAP_MORE = 2**15
"""Pixels of a plane below which there are few."""
EMPTY = 1e-6
"""The least power next to the mean; enlarged images have frequencies without any."""
CLIPPED = 0.1
"""Share of the pixels of a block that may have the least or the largest value of the plane."""

SLOW = 0.1
"""Weight of the slowest coefficients: they hold most of the image."""

_ROWS, _COLUMNS = np.indices((SIDE, SIDE))
_RADIUS = np.hypot(_ROWS, _COLUMNS)
_INNER = _RADIUS >= 2
"""Coefficients that slow changes of brightness do not reach."""
_HALF = (_ROWS // 2 + _COLUMNS // 2) % 2 == 0
_FAST, _FASTEST = (_ROWS >= 5) & (_ROWS < 10) & (_COLUMNS >= 7), (_ROWS >= 11) & (_COLUMNS >= 7)
_LOW = (_RADIUS >= 4) & (_RADIUS < 8)
_HIGH = _RADIUS >= 14
_ROWS_ALONE, _BESIDE_ROWS = (_ROWS >= 8) & (_COLUMNS == 0), (_ROWS >= 8) & (_COLUMNS >= 1) & (_COLUMNS <= 3)
_ACROSS = (_ROWS >= 4) & (_ROWS < 8) & (_COLUMNS >= 12)
_FINE, _FINEST = (_RADIUS >= 14) & (_RADIUS < 17), _RADIUS >= 20
ALIKE, FALLS = 1.15, 2.2
"""Up to these ratios noise is as strong along both axes, and at the finest detail as beside it. Texture of electron micrographs
had 1.02 to 1.17 and 1.0 to 2.1; blurred and enlarged noise falls by 2.5 to 17, and OCT's differs by 1.17 to 1.5."""
IN_DOUBT = 0.8
"""How much of the noise found beneath texture is taken for it: the finest detail holds some texture, too."""
EVEN, COARSE_RINGS, FALLS_EVENLY = 1.25, slice(6, 12), 1.8
"""How much the power of coarse and middling detail may vary from block to block, next to that of noise, to be as even as that of
noise, and the ratio then: texture that falls so far differs from place to place, by 1.5 to 3."""
FALLS_BESIDE_TEXTURE = 4.0
"""The same where texture was seen; noise blurred by half a pixel falls by 6.8."""
FAST_LIMIT, LOW_LIMIT = (1.08, 0.01, 6.0), (6.0, 0.1, 10.0)
"""Power next to that of finer detail beyond which noise is not white: a + b / share² + c / blocks that are noise alone."""
_PATTERNED = (_RADIUS >= 2) & (_RADIUS < 8)
NO_PATTERN = 2.6
"""Kurtosis below which the same pattern is in all blocks; noise stayed above 2.8, waves of one length had 2.3."""
SURE, MOST_RAISED = 0.3, 1.1
LINES_LIMIT = (1.4, 5.0)
"""Power that lines have more than what lies beside: a + b standard errors."""
ALMOST_ALL = 0.7
"""Share of the blocks that are noise alone from which on what lines share is noise for sure. White noise on 97 photographs,
micrographs and textures never looked so."""
LEAST_SHARE, LEAST_ALIKE = 0.05, 5.0
"""Where a smaller share of the blocks, or fewer, look alike there may be texture instead of noise: it is taken for white."""


@dataclass(frozen=True)
class NoiseSpectrum:
    """The power of the noise of an image at the frequencies of small blocks.

    Parameters
    ----------
    power : array
        Variance of the coefficients of the discrete cosine transform, shape (16, 16), in squared units of the image.
    share : float
        Share of the blocks that look like noise of this power alone.
    blocks : float
        How many blocks that do not overlap these are.
    """

    power: NDArray[np.float64]
    share: float
    blocks: float
    tails: NDArray[np.float64]
    """Kurtosis of every coefficient over these blocks: 3 for noise, less for a pattern that repeats."""
    textured: bool
    """Whether power that only texture can have was left out."""
    even: bool
    """Whether coarse and middling detail is as strong in one block as in another, as noise is."""
    white_along: int | None = None
    """The axis along which the noise of a scanner is white, where slow changes hold texture, which was left out; or None."""

    @classmethod
    def of(cls, planes: Sequence[NDArray[Any]], darkest: float = -np.inf) -> NoiseSpectrum | None:
        """Measure planes (Y, X) whose noise is the same everywhere; None if they are too small, or constant.

        Blocks with a mean below `darkest` are left out where others are enough.
        """
        energy = _energies(np.concatenate([_blocks(plane, MOST_BLOCKS // len(planes), darkest) for plane in planes]))
        pixels = sum(plane.size for plane in planes)
        if len(energy) < LEAST_BLOCKS or not energy[:, _INNER].any():
            return None
        power, shares, tails, spread = np.ones((SIDE, SIDE)), [], np.empty((SIDE, SIDE)), np.zeros(RINGS)
        for half in (_HALF, ~_HALF):
            found = _flat(energy, _INNER & ~half)
            power[half] = energy[found][:, half].mean(0)
            tails[half] = (energy[found][:, half] ** 2).mean(0) / np.maximum(power[half], 1e-30) ** 2
            spread += spread_of(energy[found], power, half) / 2
            shares.append(float(found.mean()))
        share = min(shares)
        blocks = share * min(len(energy), pixels / SIDE**2)
        mean = power[_INNER].mean()
        if not mean > 0:
            return None
        power = np.maximum(power, EMPTY * mean)
        axis = texture_beside(power)
        if axis is not None:
            return cls(without_texture(power, axis), share, blocks, tails, False, False, axis)
        measured = cls(power, share, blocks, tails, False, bool(spread[COARSE_RINGS].mean() < EVEN))
        if measured.even and not measured._is_texture:
            return measured
        beneath = noise_beneath(power, spread)
        return replace(measured, power=beneath, textured=bool((beneath < power).any()))

    @property
    def is_white(self) -> bool:
        """Whether every pixel may have its own noise, but for offsets of whole lines, which texture resembles in a block."""
        if self.share < LEAST_SHARE or self.blocks < LEAST_ALIKE:
            return True
        if (self.tails * self.power)[_PATTERNED].sum() < NO_PATTERN * self.power[_PATTERNED].sum():
            return True
        bands = ((_FAST, _FASTEST, FAST_LIMIT), (_FAST.T, _FASTEST.T, FAST_LIMIT), (_LOW, _HIGH, LOW_LIMIT))
        smooth = any(
            self.power[band].mean() > (a + b / self.share**2 + c / self.blocks) * self.power[finer].mean()
            for band, finer, (a, b, c) in bands
        )
        return not smooth or self._is_texture

    @property
    def _is_texture(self) -> bool:
        """Whether what exceeds white noise may be texture all over the image: alike along both axes, on a floor that is white.

        Noise that was resampled, smoothed or compressed falls to the finest detail; a scanner's differs between the axes.
        """
        across, down = (float(self.power[place].mean()) for place in (_ACROSS, _ACROSS.T))
        alike = 1 / ALIKE < across / down < ALIKE
        falls = FALLS_BESIDE_TEXTURE if self.textured else FALLS_EVENLY if self.even else FALLS
        return alike and bool(self.power[_FINE].mean() < falls * self.power[_FINEST].mean())

    @property
    def has_rows(self) -> bool:
        """Whether the pixels of a row share some of their noise."""
        return not self.textured and self._has_lines(_ROWS_ALONE, _BESIDE_ROWS)

    @property
    def has_columns(self) -> bool:
        """Whether the pixels of a column share some of their noise."""
        return not self.textured and self._has_lines(_ROWS_ALONE.T, _BESIDE_ROWS.T)

    @property
    def has_lines_for_sure(self) -> bool:
        """Whether the pixels of a row or column share noise where hardly a block is texture."""
        return self.share >= ALMOST_ALL and (self.has_rows or self.has_columns)

    def _has_lines(self, alone: NDArray[np.bool_], beside: NDArray[np.bool_]) -> bool:
        error = (2 / (alone.sum() * self.blocks)) ** 0.5
        return bool(self.power[alone].mean() > (LINES_LIMIT[0] + LINES_LIMIT[1] * error) * self.power[beside].mean())

    @property
    def raised(self) -> float:
        """By how much noise that was brought to level 1, if it is white, is stronger still; 1 where that is not certain.

        The least directions of patches miss what noise has in the others: a tenth of its variance on some micrographs.
        """
        level = float(self.power[_RADIUS >= 8].mean() ** 0.5)
        return level if self.share >= SURE and 1 < level < MOST_RAISED else 1.0

    def correlation(self) -> tuple[Correlation, float]:
        """Return the autocorrelation and the noise level, in units of the image, by least squares.

        The variance of every coefficient is linear in the autocovariance. Relative errors count; the slowest coefficients,
        which hold most of the image, count less or not at all.
        """
        trusted = np.where(_RADIUS < 4, SLOW, 1.0) * _INNER
        if self.has_rows:
            trusted = trusted * (_COLUMNS > 0)
        if self.has_columns:
            trusted = trusted * (_ROWS > 0)
        power = self._extrapolated()
        lengths, rows, columns = [0.0, 0.0], np.zeros(0), np.zeros(0)
        if self.has_rows:
            lengths[0], rows, drift = shared_by_rows(self.power, self.blocks)
            power = np.maximum(power - drift, EMPTY * power)
        if self.has_columns:
            lengths[1], columns, drift = shared_by_rows(self.power.T, self.blocks)
            power = np.maximum(power - drift.T, EMPTY * power)
        weights = trusted / np.maximum(power, STRONG / 3 * power[_INNER].max())
        along = kernel()
        design = np.einsum("ui,vj->uvij", along, along).reshape(SIDE**2, -1) * weights.reshape(-1, 1)
        distance = np.hypot(*np.indices((REACH + 1, REACH + 1))).ravel()
        penalty = np.diag(0.02 * distance**2 / power[_INNER].mean())
        target = np.concatenate([(power * weights).ravel(), np.zeros(len(penalty))])
        solution = np.linalg.lstsq(np.vstack([design, penalty]), target, rcond=None)[0]
        near = solution.reshape(REACH + 1, REACH + 1) * TAPER[:, None] * TAPER
        variance = near[0, 0] + sum(float(line[0]) for line in (rows, columns) if line.size)
        lines = (_rounded(rows / variance), _rounded(columns / variance))
        shape = Correlation(tuple(map(_rounded, near / variance)), *lines, (lengths[0], lengths[1]))
        return shape, float(variance**0.5) * (IN_DOUBT if self.textured else 1.0)

    def _extrapolated(self) -> NDArray[np.float64]:
        """Return the power, at slow coefficients no more than what the logarithm's slope over squared frequencies leads to.

        The image, strongest there, is seen even in the flattest blocks; noise that a smooth kernel blurred has such a slope.
        """
        beside = (_RADIUS >= 5) & (_RADIUS < 9) & (_ROWS > 0) & (_COLUMNS > 0)
        terms = np.stack([np.ones_like(_RADIUS), _ROWS**2, _COLUMNS**2], -1)
        slope = np.linalg.lstsq(terms[beside], np.log(self.power[beside]), rcond=None)[0]
        slope[1:] = np.minimum(slope[1:], 0)
        slope[0] = np.mean(np.log(self.power[beside]) - terms[beside][:, 1:] @ slope[1:])
        return np.where(_RADIUS < 5, np.minimum(self.power, np.exp(terms @ slope)), self.power)


def _rounded(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.4g}") for value in values)


def _least(values: NDArray[np.floating], limit: float, among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which values are within a limit, or, where these are too few, the least of some."""
    if not among.any():
        return among
    enough = np.partition(values[among], min(int(among.sum()) - 1, 2 * LEAST_BLOCKS))[2 * LEAST_BLOCKS :][:1]
    return np.asarray(values <= max(limit, *enough, *(values[among].max(),) * (not enough.size)))


def power_of_blocks(planes: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the means (N,) of blocks of some planes, and the squared coefficients of each (N, 16, 16)."""
    blocks = np.concatenate([_blocks(plane, MOST_BLOCKS // len(planes), -np.inf) for plane in planes])
    return np.asarray(blocks.mean((1, 2), dtype=np.float64)), _energies(blocks)


def _energies(blocks: NDArray[Any]) -> NDArray[np.float64]:
    from scipy.fft import dctn

    return np.asarray(dctn(blocks, axes=(1, 2), norm="ortho") ** 2, np.float64)


def _blocks(plane: NDArray[Any], most: int, darkest: float) -> NDArray[Any]:
    """Return blocks of a plane that overlap by half, or by more where there are few; (N, 16, 16)."""
    if min(plane.shape) < SIDE:
        return np.empty((0, SIDE, SIDE))
    windows = sliding_window_view(plane, (SIDE, SIDE))
    step = STEP if len(windows) * windows.shape[1] >= OVERLAP_MORE else STEP_OF_FEW
    windows = windows[::step, ::step]
    rows, columns = np.unravel_index(
        np.unique(np.linspace(0, windows.shape[0] * windows.shape[1] - 1, most).astype(int)), windows.shape[:2]
    )
    finite = plane[np.isfinite(plane)]
    if finite.size == 0:
        return np.empty((0, SIDE, SIDE))
    extent = float(np.ptp(finite))
    blocks = windows[rows, columns].astype(np.float32 if 1e-15 < extent < 1e15 else np.float64)  # squares must be numbers
    usable = np.isfinite(blocks).all((1, 2)) & (np.ptp(blocks, axis=(1, 2)) > 0)
    clipped = ((blocks == finite.min()) | (blocks == finite.max())).mean((1, 2))
    blocks = blocks[usable & _least(clipped, CLIPPED, usable)]
    dark = -blocks.mean((1, 2))
    return np.asarray(blocks[_least(dark, -darkest, np.ones(len(blocks), bool))])


def _flat(energy: NDArray[np.float64], looked_at: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which blocks show no more power in some coefficients than noise alone would."""
    energy = energy[:, looked_at]
    least = min(len(energy), max(LEAST_BLOCKS, int(FLATTEST * len(energy))))
    power = np.maximum(np.quantile(energy, 0.1, axis=0) / 0.0158, 1e-12 * energy.mean())  # of a squared normal variable
    flat = np.ones(len(energy), bool)
    for turn in range(7):
        strong = power >= STRONG * np.quantile(power, 0.95)
        score = (energy[:, strong] / power[strong]).mean(1)
        if turn < 3:
            flat = score <= np.partition(score, least - 1)[least - 1]
        else:
            flatter = score <= 1 + SPREAD * (2 / strong.sum()) ** 0.5
            if flatter.sum() <= least or (flatter == flat).all():
                break
            flat = flatter
        power = np.maximum(energy[flat].mean(0), 1e-9 * max(energy[flat].mean(), energy.mean()))
    return flat
