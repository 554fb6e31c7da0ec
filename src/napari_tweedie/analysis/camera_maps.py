"""Camera maps from frames without light and of even light: offset, gain and read variance of every pixel, by photon transfer.

Frames without light have the mean `offset` and the `read variance`. Frames of even light k have a mean above the offset,
b_k, and a variance above the read variance, a_k, and photons make ``a_k = gain · b_k``: the slope is fitted by least squares,
weighted by what the variance of a variance is,
``2 σ⁴ / (N − 1)`` (Janesick, "Photon Transfer", 2007; for every pixel of an sCMOS camera:
Huang et al., Nature Methods 10, 2013). Some hundred frames leave the gain of a pixel with an error of some per cent, as much as
gains differ: what all pixels tell of the spread of true gains, and of how gain goes with response, is the prior of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_tweedie.core.cancellation import cancellation_point
from napari_tweedie.images.arrays import LARGEST, fetched

STRIP = 2**24
"""Pixels of frames that are looked at together."""
FEWEST = 8
"""Frames that a variance needs."""
OUTLIER = 6.0
"""Standard deviations from its median beyond which a pixel of a frame was hit by a cosmic ray."""
LAMP = 16.0
"""Standard deviation, in pixels, of the window in which light is even."""
BRIGHT = 0.95
"""Share of the largest grey level from which on a pixel may be saturated."""
CURVED = 0.05
"""Relative difference of the gain by single intensities from which on the camera counts as not linear."""

SQUARED = 1e-100
"""Least number whose square can be divided by."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CameraMaps:
    """What was found, in grey levels of the camera.

    Parameters
    ----------
    offset, gain, variance : array
        Mean without light, grey levels per photon, and variance without light, shape (Y, X).
    errors : dict of str to float
        Their standard errors, the median over all pixels.
    notes : list of str
        What was found, and how well it is known, a sentence each.
    """

    offset: Array
    gain: Array
    variance: Array
    errors: dict[str, float]
    notes: list[str]

    @property
    def maps(self) -> NDArray[np.float32]:
        """Offset, gain and variance, shape (3, Y, X): the ``maps`` of the noise model *camera*."""
        return np.stack([self.offset, self.gain, self.variance]).astype(np.float32)

    @property
    def noise(self) -> dict[str, Any]:
        """The noise model of this camera, as `nt.denoise` and the others take it."""
        return {"name": "camera", "maps": self.maps}


def find_camera_maps(dark: Any, flats: Sequence[Any]) -> CameraMaps:
    """Find the maps of a camera.

    Parameters
    ----------
    dark : array-like
        Frames without light, shape (N, Y, X), of any kind that can be sliced; 100 and more are good.
    flats : sequence of array-like
        For each intensity of even light, frames of the same size; two to six intensities of 100 and more frames each are good,
        the brightest at about half of what saturates. Light may flicker from frame to frame, and need not be even over the field.

    Raises
    ------
    ValueError
        If there are too few frames, their sizes differ, or no light is left that does not saturate.
    """
    stacks = {"dark frames": dark, **{f"flat frames {n + 1}": flat for n, flat in enumerate(flats)}}
    _check(stacks)
    if not flats:
        raise ValueError("camera maps need frames of even light, of one intensity at least")
    count = len(dark)
    offset, variance = _moments(dark, None)
    read, read_error = _shrunk_variance(variance, count)
    points = []
    for flat in flats:
        mean, total = _moments(flat, offset)
        points.append((mean - offset, total, len(flat), mean))
    ceiling = _ceiling([dark, *flats])
    kept = [point for point in points if np.median(point[3]) < BRIGHT * ceiling and np.median(point[0]) > 0]
    if not kept:
        raise ValueError(
            "no frames of even light are brighter than the dark ones without saturating: take them at half the range"
        )
    slopes, errors = _slopes(kept, variance, ceiling)
    gain, gain_error = _shrunk_gain(slopes, errors, _response(kept))
    middle = float(np.median(gain))
    found = {
        "offset": float(np.median(np.sqrt(variance / count))),
        "gain": gain_error,
        "variance": read_error,
    }
    spread = 1.4826 * float(np.median(np.abs(gain - middle)))
    photons = float(np.median(np.sqrt(read))) / middle
    notes = [
        f"Gain {middle:.4g} grey levels a photon (pixels differ by {spread / middle:.1%}; that of a pixel is known to "
        f"{gain_error / middle:.1%}).",
        f"Offset {float(np.median(offset)):.4g} grey levels (each known to {found['offset']:.2g}).",
        f"Read noise {photons:.3g} photons at the median, {float(np.sqrt(np.percentile(read, 99))) / middle:.3g} in the noisiest "
        f"per cent (from {count} frames known to {np.sqrt(1 / (2 * (count - 1))):.0%} a pixel).",
    ]
    if len(kept) < len(points):
        notes.append(f"{len(points) - len(kept)} of {len(points)} intensities were left out: they saturate, or are dark.")
    alone = [float(np.median(_slopes([point], variance, ceiling)[0])) for point in kept]
    if max(alone) > (1 + CURVED) * min(alone):
        told = ", ".join(f"{value:.3g}" for value in alone)
        notes.append(
            f"The gain differs between intensities ({told}): the camera is not linear, or the light was not even in time."
        )
    return CameraMaps(offset, gain, read, found, notes)


