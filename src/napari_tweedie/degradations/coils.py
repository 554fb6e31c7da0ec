"""Coils of magnetic resonance imaging: what the centre of k-space tells of sensitivities, phase and conventions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter

Complex = NDArray[np.complex64]
Mask = NDArray[np.bool_]

WIDEST = 24
"""Frequencies to either side of zero that are looked at: beyond, there is more noise than change of sensitivity."""
FEWEST = 2
"""Frequencies to either side of zero without which nothing is known of phase and sensitivity."""
SMOOTH = 2.0
"""Standard deviation, in pixels, of the window over which coils are compared."""
FITS, MISFITS = 0.9, 0.8
"""Share of the coils' low-resolution images that sensitivities explain: those of this scan, turned the right way, and others."""
AROUND = 11
"""Frequencies a side over which power is averaged to find noise."""
SIGNAL = 0.1
"""Share of the brightest pixel's magnitude above which a pixel shows the object."""


def transformed(image: Complex) -> Complex:
    """Return the orthonormal Fourier transform over the last two axes, zero in the middle of both."""
    axes = (-2, -1)
    spectrum = np.fft.fft2(np.fft.ifftshift(image, axes=axes), norm="ortho")
    return np.fft.fftshift(spectrum, axes=axes).astype(np.complex64)


def inverse(spectrum: Complex) -> Complex:
    """Return the inverse of `transformed`."""
    axes = (-2, -1)
    image = np.fft.ifft2(np.fft.ifftshift(spectrum, axes=axes), norm="ortho")
    return np.fft.fftshift(image, axes=axes).astype(np.complex64)


