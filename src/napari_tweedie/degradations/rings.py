"""Rings: errors of single detector pixels that all projections share, or that drift from the first to the last.

A detector pixel that is a little too bright, by its offset, its gain or the noise of the flat field, draws a line through the
sinogram, and a ring around the axis of rotation. Such errors differ from one pixel of the detector to the next, and change
slowly, if at all, with the angle: they add as much power to the lowest components along the angles at every fine frequency of
the detector. What an object adds there falls towards fine detail and reaches far beyond those components, but for what is the
same in all directions about the axis: that is seen alike on both sides of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.degradations.sinogram import bridged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.degradations.sinogram import Array

DETECTOR, ANGLES = 48, 24
"""Pixels of the detector, and projections, that tell."""
SLOW = 8
"""Components along the angles, from the mean on, that errors of the detector may have."""
BESIDE = 40
"""Up to this one, the next components show what noise and object leave in them."""
FINE = ((0.25, 0.375), (0.375, 0.5))
"""Cycles a pixel of the detector."""
CERTAIN = 4.0
"""Standard errors by which the power of the mean must exceed that of the components beside."""
DISTINCT, DRIFTING = 3.0, 1.5
"""How many times as much it must have at least, and how many times as much the components of a drift: texture near the axis
has up to 2 times."""
FLAT = 0.3
"""Least share of the larger of both powers that the smaller one is."""
ALIKE = 0.5
"""Correlation of both sides of the axis from which on the object is as round as that."""
OFF = np.arange(-2, 2.01, 0.25)
"""Pixels that the axis may be off."""
STRIKING, PARTNER = 8.0, 0.3
"""Standard deviations beyond which a pixel is too far from its neighbours on either side to see the same object, and the share
of that by which its mirror image must not be."""
SMOOTHED = 9
"""Neighbouring frequencies whose mean power tells how much of it is errors of the detector."""


@dataclass(frozen=True, eq=False)
class Rings:
    """Variances of the errors of the pixels of a detector.

    Parameters
    ----------
    variances : array
        Of the components along the angles (type II cosine transform, orthonormal), from the mean on: shape (detector, slow).
    striking : array
        Which pixels have an error of their own, shape (detector,).
    """

    variances: Array
    striking: NDArray[np.bool_]

    def scaled(self, scale: float) -> Rings:
        """Return them for a sinogram that is divided by `scale`."""
        return Rings(self.variances / scale**2, self.striking)

    def gains(self, sigma: float) -> Array:
        """Return the factors of the components that make errors and noise of level sigma, together, noise of level sigma."""
        return np.asarray((1 + self.variances / max(sigma, 1e-12) ** 2) ** -0.5)

    def errors(self, sinogram: Array) -> Array:
        """Return the likeliest errors of the pixels in a sinogram (detector, angles), in the same shape.

        By Wiener's filter along the detector: at every frequency the share of the power that is theirs. Those of pixels that
        strike are what they differ by from their neighbours.
        """
        from scipy.fft import dct, idct
        from scipy.ndimage import uniform_filter1d

        slow, usual = self.variances.shape[1], self.variances[~self.striking][0]
        kept = np.zeros_like(sinogram, dtype=np.float64)
        components = dct(sinogram, axis=1, norm="ortho")[:, :slow]
        smooth = bridged(components, np.broadcast_to(self.striking[:, None], components.shape))
        found = dct(smooth, axis=0, norm="ortho")
        power = uniform_filter1d(found**2, SMOOTHED, axis=0, mode="nearest")
        kept[:, :slow] = idct(found * np.minimum(1.0, usual / np.maximum(power, 1e-30)), axis=0, norm="ortho")
        kept[:, :slow] += components - smooth
        return np.asarray(idct(kept, axis=1, norm="ortho"))

    def words(self, angles: int) -> str:
        """Say what they are, in a sinogram of so many angles."""
        usual, told = self.variances[~self.striking][0], []
        if usual[0] > 0:
            drift = ", which changes with the angle" if (usual[1:] > 0).any() else ""
            told.append(f"each pixel of the detector has an error of about {(usual[0] / angles) ** 0.5:.3g}{drift}")
        if count := int(self.striking.sum()):
            told.append(
                f"{count} {'pixel of the detector differs' if count == 1 else 'pixels of the detector differ'} from all beside"
            )
        return " and ".join(told)


def find_rings(sinogram: Array, axis: float) -> Rings | None:
    """Measure what single pixels of the detector add to a sinogram; None where nothing is certain.

    Parameters
    ----------
    sinogram : array
        Line integrals, (detector, angles), angles in the order in which they were taken, without missing values.
    axis : float
        Where the axis of rotation is, from pixel N // 2 of the detector.
    """
    from scipy.fft import dct

    pixels, angles = sinogram.shape
    if pixels < DETECTOR or angles < ANGLES:
        return None
    components = dct(sinogram, axis=1, norm="ortho")[:, : min(BESIDE, angles)]
    striking = _striking(components, axis)
    differences = components - bridged(components, np.broadcast_to(striking[:, None], components.shape))
    usual = _usual(components - differences, axis)
    if usual is None and not striking.any():
        return None
    variances = np.zeros((pixels, SLOW))
    if usual is not None:
        variances[:, : len(usual)] = usual
    variances += differences[:, :SLOW] ** 2
    return Rings(variances[:, : int(np.flatnonzero(variances.any(0))[-1]) + 1], striking)


def _usual(components: Array, axis: float) -> Array | None:
    """Return the variances of the errors that all pixels have, from the mean on; None: none."""
    powers = np.array([_power(components, band) for band in FINE])
    beside = np.median(powers[:, SLOW:], axis=1, keepdims=True)
    error = CERTAIN * 1.6 / ((FINE[0][1] - FINE[0][0]) * len(components)) ** 0.5
    excess = powers[:, :SLOW] - beside
    least = np.array([max(DISTINCT, 1 + error), *[max(DRIFTING, 1 + error / 2)] * (SLOW - 1)])
    shown = (excess.min(0) > FLAT * excess.max(0)) & (powers[:, :SLOW] > least * beside).all(0)
    if not shown[0] or _is_round(components[:, 0], axis):
        return None
    return np.asarray(excess[:, : int(np.argmin(np.append(shown, False)))].mean(0))


def _striking(components: Array, axis: float) -> NDArray[np.bool_]:
    """Return which pixels differ from those on either side by far more than usual, without a mirror image."""
    mean = components[:, 0]
    apart = np.zeros(len(mean))
    for sign in (1, -1):  # one pixel, or two beside each other
        for run in ((0,), (0, 1), (-1, 0)):
            within = np.min([np.roll(sign * mean, -step) for step in run], axis=0)
            beside = [np.roll(sign * mean, -step) for step in (run[0] - 2, run[0] - 1, run[-1] + 1, run[-1] + 2)]
            above = within - np.max(beside, axis=0)
            apart = np.where(above > np.abs(apart), sign * above, apart)
    curved = mean - (np.roll(mean, 1) + np.roll(mean, -1)) / 2
    apart[:3] = apart[-3:] = 0
    noise = 1.4826 * float(np.median(np.abs(np.diff(mean, 2)))) / 6**0.5
    texture = 1.4826 * np.median(np.abs(np.diff(components[:, SLOW:], 2, axis=0)), axis=1) / 6**0.5
    striking = np.abs(apart) > STRIKING * np.maximum(noise, np.pad(texture, 1, mode="edge"))
    for place in np.flatnonzero(striking):
        other = round(2 * (len(mean) // 2 + axis) - place)
        near = curved[max(0, other - 1) : max(0, other + 2)]
        alike = near * np.sign(apart[place]) > PARTNER * abs(apart[place])
        striking[place] = not alike.any() and abs(other - place) > 4  # a point at the axis is seen by one pixel
    return striking


def _filtered(components: Array, band: tuple[float, float]) -> tuple[Array, float]:
    """Return components with the frequencies of a band along the detector alone, and the share of frequencies that they are."""
    pixels = len(components)
    ramp = components[0] + np.linspace(0, 1, pixels)[:, None] * (components[-1] - components[0])
    frequencies = np.fft.fftfreq(pixels)
    within = (abs(frequencies) >= band[0]) & (abs(frequencies) <= band[1])
    return np.fft.ifft(np.fft.fft(components - ramp, axis=0) * within[:, None], axis=0).real, float(within.mean())


def _power(components: Array, band: tuple[float, float]) -> Array:
    """Return the variance of each component at the frequencies of a band, heedless of edges of the object."""
    filtered, share = _filtered(components, band)
    return np.asarray((1.4826 * np.median(np.abs(filtered), axis=0)) ** 2 / share)


def _is_round(mean: Array, axis: float) -> bool:
    """Tell whether the fine detail of the mean projection is seen on both sides of the axis of rotation."""
    pixels = len(mean)
    fine = _filtered(mean[:, None], (FINE[0][0], 0.5))[0][:, 0]
    mirrored = np.fft.rfft(fine[::-1])
    place = np.arange(pixels)
    for off in OFF:
        middle = 2 * (pixels // 2 + axis + off)
        other = np.fft.irfft(mirrored * np.exp(-2j * np.pi * np.fft.rfftfreq(pixels) * (middle - (pixels - 1))), n=pixels)
        both = (middle - place >= 0) & (middle - place <= pixels - 1)
        if both.sum() > DETECTOR // 2 and np.corrcoef(fine[both], other[both])[0, 1] > ALIKE:
            return True
    return False
