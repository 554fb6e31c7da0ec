"""Estimate of a point-spread function, for Python and the command line: from beads, or from an image of anything."""

from __future__ import annotations

from dataclasses import dataclass
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from napari_tweedie.analysis.beads import FEWEST, psf_of_beads
from napari_tweedie.analysis.blind_std import std_of_blur
from napari_tweedie.core.method import checked
from napari_tweedie.degradations.blur import GaussianBlur
from napari_tweedie.engine.functions import measure_noise
from napari_tweedie.images.arrays import as_array, check_representable, fetched
from napari_tweedie.images.sources import as_picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

FWHM = 2 * np.sqrt(2 * np.log(2))
"""Full width at half maximum of a Gaussian over its standard deviation."""
SOURCES = ("beads", "image")
Reach = Annotated[int, Field(ge=2)]
Level = Annotated[float, Field(ge=0)]
"""What a radius, in pixels, and a noise level may be."""


@dataclass(frozen=True)
class PsfEstimate:
    """A point-spread function that was found.

    Parameters
    ----------
    psf : array
        Of odd sides and sum 1, its centre in the middle pixel; the ``psf`` of `nt.restore`.
    fwhm : tuple of float
        Full width at half maximum along every axis, in pixels.
    spacing : tuple of float
        Size of its pixels along every axis, in `unit`; 1 where it is unknown.
    unit : str
        Unit of the spacing.
    notes : list of str
        How it was found, a sentence each.
    """

    psf: NDArray[np.float32]
    fwhm: tuple[float, ...]
    spacing: tuple[float, ...]
    unit: str
    notes: list[str]


def estimate_psf(
    image: Any, source: Literal["beads", "image"] = "beads", *, radius: tuple[int, ...] | None = None, sigma: float | None = None
) -> PsfEstimate:
    """Find the point-spread function of a microscope or camera.

    Parameters
    ----------
    image : array-like, layer or path
        A plane (Y, X), or of beads a stack (Z, Y, X), too.
    source : str
        "beads": isolated points are averaged. "image": the width of a Gaussian is told from the spectrum of any blurred plane.
    radius : tuple of int, optional
        How far the function of beads reaches along every axis, in pixels, 2 or more.
    sigma : float, optional
        Noise level of a plane, if it is known; it is measured otherwise.

    Raises
    ------
    ValueError
        If the image holds too few beads, or nothing that a blur could be told from; the message says what to change.
    """
    if source not in SOURCES:
        raise ValueError(f"source must be 'beads' or 'image' (got {source!r})")
    picture = as_picture(image)
    pixels = np.asarray(fetched(as_array(picture.data)), np.float64)
    if not np.isfinite(pixels).all():
        raise ValueError(f"{int((~np.isfinite(pixels)).sum())} pixels are not finite: replace them, or crop the image")
    kept = [n for n, length in enumerate(pixels.shape) if length > 1 or n >= pixels.ndim - 2]
    pixels, spacing = pixels.reshape([pixels.shape[n] for n in kept]), tuple(picture.spacing[n] for n in kept)
    if pixels.ndim not in (2, 3):
        raise ValueError(
            f"a point-spread function is of a plane or a stack (got shape {pixels.shape}): choose a channel and a time"
        )
    check_representable(float(pixels.min()), float(pixels.max()))
    if source == "beads":
        radius = None if radius is None else checked(GenericAlias(tuple, (Reach,) * pixels.ndim), radius=radius)
        found = psf_of_beads(pixels, radius)
        spread = " × ".join(f"{width:.2f} ± {each:.2f}" for width, each in zip(found.fwhm, found.spread, strict=True))
        notes = [*found.notes, f"Full width at half maximum: {spread} px."]
        return PsfEstimate(found.psf.astype(np.float32), found.fwhm, spacing, picture.unit, notes)
    if pixels.ndim != 2:
        raise ValueError(f"the blur of an image is told from a plane (got shape {pixels.shape}): choose one, or {FEWEST} beads")
    level = measure_noise(pixels, axes="yx")[0].sigma if sigma is None else checked(Level, sigma=sigma)
    std, slope = std_of_blur(pixels, level)
    notes = [
        f"The spectrum is that of a blur of standard deviation {std:.2f} px (full width {std * FWHM:.2f} px), of an image whose "
        f"power falls as frequency to the power of −{slope:.1f}; on real scenes it was 0 to 60 % too wide, as their own "
        "blur counts in."
    ]
    psf = GaussianBlur(std=std).kernel(2).astype(np.float32)
    return PsfEstimate(psf, (std * FWHM,) * 2, spacing, picture.unit, notes)
