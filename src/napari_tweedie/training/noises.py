"""Noises that a network sees during training: white, of random spectra, uneven, and of few photons.

Every noise comes with its levels at all scales (`denoisers.levels`), which the network is told.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from napari_tweedie.degradations.correlation import REACH, Correlation
from napari_tweedie.denoisers.levels import SCALES, levels_of_autocovariance, levels_of_spectrum
from napari_tweedie.images.stabilisation import Anscombe, Stabilised
from napari_tweedie.training.synthetic import power_law_field

Array: TypeAlias = NDArray[Any]
Generator: TypeAlias = np.random.Generator

LINE = 0.05
"""Correlation of the furthest pixels looked at from which on a line is taken to share it."""
ERROR = 0.04
"""Relative standard deviation of the levels that are told of coloured noise: they will be estimates."""


@dataclasses.dataclass(frozen=True)
class Counted:
    """Counted light: what was measured and what is true, in grey levels, and the map that stabilises its noise."""

    measured: Array
    light: Array
    map: Stabilised


@dataclasses.dataclass(frozen=True)
class Example:
    """What a network learns from: a clean and a noisy patch (Y, X), and what it is told of the noise.

    Its levels at all scales (10,), times a map of them (Y | 1, X | 1); where photon noise was stabilised, also `counted`, and
    where denoisers of white noise are to know of it, how it correlates.
    """

    clean: Array
    noisy: Array
    levels: Array
    field: Array = dataclasses.field(default_factory=lambda: np.ones((1, 1)))
    counted: Counted | None = None
    correlation: Correlation | None = None


Noise: TypeAlias = Callable[[Array, float, Generator], Example]
"""A kind of noise: of a clean patch, a level, and random numbers."""


def white(clean: Array, sigma: float, rng: Generator) -> Example:
    """Add white Gaussian noise of level `sigma`."""
    return Example(clean, clean + sigma * rng.standard_normal(clean.shape), np.full(len(SCALES), sigma))


def coloured(clean: Array, sigma: float, rng: Generator) -> Example:
    """Add Gaussian noise of a random spectrum, of a resampled or compressed image, or one of these with white noise."""
    kind = rng.random()
    if kind < 0.07:
        return _compressed(clean, sigma, rng)
    noise, spectrum = _resampled(clean.shape, rng) if kind < 0.22 else _of_spectrum(clean.shape, rng)
    levels = levels_of_spectrum(spectrum)
    strength = sigma / np.sqrt(levels.mean() * levels[0])  # between that of a pixel and that of all scales
    told = levels * np.exp(ERROR * rng.standard_normal(levels.shape))
    return Example(clean, clean + strength * noise, strength * told)


def correlated(clean: Array, sigma: float, rng: Generator) -> Example:
    """Add Gaussian noise of a random spectrum and of a level `sigma` at a pixel, told as it is found in images."""
    noise, spectrum = _resampled(clean.shape, rng) if rng.random() < 0.2 else _of_spectrum(clean.shape, rng)
    correlation = correlation_of(spectrum)
    levels = levels_of_autocovariance(correlation.autocorrelation())
    told = sigma * np.exp(ERROR * rng.standard_normal()) * levels / levels[0]
    return Example(clean, clean + sigma * noise / np.sqrt(spectrum.mean()), told, correlation=correlation)


def correlation_of(spectrum: Array) -> Correlation:
    """Return how noise of a power spectrum correlates: what is left of it at the furthest pixel along a line, the line shares."""
    near: Array = np.fft.ifft2(spectrum).real[: REACH + 1, : REACH + 1]
    near = near / near[0, 0]
    lines: list[tuple[float, ...]] = []
    for axis in (1, 0):
        shared: Array = near[:, REACH] if axis else near[REACH]
        whole = bool(shared[0] > LINE)
        lines.append(tuple(shared) if whole else ())
        near = near - np.expand_dims(shared, axis) if whole else near
    return Correlation(tuple(map(tuple, near.tolist())), rows=lines[0], columns=lines[1])


def uneven(clean: Array, sigma: float, rng: Generator) -> Example:
    """Add noise, white or of a random spectrum, whose level differs from pixel to pixel; `sigma` is its root mean square."""
    field = _MAPS[rng.integers(len(_MAPS))](clean, rng)
    field *= sigma / np.sqrt(np.square(field).mean())
    smooth = np.abs(np.diff(field)).mean() < 0.05 * sigma
    if smooth and rng.random() < 0.3:
        noise, spectrum = _of_spectrum(clean.shape, rng)
        levels = levels_of_spectrum(spectrum)
        noise, levels = noise / levels[0], levels / levels[0]
    else:
        noise, levels = rng.standard_normal(clean.shape), np.ones(len(SCALES))
    return Example(clean, clean + field * noise, levels, field)


def photons(clean: Array, sigma: float, rng: Generator) -> Example:
    """Turn an image into a photon-limited one in the domain where the noise is stabilised, and about in [0, 1].

    `sigma`, that of the stabilised noise over the range of the image, determines how many photons there are.
    """
    light = np.clip(clean, 0, None) + rng.choice([0.0, rng.uniform(0, 0.3)])
    read_noise = float(rng.choice([0.0, 0.0, 0.5, 1.0, 2.0]))
    anscombe = Anscombe(1.0, 0.0, read_noise)
    peak = np.clip((1 / max(sigma, 0.01) + 1.2) ** 2 / 4, 1.0, 2000.0) / max(float(np.percentile(light, 99.9)), 0.05)
    measured = rng.poisson(peak * light) + read_noise * rng.standard_normal(clean.shape)
    expected, noisy = anscombe.expected(peak * light), anscombe.forward(measured)
    low, high = np.percentile(noisy, (0.1, 99.9))
    scale = max(high - low, 1.0)
    counted = Counted(measured, peak * light, Stabilised(float(low), float(scale), anscombe))
    return Example((expected - low) / scale, (noisy - low) / scale, np.full(len(SCALES), 1 / scale), counted=counted)


def _of_spectrum(shape: tuple[int, ...], rng: Generator) -> tuple[Array, Array]:
    """Draw Gaussian noise of a random spectrum, cut from a field twice as large, and return it and the spectrum of the field."""
    large = 2 * max(shape)
    frequency = np.fft.fftfreq(large)
    spectrum = _SPECTRA[rng.choice(len(_SPECTRA), p=_WEIGHTS)](frequency[:, None], frequency[None], rng)
    spectrum = spectrum / spectrum.mean()
    if rng.random() < 0.4:
        spectrum = spectrum + rng.uniform(0, 0.7) ** 2
    if rng.random() < 0.5:
        spectrum = spectrum.T
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((large, large))) * np.sqrt(spectrum)).real
    return noise[: shape[0], : shape[1]], spectrum


def _blurred(v: Array, u: Array, rng: Generator) -> Array:
    """Return the spectrum of noise blurred by a Gaussian, the same along both axes or not: optics, smoothing, denoising."""
    across = rng.uniform(0.3, 2.0)
    down = across if rng.random() < 0.6 else rng.uniform(0, 2.0)
    return np.exp(-((2 * np.pi) ** 2) * ((down * v) ** 2 + (across * u) ** 2))


def _along_lines(v: Array, u: Array, rng: Generator) -> Array:
    """Return that of noise correlated within each row only: by a detector's time constant, or smoothly."""
    if rng.random() < 0.5:
        length = 10 ** rng.uniform(-0.5, 1.0)
        decay = np.exp(-1 / length)
        return (1 - decay**2) / (1 - 2 * decay * np.cos(2 * np.pi * u) + decay**2) + 0 * v
    return np.exp(-((2 * np.pi * rng.uniform(0.4, 3) * u) ** 2)) + 0 * v


