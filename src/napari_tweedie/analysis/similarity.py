"""Similarity of two images: PSNR, SSIM, Fourier ring correlation with its resolution, spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

THRESHOLD = 1 / 7
"""Correlation below which two noisy frames of one specimen no longer agree (Rosenthal & Henderson 2003)."""

TAPER = 0.25
"""Share of every axis over which a window falls to zero at the borders, whose jump would correlate by itself."""


def psnr(image: NDArray[Any], reference: NDArray[Any], value_range: float | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB; infinite for equal images.

    Parameters
    ----------
    image, reference : array
        Images of one shape.
    value_range : float, optional
        The peak, in grey levels; by default the range of the reference.

    Raises
    ------
    ValueError
        If the shapes differ, or the range is zero.
    """
    peak = _value_range(image, reference, value_range)
    error = np.square(image.astype(np.float64) - reference).mean()
    return float(10 * np.log10(peak**2 / error)) if error > 0 else float("inf")


def ssim(image: NDArray[Any], reference: NDArray[Any], value_range: float | None = None) -> float:
    """Return the mean structural similarity (Wang et al. 2004, Gaussian window of std 1.5), 1 for equal images.

    Parameters and errors are those of `psnr`; every side must have at least 11 pixels.
    """
    from skimage.metrics import structural_similarity

    peak = _value_range(image, reference, value_range)
    return float(
        structural_similarity(
            image.astype(np.float64),
            reference.astype(np.float64),
            data_range=peak,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _value_range(image: NDArray[Any], reference: NDArray[Any], value_range: float | None) -> float:
    _require_one_shape(image, reference)
    peak = float(reference.max()) - float(reference.min()) if value_range is None else value_range
    if not peak > 0:
        raise ValueError(f"the range of grey levels must be > 0 (got {peak}): the reference is constant, give a range")
    return peak


def _require_one_shape(one: NDArray[Any], other: NDArray[Any]) -> None:
    if one.shape != other.shape:
        raise ValueError(f"the images have shapes {one.shape} and {other.shape}: they must be equal")


@dataclass(frozen=True)
class RingCorrelation:
    """The Fourier ring correlation of two planes.

    Parameters
    ----------
    frequency : array
        Middle of every ring, in cycles per unit of length, rising from the second ring to the Nyquist frequency.
    correlation : array
        Correlation of both spectra on the ring, from −1 to 1.
    resolution : float
        Period, in units of length, at which the correlation, averaged over three rings, first falls below the threshold; the
        finest period of the grid if it never does, infinite if it starts below.
    """

    frequency: NDArray[np.float64]
    correlation: NDArray[np.float64]
    resolution: float


def fourier_ring_correlation(
    one: NDArray[Any], other: NDArray[Any], pixel_size: float | tuple[float, float] = 1.0, threshold: float = THRESHOLD
) -> RingCorrelation:
    """Correlate the spectra of two planes ring by ring.

    ``FRC(q) = Re Σ F₁ F₂* / √(Σ|F₁|² Σ|F₂|²)`` over the frequencies of length q (Saxton & Baumeister 1982; Nieuwenhuizen et
    al., Nature Methods 10, 2013), of the planes less their means under a window that falls to zero at the borders.

    Parameters
    ----------
    one, other : array
        Planes (Y, X) of one shape: two frames with independent noise, or a result and its reference.
    pixel_size : float or tuple of float
        Length of a pixel (along Y and X), in the unit that the resolution shall have.
    threshold : float
        Correlation that ends the resolution.

    Raises
    ------
    ValueError
        If the planes differ in shape or have fewer than 16 pixels on a side.
    """
    _require_one_shape(one, other)
    if one.ndim != 2 or min(one.shape) < 16:
        raise ValueError(f"the Fourier ring correlation needs planes (Y, X) of at least 16 pixels a side (got {one.shape})")
    rings, frequency = _rings(one.shape, pixel_size)
    first, second = _spectrum(one), _spectrum(other)
    count = len(frequency) + 1
    cross = np.bincount(rings, (first * second.conj()).real.ravel(), count)[1:-1]
    powers = [np.bincount(rings, np.square(np.abs(spectrum)).ravel(), count)[1:-1] for spectrum in (first, second)]
    correlation = cross / np.maximum(np.sqrt(powers[0] * powers[1]), np.finfo(np.float64).tiny)
    frequency = frequency[1:]
    return RingCorrelation(frequency, correlation, _resolution(frequency, correlation, threshold))


def _rings(shape: tuple[int, ...], pixel_size: float | tuple[float, float]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return the ring of every frequency of ``fft2`` and the middle frequencies of the rings, up to Nyquist's.

    Rings are as wide as the spacing of frequencies along the shortest side; all beyond Nyquist's share the last number.
    """
    sizes = np.broadcast_to(np.asarray(pixel_size, dtype=np.float64), 2)
    axes = [np.fft.fftfreq(n, d) for n, d in zip(shape, sizes, strict=True)]
    radius = np.hypot(axes[0][:, None], axes[1])
    width = 1 / np.min(np.multiply(shape, sizes))
    count = int(np.floor(0.5 / sizes.max() / width + 1e-9)) + 1
    rings = np.minimum(np.rint(radius / width).astype(np.intp), count)
    return rings.ravel(), width * np.arange(count)


def _spectrum(plane: NDArray[Any]) -> NDArray[np.complex128]:
    window = np.multiply.outer(*map(_taper, plane.shape))
    values = plane.astype(np.float64)
    spectrum: NDArray[np.complex128] = np.fft.fft2(window * (values - np.average(values, weights=window)))
    return spectrum


def _taper(length: int) -> NDArray[np.float64]:
    """Return weights that fall to zero at both borders, as half a cosine over a share of the length (Tukey's window).

    SciPy has it, too, but takes two seconds to import it, which would be most of a first look at an image.
    """
    from_border = np.minimum(np.arange(length), np.arange(length)[::-1]) / max(1, length - 1)
    falling = 0.5 * (1 - np.cos(np.pi * from_border / TAPER))
    return np.where((from_border < TAPER) & (length > 1), falling, 1.0)


def _resolution(frequency: NDArray[np.float64], correlation: NDArray[np.float64], threshold: float) -> float:
    smooth = np.convolve(np.pad(correlation, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    below = np.flatnonzero(smooth < threshold)
    if not below.size:
        return float(1 / frequency[-1])
    end = int(below[0])
    if end == 0:
        return float("inf")
    share = (smooth[end - 1] - threshold) / (smooth[end - 1] - smooth[end])
    return float(1 / (frequency[end - 1] + share * (frequency[end] - frequency[end - 1])))


def power_spectrum(
    plane: NDArray[Any], pixel_size: float | tuple[float, float] = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean power on rings of equal frequency.

    Parameters
    ----------
    plane : array
        Plane (Y, X); its mean is taken off, and its borders are tapered.
    pixel_size : float or tuple of float
        Length of a pixel (along Y and X).

    Returns
    -------
    frequency : array
        Middle of every ring, in cycles per unit of length, from the second ring to the Nyquist frequency.
    power : array
        In squared grey levels per frequency; its value for white noise of standard deviation s is s².
    """
    rings, frequency = _rings(plane.shape, pixel_size)
    window_power = np.prod([np.square(_taper(n)).sum() for n in plane.shape])
    power = np.bincount(rings, np.square(np.abs(_spectrum(plane))).ravel()) / np.bincount(rings) / window_power
    return frequency[1:], power[1 : len(frequency)]


def line_profile(
    plane: NDArray[Any], start: tuple[float, float], end: tuple[float, float], width: int = 1
) -> NDArray[np.float64]:
    """Return the grey levels along a line, a value a pixel, both ends included.

    Parameters
    ----------
    plane : array
        Plane (Y, X).
    start, end : tuple of float
        Ends of the line (y, x), in pixels.
    width : int
        Pixels across the line that are averaged.
    """
    from skimage.measure import profile_line

    profile: NDArray[np.float64] = profile_line(plane.astype(np.float64), start, end, linewidth=width, mode="nearest")
    return profile
