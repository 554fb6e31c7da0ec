"""Noise of a blurred image: what is finer than its blur lets pass is noise alone, and every pixel tells of it.

The noise of an image of anything has to be measured where the image is plain, and small bright objects have hardly such places.
Blurred images are plain everywhere at the size of a pixel: fourth differences along both axes leave their noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

DIFFERENCES = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / np.sqrt(70.0)
"""Fourth differences, of white noise of variance one of variance one."""
SLOPE = 2.4
"""Power of images falls as frequency to the power of −2.4."""
LEAST_NOISE = 20.0
"""How many times more noise than detail fourth differences must leave."""
AVERAGED = float((DIFFERENCES**4).sum())
"""Spread of the brightness around a pixel, a mean with the weights of variances in a difference, over that of its noise."""
LEVELS, STEP, FEWEST = 40, 8.0, 64
"""Groups of pixels by brightness: how many, how far apart in standard deviations of it, and how many pixels one has at least."""
FAR = 4.0
"""Standard deviations from which on a pixel is no noise."""
SHARED = 7.0
"""Pixels that count as one, as neighbours share differences."""
SURE, GROWS = 12.0, 1.25
"""Logarithm of a ratio of likelihoods from which on noise grows with brightness for sure, and by how much that matters."""
DARK, WIDTH = 0.25, 1.5
"""Share of the pixels that a dark ground has at least, and how many standard deviations of their means its darkest twentieth lies
below their end: less than one, if they are alike."""
ABOVE = 1.645
"""Standard deviations by which the darkest twentieth lies below the mean."""
LIT = 0.5
"""How far below a dark ground the level without light is taken to be, in standard deviations of its noise: what counts as read
noise may be light, and a level that is too high cuts off what is dark, by up to 2.4 dB; one as much too low costs 0.1."""
BELOW = 0.25
"""How far below the darkest pixels the level without light is looked for, as a share of the range."""
ROUNDS, FITS = 4, 30


@dataclass(frozen=True)
class NoiseLaw:
    """Variance of noise over brightness, in grey levels: ``gain · (u − offset) + read_noise²``.

    Parameters
    ----------
    gain : float
        Grey levels per photon; 0 where the noise is the same everywhere.
    offset : float
        Grey level without light: a little below that of a dark ground, else the lowest that explains the variance, so that
        nothing counts as dark that may be lit.
    read_noise : float
        Standard deviation there.
    level : float
        Root mean square of the noise over all pixels.
    growth : float
        Variance where the image is brightest over that where it is darkest.
    means, variances : tuple of float
        What it was found from: brightness and variance of groups of pixels, dark to bright.
    """

    gain: float
    offset: float
    read_noise: float
    level: float
    growth: float
    means: tuple[float, ...]
    variances: tuple[float, ...]

    @property
    def is_of_photons(self) -> bool:
        """Whether it grows with brightness for certain, and noticeably."""
        return self.growth > GROWS


def law_of_noise(planes: Sequence[NDArray[Any]], kernel: NDArray[Any]) -> NoiseLaw | None:
    """Return the law of the noise of blurred planes; None where the blur leaves too much detail, or there are few pixels.

    Parameters
    ----------
    planes
        2-D arrays (Y, X) of any real dtype; missing pixels are NaN. Their noise is white.
    kernel : array
        The blur, ([Z,] Y, X).
    """
    pairs = [_squares(plane) for plane in planes]
    light, squares = (np.concatenate(part) for part in zip(*pairs, strict=True)) if pairs else (np.empty(0),) * 2
    if len(light) < 8 * FEWEST or float(np.ptp(light)) == 0 or float(squares.max()) == 0:
        return None
    contrast = float(np.mean([np.nanvar(plane) for plane in planes]))
    if LEAST_NOISE * detail(kernel) * contrast > float(squares.mean()):
        return None
    order = np.argsort(light)
    light, squares = light[order], squares[order]
    gain, constant = 0.0, float(squares.mean())
    for _ in range(ROUNDS):
        starts = _groups(light, gain, constant)
        size = np.diff([*starts, len(light)])
        near = squares < FAR**2 * (gain * light + constant)
        count = np.maximum(np.add.reduceat(near.astype(float), starts), 1.0)
        means = np.add.reduceat(light, starts) / size
        variances = np.add.reduceat(np.where(near, squares, 0.0), starts) / count
        gain, constant = _line(means, variances, count)
    expected = gain * means + constant
    flat = float((count * variances).sum() / count.sum())
    ratio = float((count / SHARED * (np.log(flat / expected) + variances / flat - variances / expected)).sum() / 2)
    points = (tuple(means.tolist()), tuple(variances.tolist()))
    if ratio < SURE or gain <= 0:
        return NoiseLaw(0.0, float(light[0]), flat**0.5, flat**0.5, 1.0, *points)
    offset = _unlit(light, float(expected[0]) ** 0.5, -constant / gain)
    read_noise = max(gain * offset + constant, 0.0) ** 0.5
    return NoiseLaw(gain, offset, read_noise, flat**0.5, float(expected[-1] / expected[0]), *points)


def detail(kernel: NDArray[Any]) -> float:
    """Return the variance that fourth differences leave of a blurred image of variance one whose power falls with frequency."""
    n = 64
    frequencies = np.meshgrid(*(np.fft.fftfreq(n if side > 1 else 1) for side in kernel.shape), indexing="ij")
    distance = np.sqrt(sum(f**2 for f in frequencies))
    power = np.where(distance > 0, np.maximum(distance, 1 / n) ** -(SLOPE + kernel.ndim - 2), 0.0)
    fine = np.prod([(2 - 2 * np.cos(2 * np.pi * f)) ** 4 / 70 for f in frequencies[-2:]], axis=0)
    grid = np.zeros(distance.shape)
    np.add.at(grid, tuple(place % m for place, m in zip(np.indices(kernel.shape), grid.shape, strict=True)), kernel)
    return float((power * np.abs(np.fft.fftn(grid)) ** 2 * fine).sum() / (power.sum() * kernel.sum() ** 2))


def _squares(plane: NDArray[Any]) -> tuple[Array, Array]:
    """Return the square of every fourth difference, and the brightness that goes with it: weighted as variances are in it."""
    from scipy.ndimage import convolve1d, uniform_filter

    values = np.asarray(plane, np.float64)
    if min(values.shape) < 2 * len(DIFFERENCES):
        return np.empty(0), np.empty(0)
    there = np.isfinite(values)
    known = np.where(there, values, 0.0)
    fine, light = known, known
    for axis in (0, 1):
        fine, light = convolve1d(fine, DIFFERENCES, axis), convolve1d(light, DIFFERENCES**2, axis)
    inner: Any = (slice(2, -2),) * 2
    complete = uniform_filter(there.astype(float), len(DIFFERENCES))[inner] > 1 - 1e-6
    return light[inner][complete], (fine[inner] ** 2)[complete]


def _groups(light: Array, gain: float, constant: float) -> list[int]:
    """Return where groups of about equal brightness begin among pixels that are sorted by it.

    They are `STEP` standard deviations of the brightness wide, by the law so far, so that few pixels get into a wrong one.
    """
    variance = np.maximum(gain * light + constant, 1e-3 * (gain * light[-1] + constant))
    level = np.concatenate([[0.0], np.cumsum(np.diff(light) / (AVERAGED * np.sqrt(variance[1:])))])
    starts = [0]
    for edge in np.searchsorted(level, np.arange(1, LEVELS) * max(STEP, float(level[-1]) / LEVELS)):
        if edge - starts[-1] >= FEWEST and len(light) - edge >= FEWEST:
            starts.append(int(edge))
    return starts


def _unlit(light: Array, noise: float, least: float) -> float:
    """Return the level without light, at least `least`: that of a dark ground, where pixels differ by noise alone.

    That ground may be lit a little, so that the level is a little lower. Elsewhere blur has lit the darkest pixels, too, and
    it is `least`, unless that is far below them.
    """
    spread, low = noise * AVERAGED, float(light[len(light) // 20])
    if float(light[int(DARK * len(light))]) - low < WIDTH * spread:
        return max(least, float(np.median(light[light < low + 2 * ABOVE * spread])) - LIT * noise)
    darkest = float(light[: max(1, len(light) // 100)].mean())
    return min(max(least, darkest - BELOW * float(light[-1] - darkest)), darkest)


def _line(means: Array, variances: Array, count: Array) -> tuple[float, float]:
    """Return slope ≥ 0 and intercept of the variance, positive at every brightness, by least squares of relative errors."""
    from scipy.optimize import nnls

    expected = np.full_like(variances, float((count * variances).sum() / count.sum()))
    floor = 1e-3 * float(expected[0])
    columns = np.stack([means - means[0], np.ones_like(means)], 1)
    for _ in range(FITS):
        weights = np.sqrt(count) / expected
        line, _ = nnls(columns * weights[:, None], variances * weights)
        expected = np.maximum(columns @ line, floor)
    slope, least = float(line[0]), max(float(line[1]), floor)
    return slope, least - slope * float(means[0])