def _stripes(v: Array, u: Array, rng: Generator) -> Array:
    """Return that of white noise and an offset for every row, changing slowly along it or alike in neighbouring rows."""
    reach = np.inf if rng.random() < 0.5 else 10 ** rng.uniform(1, 2.3)
    line = np.where(u == 0, 1.0, 0.0) if np.isinf(reach) else 1 / (1 + (2 * np.pi * reach * u) ** 2)
    line = line / line.mean() * (np.exp(-((2 * np.pi * rng.uniform(0.3, 3) * v) ** 2)) if rng.random() < 0.3 else 1 + 0 * v)
    return 1 + rng.uniform(0.1, 1.5) ** 2 * line / line.mean()


def _hum(v: Array, u: Array, rng: Generator) -> Array:
    """Return that of white noise and a hum along the rows, of its own phase in every row or the same in all."""
    at = rng.uniform(0.03, 0.5)
    line = np.exp(-0.5 * ((np.abs(u) - at) / rng.uniform(0.002, 0.01)) ** 2) + 0 * v
    if rng.random() < 0.5:
        line = line * np.exp(-0.5 * ((v - rng.uniform(-0.2, 0.2)) / 0.01) ** 2)
        line = line + np.roll(line[::-1, ::-1], (1, 1), (0, 1))  # of −ω as of ω
    return 1 + rng.uniform(0.2, 1.2) ** 2 * line / (line.mean() + 1e-12)