def _check(stacks: dict[str, Any]) -> None:
    sizes = {name: tuple(stack.shape) for name, stack in stacks.items()}
    first = sizes["dark frames"]
    for name, shape in sizes.items():
        if len(shape) != 3 or shape[0] < FEWEST:
            raise ValueError(f"{name} must be at least {FEWEST} frames, shape (N, Y, X) (got shape {shape})")
        if shape[1:] != first[1:]:
            raise ValueError(
                f"{name} have {shape[1]} × {shape[2]} pixels, the dark frames {first[1]} × {first[2]}: take the same field"
            )


def _levels(frames: Any, part: Any) -> Array:
    """Return grey levels of a part of frames (N, Y, X), those that can be squared and summed."""
    values = np.asarray(fetched(frames, part), np.float64)
    if not (np.abs(values) <= LARGEST).all():
        raise ValueError(f"the frames hold values that are not finite, or beyond {LARGEST:.0e}: leave these frames out")
    return values


def _moments(frames: Any, offset: Array | None) -> tuple[Array, Array]:
    """Return mean and variance of every pixel over frames (N, Y, X), without cosmic rays.

    With an offset, frames are brought to the light that they have in the mean: lamps flicker.
    """
    count, height, width = frames.shape
    means, variances = np.empty((height, width)), np.empty((height, width))
    rows = max(1, STRIP // (count * width))
    lights = np.ones(count)
    if offset is not None:
        lights = np.array([float((_levels(frames, n) - offset).mean()) for n in range(count)])
        lights = lights / lights.mean() if lights.mean() > 0 and (lights > 0).all() else np.ones(count)
    for top in range(0, height, rows):
        cancellation_point()
        strip = slice(top, min(height, top + rows))
        values = _levels(frames, (slice(None), strip))
        if offset is not None:
            values = (values - offset[strip]) / lights[:, None, None] + offset[strip]
        middle = np.median(values, 0)
        spread = np.maximum(1.4826 * np.median(np.abs(values - middle), 0), values.std(0) / np.sqrt(count))
        hit = np.abs(values - middle) > OUTLIER * np.maximum(spread, 0.5)
        hit &= hit.sum(0) <= 1  # more than one is how the pixel is
        values[hit] = np.broadcast_to(middle, values.shape)[hit]
        means[strip], variances[strip] = values.mean(0), values.var(0, ddof=1)
    return means, variances


def _ceiling(stacks: Sequence[Any]) -> float:
    """Return the largest grey level that the frames can hold: that of their type, or the largest met where many have it."""
    dtype = np.dtype(stacks[-1].dtype)
    met = max(float(np.max(np.asarray(stack[:: max(1, len(stack) // 8)]))) for stack in stacks)
    full = float(np.iinfo(dtype).max) if dtype.kind in "iu" else np.inf
    if met >= full:
        return full
    brightest = [np.asarray(stack[0]) for stack in stacks]
    piled = max(float((frame == met).mean()) for frame in brightest)
    return met if piled > 1e-3 else np.inf  # a 12-bit camera in 16 bits


def _slopes(points: Sequence[tuple[Array, Array, int, Array]], dark: Array, ceiling: float) -> tuple[Array, Array]:
    """Return the slope of variance over light of every pixel, and its standard error.

    Weights follow from the variance that the median gain predicts: those from measured variances would favour low ones.
    """
    first = [np.median((total - dark)[light > 0]) / np.median(light[light > 0]) for light, total, _, _ in points]
    middle = max(float(np.median(first)), np.finfo(float).tiny)
    above, below = np.zeros_like(dark), np.zeros_like(dark)
    for light, total, count, mean in points:
        expected = middle * np.maximum(light, 0) + dark
        weight = (count - 1) / (2 * np.maximum(expected, SQUARED) ** 2) * (mean < BRIGHT * ceiling)
        above += weight * light * (total - dark)
        below += weight * light**2
    known = below > 0
    slopes = np.where(known, above / np.where(known, below, 1), middle)
    return slopes, np.where(known, 1 / np.sqrt(np.where(known, below, 1)), np.inf)


def _response(points: Sequence[tuple[Array, Array, int, Array]]) -> Array:
    """Return how much more than its surroundings every pixel shows of even light."""
    from scipy.ndimage import gaussian_filter

    light, _, _, _ = max(points, key=lambda point: float(np.median(point[0])))
    plain = np.clip(light, *np.percentile(light, (0.5, 99.5)))
    shading = np.maximum(_shading(plain), 0.01 * float(np.median(plain)))  # smooth windows alone err at the borders
    around = gaussian_filter(plain / shading, LAMP, mode="nearest")
    return np.asarray(np.clip(light / (shading * np.maximum(around, 0.1)), 0.5, 2.0))


def _shading(light: Array) -> Array:
    """Return the polynomial of second degree that is closest to an image."""
    y, x = (np.linspace(-1, 1, length) for length in light.shape)
    powers = [(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]
    step = max(1, int((light.size / STRIP * 64) ** 0.5))
    some = np.stack([np.outer(y[::step] ** a, x[::step] ** b).ravel() for a, b in powers], 1)
    factors = np.linalg.lstsq(some, light[::step, ::step].ravel(), rcond=None)[0]
    return np.asarray(sum(factor * np.outer(y**a, x**b) for factor, (a, b) in zip(factors, powers, strict=True)))


def _shrunk_gain(slopes: Array, errors: Array, response: Array) -> tuple[Array, float]:
    """Return the gain of every pixel by its own slope and by what slopes of all say, and the median of its standard error.

    The prior is ``ḡ (1 + β (response − 1))`` with a spread τ around it: β says how much of a pixel's response is gain, rather
    than quantum efficiency or dust, and both are fitted to all pixels.
    """
    known = np.isfinite(errors)
    middle = _clipped_mean(slopes[known])
    relative, beyond = slopes[known] / middle - 1, response[known] - 1
    core = np.abs(relative) < 4 * 1.4826 * np.median(np.abs(relative)) + 1e-12
    power = float(np.mean(beyond[core] ** 2))
    share = float(np.mean(beyond[core] * relative[core])) / power if power > 0 else 0.0
    share = float(np.clip(share, 0, 1))
    prior = middle * (1 + share * (response - 1))
    scale = float(np.median(errors[known]))
    spread = 1.4826 * float(np.median(np.abs((slopes - prior)[known])))
    tau = max(0.0, spread**2 - scale**2) ** 0.5
    if tau == 0:
        return np.maximum(prior, 0.1 * middle), scale / known.sum() ** 0.5
    trust = np.where(known, tau**2 / (tau**2 + np.where(known, errors, 1) ** 2), 0)
    return np.maximum(prior + trust * (slopes - prior), 0.1 * middle), (1 / (1 / tau**2 + 1 / scale**2)) ** 0.5


def _clipped_mean(values: Array) -> float:
    """Return the mean of the values that are no outliers: slopes are skewed, so that their median lies below it."""
    middle = float(np.median(values))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    return float(values[np.abs(values - middle) <= 4 * spread].mean())


def _shrunk_variance(variance: Array, count: int) -> tuple[Array, float]:
    """Return read variances, and the median of their standard errors: their logarithms are brought to where most pixels lie.

    The logarithm of a variance of N frames is known to √(2 / (N − 1)); the rest of its spread is that of true variances.
    """
    error = (2 / (count - 1)) ** 0.5
    least = max(float(np.median(variance)) * 1e-4, 1e-12)
    log = np.log(np.maximum(variance, least))
    middle = float(np.median(log)) - 3 * np.log1p(-2 / (9 * (count - 1)))  # the median of χ² lies below its mean
    spread = 1.4826 * float(np.median(np.abs(log - middle)))
    tau2 = max(0.0, spread**2 - error**2)
    far = np.abs(log - middle) > 4 * max(spread, error)
    trust = np.where(far, 1.0, tau2 / (tau2 + error**2))  # the tail is beyond what most are like
    shrunk = np.exp(middle + trust * (log - middle))
    known = (tau2 * error**2 / (tau2 + error**2)) ** 0.5 if tau2 else error / variance.size**0.5
    return shrunk, float(np.median(shrunk)) * known