def fully_measured(mask: Mask) -> tuple[int, int]:
    """Return how many frequencies to either side of zero, along Y and X, are all measured, at most `WIDEST` each."""
    middle = tuple(n // 2 for n in mask.shape)
    reaches = [min(WIDEST, (n - 1) // 2) for n in mask.shape]
    best = (-1, -1)
    for y in range(reaches[0] + 1):
        rows: Mask = np.all(mask[middle[0] - y : middle[0] + y + 1], axis=0)
        x = -1
        while x < reaches[1] and rows[middle[1] - x - 1] and rows[middle[1] + x + 1]:
            x += 1
        if x >= 0 and (2 * y + 1) * (2 * x + 1) > (2 * best[0] + 1) * (2 * best[1] + 1):
            best = (y, x)
    return best


def low_resolution(spectrum: Complex, mask: Mask) -> Complex:
    """Return the coils' images of the fully measured frequencies, weighted by a Hann window.

    Raises
    ------
    ValueError
        If fewer than 2 · `FEWEST` + 1 along an axis are.
    """
    reach = fully_measured(mask)
    if min(reach) < FEWEST:
        wanted = 2 * FEWEST + 1
        raise ValueError(
            f"phase and coils are found from the middle of k-space, of which {wanted} × {wanted} points must be measured: give "
            "sensitivity and phase='none', or check that the zero frequency is in the middle"
        )
    window = np.zeros(mask.shape, np.float32)
    middle = tuple(slice(n // 2 - side, n // 2 + side + 1) for n, side in zip(mask.shape, reach, strict=True))
    profiles = [np.hanning(2 * side + 3)[1:-1] for side in reach]
    window[middle] = np.multiply.outer(*profiles)
    return inverse(spectrum * window)


def adaptive_combine(images: Complex) -> Complex:
    """Return sensitivities, (coils, Y, X), of unit length at every pixel, from the coils' images of low resolution.

    At every pixel they are the principal eigenvector of the coils' covariance around it (Walsh, Gmitro & Marcellin 2000), with
    the phase that the object has: relative to them it has none.
    """
    products = images[:, None] * images[None].conj()
    sigmas = (0, 0, SMOOTH, SMOOTH)
    covariance = gaussian_filter(products.real, sigmas) + 1j * gaussian_filter(products.imag, sigmas)
    vectors = np.linalg.eigh(np.moveaxis(covariance, (0, 1), (2, 3)))[1][..., -1]
    return with_phase(np.moveaxis(vectors, -1, 0), images)


def with_phase(sensitivity: Complex, images: Complex) -> Complex:
    """Return sensitivities times the phase of the object, which the coils' images of low resolution show."""
    phase = (sensitivity.conj() * images).sum(0)
    size = np.abs(phase)
    unit = np.where(size > 0, phase / np.where(size > 0, size, 1), 1)
    return (sensitivity * unit).astype(np.complex64)


def is_real(sensitivity: Complex, images: Complex) -> bool:
    """Return whether the object has no phase of its own, beyond a sign, where it is seen: 0.1 radians count as none."""
    combined = (sensitivity.conj() * images).sum(0)
    seen = np.abs(combined) > SIGNAL * np.abs(combined).max()
    return bool((combined.imag[seen] ** 2).sum() < 0.01 * (np.abs(combined[seen]) ** 2).sum())


def explained(sensitivity: Complex, images: Complex) -> float:
    """Return the share of the energy of the coils' images that is any object times the sensitivities."""
    weight = (np.abs(sensitivity) ** 2).sum(0)
    object_ = (sensitivity.conj() * images).sum(0) / np.where(weight > 0, weight, 1)
    return float(1 - (np.abs(images - sensitivity * object_) ** 2).sum() / (np.abs(images) ** 2).sum())


@dataclass(frozen=True)
class Turn:
    """A way in which sensitivities may differ from the measurement: which it is, and what to do to them."""

    axes: tuple[int, ...] = ()
    conjugated: bool = False
    transposed: bool = False

    def __call__(self, sensitivity: Complex) -> Complex:
        """Return the sensitivities turned, about the middle pixel."""
        turned = sensitivity.swapaxes(-2, -1) if self.transposed else sensitivity
        for axis in self.axes:
            turned = np.roll(np.flip(turned, axis), 1 - turned.shape[axis] % 2, axis)
        return turned.conj() if self.conjugated else turned

    def __str__(self) -> str:
        names = {-2: "Y", -1: "X"}
        done = ["Y and X exchanged"] if self.transposed else []
        done += [f"{' and '.join(names[axis] for axis in self.axes)} reversed"] if self.axes else []
        return ", ".join([*done, *(["their conjugate taken"] if self.conjugated else [])])


TURNS = [
    Turn(axes, conjugated, transposed)
    for transposed in (False, True)
    for conjugated in (False, True)
    for axes in ((), (-2, -1), (-2,), (-1,))
]
"""All of them, what needs least first."""


def maps_of(given: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return sensitivities as complex numbers, (coils, Y, X), where a layer holds their parts, as napari shows no complex ones.

    Real and imaginary part of one coil after the other lie along the first axis then. Real maps without negative values are kept
    as they are.
    """
    if given is None or given.dtype.kind == "c" or given.ndim != 3 or len(given) % 2 or not (given < 0).any():
        return given
    return (given[::2] + 1j * given[1::2]).astype(np.complex64)


def checked(sensitivity: Complex, images: Complex) -> Complex:
    """Return sensitivities that were given as they are, if their shape fits the coils' images; else an error says what to do."""
    if sensitivity.ndim != 3 or len(sensitivity) != len(images):
        raise ValueError(
            f"the sensitivities have shape {sensitivity.shape}, the measurement {len(images)} coils of {images.shape[1:]}: "
            "give (coils, Y, X)"
        )
    if sensitivity.shape != images.shape and sensitivity.swapaxes(-2, -1).shape != images.shape:
        raise ValueError(
            f"the sensitivities have shape {sensitivity.shape}, the image {images.shape[1:]}: resample them to its pixels, or "
            "leave them out to have them estimated"
        )
    return sensitivity.astype(np.complex64)


def fitting(sensitivity: Complex, images: Complex) -> tuple[Complex, Turn]:
    """Return sensitivities turned the way that fits the coils' images, and which that is.

    Raises
    ------
    ValueError
        If no way does: those of other coils, another slice, or another order of the coils.
    """
    own = explained(sensitivity, images)
    if own >= FITS:
        return sensitivity, TURNS[0]
    shares = {turn: explained(turn(sensitivity), images) for turn in TURNS if turn(sensitivity).shape == images.shape}
    best = max(shares, key=lambda turn: shares[turn])
    if shares[best] < MISFITS:
        raise ValueError(
            f"the sensitivities explain {own:.0%} of what the coils see at low resolution, and no more than {shares[best]:.0%} "
            "whichever way they are turned: check that they are those of this slice, in the order of the coils, or leave them "
            "out to have them estimated"
        )
    return (best(sensitivity), best) if shares[best] > own + 0.05 else (sensitivity, TURNS[0])


def uncentred(spectrum: Complex) -> tuple[int, ...]:
    """Return the axes along which the zero frequency is first rather than in the middle, by where most energy is."""
    energy = (np.abs(spectrum) ** 2).sum(0)
    found = []
    for axis in (-2, -1):
        profile = energy.sum(-3 - axis)
        n = len(profile)
        near = max(1, n // 16)
        middle = profile[n // 2 - near : n // 2 + near + 1].sum()
        ends = profile[: near + 1].sum() + profile[n - near :].sum()
        if ends > middle:
            found.append(axis)
    return tuple(found)


def at_corner(images: Complex) -> tuple[int, ...]:
    """Return the axes along which the object lies around the border, as it does where its middle was at the first pixel.

    There must be three times as much of it in the outer quarter as in the middle one.
    """
    energy = (np.abs(images) ** 2).sum(0)
    found = []
    for axis in (-2, -1):
        profile = energy.sum(-3 - axis)
        eighth = max(1, len(profile) // 8)
        middle = profile[len(profile) // 2 - eighth : len(profile) // 2 + eighth].sum()
        if profile[:eighth].sum() + profile[-eighth:].sum() > 3 * middle:
            found.append(axis)
    return tuple(found)


def noise_level(spectrum: Complex, mask: Mask) -> float:
    """Return the standard deviation of the noise of either part of k-space, where the least signal is.

    It is the mean power over `AROUND` frequencies a side, of the tenth of all places where that is lowest.
    """
    power = (np.abs(spectrum) ** 2).mean(0) / 2
    counted = uniform_filter(mask.astype(np.float64), AROUND, mode="constant")
    means = uniform_filter(np.where(mask, power, 0.0).astype(np.float64), AROUND, mode="constant")
    enough = mask & (counted >= np.quantile(counted[mask], 0.25))
    return float(np.sqrt(np.quantile(means[enough] / counted[enough], 0.1)))
