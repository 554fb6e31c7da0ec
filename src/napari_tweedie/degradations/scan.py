"""Scan of k-space: what a measurement tells of its sampling, its coils, its phase and its conventions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations import coils
from napari_tweedie.degradations.complex_fourier import ComplexFourier

if TYPE_CHECKING:
    from napari_tweedie.degradations.coils import Complex, Mask
    from napari_tweedie.degradations.degradation import Degradation
    from napari_tweedie.degradations.fourier import FourierMask

OF_IMAGE = (-2, -1)


def fit(operator: FourierMask, spectrum: Complex) -> Degradation:
    """Return the operator that measured a spectrum, (coils, Y, X), with what was found in its notes.

    Raises
    ------
    ValueError
        If sensitivities fit no way, or the middle of k-space was not measured.
    """
    if not spectrum.any():
        raise ValueError("the measurement is zero everywhere: nothing was measured")
    mask, notes = measured(operator, spectrum)
    first = coils.uncentred(spectrum)
    for axis in first:
        notes.append(f"The zero frequency is first along {_named(axis)}, not in the middle: it was taken so.")
    centred = np.fft.fftshift(spectrum, axes=first)
    inside = np.fft.fftshift(mask, axes=first)
    given = operator.maps
    if operator.phase == "none":
        if first:
            raise ValueError("phase='none' needs the zero frequency in the middle: apply np.fft.fftshift, or choose phase='keep'")
        if given is None and len(spectrum) > 1:
            raise ValueError("a real image seen by several coils needs their sensitivity: give it, or choose phase='keep'")
        return operator.of_sampling(mask, notes)
    if given is not None and not given.any():
        raise ValueError("the sensitivities are zero everywhere: no coil has seen anything")
    images = coils.low_resolution(centred, inside)
    corner = coils.at_corner(images)
    if corner and given is None:
        axes = " and ".join(_named(axis) for axis in corner)
        notes.append(f"The middle of the image lay at its border along {axes}: it was moved to the middle.")
        images = np.fft.fftshift(images, axes=corner)
    else:
        corner = ()
    if given is None and len(spectrum) > 1:
        sensitivity = coils.adaptive_combine(images)
        phase = np.angle(sensitivity[np.abs(images).sum((1, 2)).argmax()])
        notes.append(f"The sensitivities of {len(spectrum)} coils were estimated from the middle of k-space.")
    else:
        sensitivity = np.ones_like(images) if given is None else coils.checked(given, images)
        if given is not None:
            sensitivity, turn = coils.fitting(sensitivity, images)
            if str(turn):
                notes.append(f"The sensitivities fit what the coils see with {turn}: they were taken so.")
        if operator.phase == "auto" and not first and not corner and coils.is_real(sensitivity, images):
            return operator.of_sampling(mask, notes)
        phase = np.angle((sensitivity.conj() * images).sum(0))
        sensitivity = coils.with_phase(sensitivity, images)
    if operator.phase == "auto":
        notes.append("The image has phase, and this is its magnitude; phase='keep' returns its phase, too.")
    known, angles, seen = (torch.from_numpy(array) for array in (sensitivity, phase, mask))
    return ComplexFourier.of(known, angles, seen, notes, first, corner)


def measured(operator: FourierMask, spectrum: Complex) -> tuple[Mask, list[str]]:
    """Return which frequencies of a spectrum were measured, as they lie there, and what the user should know of that."""
    shape = spectrum.shape[-2:]
    found = (spectrum != 0).any(0)
    mask = operator.mask(shape)
    if operator.sampling.array is not None:
        beyond = int((found & ~mask).sum())
        told = f"{beyond} frequencies that sampling says were not measured hold values: those were left out."
        return mask, [told] if beyond else []
    if found.all() and not mask.all():
        share = f"{mask.mean():.0%}"
        return mask, [
            f"All frequencies hold values; the {share} of the pattern {operator.pattern!r} were used: acceleration=1 uses all, "
            "sampling says which."
        ]
    return found, []


def _named(axis: int) -> str:
    return "Y" if axis == OF_IMAGE[0] else "X"