def _coarse(v: Array, u: Array, rng: Generator) -> Array:
    """Return a power law that falls with frequency, as of flicker noise and reconstructed images."""
    return (np.hypot(v, u) ** 2 + rng.uniform(0.01, 0.2) ** 2) ** -rng.uniform(0.3, 1.2)


def _sharpened(v: Array, u: Array, rng: Generator) -> Array:
    """Return a spectrum that grows with frequency: noise under an unsharp mask."""
    low = np.exp(-0.5 * (2 * np.pi * rng.uniform(0.7, 2)) ** 2 * (v**2 + u**2))
    return (1 + rng.uniform(0.2, 1.5) * (1 - low)) ** 2


_SPECTRA: tuple[Callable[[Array, Array, Generator], Array], ...] = (_blurred, _along_lines, _stripes, _hum, _coarse, _sharpened)
_WEIGHTS = (0.42, 0.16, 0.2, 0.06, 0.1, 0.06)


def _resampled(shape: tuple[int, ...], rng: Generator) -> tuple[Array, Array]:
    """Draw white noise of a smaller image that was enlarged by splines, along one axis or both; return also its spectrum."""
    large = 2 * max(shape)
    factor = rng.choice([2.0, 1.5, rng.uniform(1.1, 3.0)], p=[0.5, 0.2, 0.3])
    factors = (factor, factor) if rng.random() < 0.8 else (1.0, factor)
    small = rng.standard_normal([int(np.ceil(large / f)) + 1 for f in factors])
    noise = zoom(small, factors, order=int(rng.integers(1, 4)), mode="reflect", grid_mode=True)[:large, :large]
    if rng.random() < 0.3:
        noise = noise + rng.uniform(0, 0.5) * noise.std() * rng.standard_normal(noise.shape)
    return noise[: shape[0], : shape[1]], np.abs(np.fft.fft2(noise)) ** 2 / noise.size


def _compressed(clean: Array, sigma: float, rng: Generator) -> Example:
    """Add white noise and keep what a JPEG file does; the levels are those of what it does to noise on a flat image."""
    noise, quality = sigma * rng.standard_normal(clean.shape), int(rng.integers(25, 96))
    levels = levels_of_spectrum(np.abs(np.fft.fft2(_as_jpeg(0.5 + noise, quality) - 0.5)) ** 2 / noise.size)
    levels = np.maximum(levels, 0.2 * sigma)
    return Example(clean, _as_jpeg(clean + noise, quality), levels)


def _as_jpeg(image: Array, quality: int) -> Array:
    stored = io.BytesIO()
    PIL.Image.fromarray(np.clip(np.round(255 * image), 0, 255).astype(np.uint8)).save(stored, "jpeg", quality=quality)
    return np.asarray(PIL.Image.open(stored), np.float64) / 255


def _shaded(clean: Array, rng: Generator) -> Array:
    """Draw a level that changes slowly, as where frames overlap in a mosaic or light falls off."""
    return np.exp(rng.uniform(0.2, 0.8) * power_law_field(len(clean), rng.uniform(3, 5), rng).astype(np.float64))


def _of_pixels(clean: Array, rng: Generator) -> Array:
    """Draw a level of every pixel's own, as those of an sCMOS camera; variances follow a gamma distribution."""
    shape = 10 ** rng.uniform(-0.5, 0.7)
    return np.sqrt(rng.gamma(shape, 1 / shape, clean.shape) + rng.uniform(0.02, 0.3))


def _of_patches(clean: Array, rng: Generator) -> Array:
    """Draw rectangles of unequal levels, as averages of unequal number have."""
    field = np.ones(clean.shape)
    for _ in range(rng.integers(1, 5)):
        (top, bottom), (left, right) = (np.sort(rng.integers(0, length + 1, 2)) for length in clean.shape)
        field[top:bottom, left:right] *= 10 ** rng.uniform(-0.6, 0.6)
    return field


def _of_light(clean: Array, rng: Generator) -> Array:
    """Return a level that grows with the light, as photon noise that is not stabilised."""
    light = np.clip(gaussian_filter(clean, rng.uniform(0, 2)), 0, None)
    return np.sqrt(light + rng.uniform(0.02, 0.5))


_MAPS: tuple[Callable[[Array, Generator], Array], ...] = (_shaded, _of_pixels, _of_patches, _of_light)
