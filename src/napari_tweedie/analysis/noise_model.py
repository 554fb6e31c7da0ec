"""Noise model of one image, from that image alone: gain, offset and read noise of a detector that counts photons.

The noise of a detector that counts photons has a variance that is affine in the clean value, ``gain · (clean − offset) +
read_noise²`` (Foi, Trimeche, Katkovnik, Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting for single-image
raw-data", IEEE TIP 17, 2008). Patches are grouped by the brightness of their surroundings, whose noise is not theirs; in each
group the noise variance is measured as in `noise_level`, and a line is laid through the groups that heeds outliers less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from napari_tweedie.analysis.noise_level import enough, looked_at, noise_variance, weakly_textured

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from napari_tweedie.degradations.correlation import Correlation

SIZE, FRAME = 6, 2  # side of a patch, and width of the frame around it, in pixels
MOST_PATCHES = 2**16
MOST_GROUPS, GROUP_SIZE = 24, 25 * SIZE**2  # groups of patches, and how many patches one should have
DARKEST = 0.01  # share of the patches, those with the darkest surroundings, whose mean counts as unlit
LEAST_SHARE = 1e-3  # photon noise counts at least this share of the read noise's variance: a gain of zero has no photons
ROUNDING = 1e-6  # noise counts at least this share of the range, about what float32 tells apart
ROUNDS = 30
FEWEST = 4  # groups below saturation without which the saturated ones count, too
SATURATED = 0.02  # share of a group's pixels at which the detector saturates, from which on their variance is too low
FEW, PILED = 20, 3  # pixels of the largest grey level, and how many times those of the next one, that tell of saturation


@dataclass(frozen=True)
class NoiseFit:
    """What was found, in grey levels, and the points that it was found from.

    Parameters
    ----------
    gain : float
        Grey levels per photon, > 0.
    offset : float
        Grey level without light. Brightness and variance alone do not tell it from read noise: unless it is given, the
        darkest parts of the image count as unlit. If they are not, offset and read noise come out too high together, which
        leaves the variance at every brightness, and so the stabilised image, as it is.
    read_noise : float
        Standard deviation without light, ≥ 0.
    means, variances : tuple of float
        Mean and noise variance of every group of patches, from dark to bright.
    """

    gain: float
    offset: float
    read_noise: float
    means: tuple[float, ...]
    variances: tuple[float, ...]

    def variance(self, brightness: float) -> float:
        """Return the variance of the noise where the clean image has this grey level."""
        return self.gain * max(brightness - self.offset, 0.0) + self.read_noise**2


def fit_noise(
    planes: Sequence[NDArray[Any]],
    gain: float | None = None,
    offset: float | None = None,
    read_noise: float | None = None,
    correlation: Correlation | None = None,
) -> NoiseFit:
    """Fit the noise of some planes of one channel; what is given is kept.

    Parameters
    ----------
    planes
        2-D arrays (Y, X) of any real dtype. NaN, infinite and exactly constant regions are set aside; in planes that hold one
        value only, as an empty channel does, there is no noise.
    gain, offset, read_noise : float, optional
        What is known, in grey levels.
    correlation : Correlation, optional
        How neighbouring pixels share noise; None: not at all.

    Raises
    ------
    ValueError
        If the planes are too small, or too uniform in their values, to measure noise on.
    """
    if (value := _constant(planes)) is not None:
        zero = value if offset is None else offset
        return NoiseFit(1.0 if gain is None else gain, zero, 0.0 if read_noise is None else read_noise, (value,), (0.0,))
    means, variances, weights, darkest = _points(planes, None if correlation is None else correlation.covariance(SIZE))
    zero = darkest if offset is None else offset
    known = np.array([np.nan if gain is None else gain, np.nan if read_noise is None else read_noise**2])
    lit = np.maximum(means - zero, 0.0)
    slope, unlit = fit_line(lit, variances, weights, known)
    strongest = float(variances.max())
    light = max(float(lit.max()), strongest**0.5, np.finfo(float).tiny)  # less light than noise tells nothing of the gain
    least = LEAST_SHARE * max(unlit, strongest * LEAST_SHARE) / light
    return NoiseFit(
        float(max(slope, least)) if gain is None else gain, float(zero), float(unlit**0.5), _floats(means), _floats(variances)
    )


def _constant(planes: Sequence[NDArray[Any]]) -> float | None:
    """Return the one value that planes hold, None if there are several or none."""
    finite = [plane[np.isfinite(plane)] for plane in planes]
    ends = [(float(values.min()), float(values.max())) for values in finite if values.size]
    low, high = min((low for low, _ in ends), default=0.0), max((high for _, high in ends), default=1.0)
    return low if low == high else None


def _points(
    planes: Sequence[NDArray[Any]], covariance: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float]:
    """Return mean, noise variance and weight of every group of patches, and the mean of the darkest patches."""
    parts = [_patches(plane, MOST_PATCHES // len(planes)) for plane in planes]
    patches, around, half = (np.concatenate(part) for part in zip(*parts, strict=True))
    full = _saturation(planes)
    groups = min(MOST_GROUPS, len(patches) // GROUP_SIZE)
    if groups < 2:
        raise ValueError(f"gain and read noise cannot be estimated from so few patches ({len(patches)}): give them")
    brightest = np.quantile(around, 0.999)
    order = around.argsort().argsort()
    level = np.clip((around - around.min()) / max(brightest - around.min(), np.finfo(float).tiny), 0, 1)
    group = np.minimum((groups / 2 * (order / len(order) + level)).astype(int), groups - 1)  # even in number and in brightness
    saturated, found = [], []
    for number in range(groups):
        chosen = group == number
        if not enough(half[chosen], SIZE**2):
            continue
        saturated.append((patches[chosen] >= full).mean() > SATURATED)
        chosen[chosen] = weakly_textured(patches[chosen], half[chosen], covariance)
        found.append((patches[chosen].mean(), noise_variance(patches[chosen], half[chosen], covariance), chosen.sum()))
    below = [point for point, full_of in zip(found, saturated, strict=True) if not full_of]
    points = below if len(below) >= FEWEST else found
    if len(points) < 2:
        raise ValueError("gain and read noise cannot be estimated from an image that is almost constant: give them")
    means, variances, counts = np.array(points).T
    variances = np.maximum(variances, (ROUNDING * float(np.ptp(patches))) ** 2)
    darkest = patches[order < max(1, DARKEST * len(order))].mean()
    return means, variances, np.sqrt(np.minimum(counts, counts.mean())), float(darkest)


def _saturation(planes: Sequence[NDArray[Any]]) -> float:
    """Return the level at which the detector saturates: that of far more pixels than the next one; infinity if there is none.

    Where the smallest level is as frequent, too, strong noise was cut off at both ends, and nothing tells where noise is weak.
    """
    finite = np.concatenate([plane[np.isfinite(plane)] for plane in planes])
    dark, bright = np.quantile(finite, (0.1, 0.9))
    both = _is_piled(-finite[finite <= dark].astype(np.float64))
    return float(finite.max()) if _is_piled(finite[finite >= bright]) and not both else np.inf


def _is_piled(values: NDArray[Any]) -> bool:
    """Tell whether far more values are the largest one than the next."""
    _, counts = np.unique(values, return_counts=True)
    return bool(counts[-1] > max(FEW, PILED * (counts[-2] if len(counts) > 1 else 0)))


def _patches(plane: NDArray[Any], most: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Return patches (N, SIZE * SIZE), the mean of the frame around each, and which half of the plane it lies in."""
    side = SIZE + 2 * FRAME
    if min(plane.shape) < side:
        return np.empty((0, SIZE**2)), np.empty(0), np.empty(0, bool)
    windows = sliding_window_view(plane, (side, side))
    count = windows.shape[0] * windows.shape[1]
    rows, columns = np.unravel_index(looked_at(count, most), windows.shape[:2])
    squares = windows[rows, columns].astype(np.float64)
    usable = np.isfinite(squares).all((1, 2)) & (np.ptp(squares, axis=(1, 2)) > 0)
    squares = squares[usable]
    patches = squares[:, FRAME:-FRAME, FRAME:-FRAME]
    around = (squares.sum((1, 2)) - patches.sum((1, 2))) / (side**2 - SIZE**2)
    half = (rows // (2 * SIZE) + columns // (2 * SIZE)) % 2 == 0
    return patches.reshape(-1, SIZE**2), around, half[usable]


def fit_line(
    lit: NDArray[np.float64], variances: NDArray[np.float64], weights: NDArray[np.float64], known: NDArray[np.float64]
) -> tuple[float, float]:
    """Return slope and intercept, both ≥ 0, of variance against light; what is known of them, not NaN, is kept, the rest fitted.

    Relative errors count, as the standard error of a variance is proportional to it, and beyond 1.5 times their usual size
    only linearly (iteratively reweighted least squares).
    """
    from scipy.optimize import nnls

    columns = np.stack([lit, np.ones_like(lit)], 1)
    free = np.isnan(known)
    line = np.where(free, 0.0, known)
    if not free.any():
        return float(line[0]), float(line[1])
    rest, floor = variances - columns @ line, 1e-3 * max(float(variances.max()), np.finfo(float).tiny)
    expected = np.maximum(variances, floor)
    damping = np.ones_like(variances)
    for _ in range(ROUNDS):
        relative = weights * damping / expected
        line[free], _ = nnls(columns[:, free] * relative[:, None], rest * relative)
        expected = np.maximum(columns @ line, floor)
        errors = np.abs(variances - columns @ line) / expected
        usual = 1.4826 * float(np.median(errors))
        damping = np.sqrt(1.5 * usual / np.maximum(errors, max(1.5 * usual, 1e-12)))
    return float(line[0]), float(line[1])


def _floats(values: NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(float(f"{value:.6g}") for value in values)
