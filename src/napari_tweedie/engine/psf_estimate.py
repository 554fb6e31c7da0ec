"""Estimate of a point-spread function, for Python and the command line: from beads, or from an image of anything."""

from __future__ import annotations

from dataclasses import dataclass
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field

from napari_tweedie import degradations
from napari_tweedie.analysis.beads import psf_of_beads, widths_of
from napari_tweedie.analysis.psf_field import FEWEST, PsfField, psf_field
from napari_tweedie.core.method import checked
from napari_tweedie.degradations.blur import Blur
from napari_tweedie.degradations.microscope import ASSUMED, MicroscopePsf
from napari_tweedie.engine.blind_blur import find_blur, unknowns
from napari_tweedie.engine.free_form import freed
from napari_tweedie.images.arrays import as_array, check_representable, fetched
from napari_tweedie.images.sources import as_picture
from napari_tweedie.images.units import METRES, is_relative

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        Of odd sides and sum 1, its centre in the middle pixel; the ``psf`` of `nt.restore`. Where it varies over the field, rows
        and columns of such functions, from border to border, two axes in front.
    fwhm : tuple of float
        Full width at half maximum along every axis, in pixels; of one that varies, of the mean of all.
    spacing : tuple of float
        Size of its pixels along every axis, in `unit`; 1 where it is unknown.
    unit : str
        Unit of the spacing.
    notes : list of str
        How it was found, a sentence each.
    degradation : Blur, optional
        The model of it that was found in an image, or the function of free form, for `nt.restore`; None of beads.
    places : tuple of tuple of float
        Where the rows and the columns of functions that vary lie in the image of beads, in pixels; else empty.
    """

    psf: NDArray[np.float32]
    fwhm: tuple[float, ...]
    spacing: tuple[float, ...]
    unit: str
    notes: list[str]
    degradation: Blur | None = None
    places: tuple[tuple[float, ...], ...] = ()

    @property
    def ndim(self) -> int:
        """Number of axes of a function."""
        return len(self.fwhm)

    @property
    def axes(self) -> str:
        """Axes of the array in a file: rows and columns of functions are frames and channels."""
        return "tc"[: self.psf.ndim - self.ndim] + "zyx"[-self.ndim :]


def estimate_psf(
    image: Any,
    source: Literal["beads", "image"] = "beads",
    *,
    degradation: Any = "gaussian-blur",
    unknown: str | None = None,
    radius: tuple[int, ...] | None = None,
    sigma: float | None = None,
    varying: bool = False,
    refined: bool = False,
) -> PsfEstimate:
    """Find the point-spread function of a microscope or camera.

    Parameters
    ----------
    image : array-like, layer or path
        A plane (Y, X), or of beads a stack (Z, Y, X), too.
    source : str
        "beads": isolated points are averaged. "image": the width of a blur is told from any blurred plane, see `find_blur`.
    degradation : str, dict or Degradation
        Of which kind the blur of an image is, with what is known of it: "gaussian-blur" or "microscope-psf".
    unknown : str, optional
        What is to be found of it: "std", or "na" of a microscope; if nothing is said, that.
    radius : tuple of int, optional
        How far the function of beads reaches along every axis, in pixels, 2 or more.
    sigma : float, optional
        Noise level of a plane, if it is known; it is measured otherwise.
    varying : bool
        Whether the function of beads may differ over the field; one function is found where they are alike.
    refined : bool
        Whether the function of an image may depart from its model, see `freed`: for blurs that are longer one way than the other,
        or have tails. It takes minutes; the model is kept where that foretells the image no better.

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
        if refined:
            raise ValueError("refined is for source='image': the function of beads has no model that it could depart from")
        radius = None if radius is None else checked(GenericAlias(tuple, (Reach,) * pixels.ndim), radius=radius)
        if varying:
            return _varying(psf_field(pixels, radius), pixels.shape[-2:], spacing, picture.unit)
        found = psf_of_beads(pixels, radius)
        widths = zip(found.fwhm, found.spread, strict=True)
        spread = " × ".join(f"{width:.2f}" + (f" ± {each:.2f}" if each == each else "") for width, each in widths)
        notes = [*found.notes, f"Full width at half maximum: {spread} px.", *_differing(pixels, radius, len(found.places))]
        return PsfEstimate(found.psf.astype(np.float32), found.fwhm, spacing, picture.unit, notes)
    if varying:
        raise ValueError("how a blur varies over the field is told from beads alone: choose source='beads'")
    if pixels.ndim != 2:
        raise ValueError(f"the blur of an image is told from a plane (got shape {pixels.shape}): choose one, or beads")
    family, notes = _family(degradation, spacing, picture.unit)
    name = _unknown(family, unknown)
    noise = None if sigma is None else {"name": "gaussian", "sigma": checked(Level, sigma=sigma)}
    blind = find_blur(pixels, family, name, noise)
    kernel = blind.degradation.kernel(2)
    fwhm = widths_of(kernel)
    told = f"{name} = {blind.value:.3g} {type(family).hint(name, 'unit')}".rstrip() + f" (full width {fwhm[0]:.2f} px)"
    notes = [_sentence(told, blind.is_bound, blind.between), *notes]
    degradation = blind.degradation
    if refined:
        free = freed(blind)
        if free is None:
            notes.insert(0, "No function of free form foretells the image better than the model: that is kept.")
        else:
            degradation, kernel = free, free.kernel(2)
            fwhm = widths_of(kernel)
            wide = " × ".join(f"{width:.2f}" for width in fwhm)
            notes = [f"A function of free form, {wide} px wide, foretells the image better than the model.", *notes]
    return PsfEstimate(kernel.astype(np.float32), fwhm, spacing, picture.unit, notes, degradation)


def _varying(found: PsfField, field: tuple[int, ...], spacing: tuple[float, ...], unit: str) -> PsfEstimate:
    """Return the functions of a field, or the one of all where beads are alike."""
    grid, count = found.psfs, f"{found.count} beads{f'; left out: {found.left_out}' if found.left_out else ''}"
    mean = grid.mean((0, 1))
    notes = [f"The beads are alike over the field: one function was made of {count}."]
    if grid.shape[:2] != (1, 1):
        widths = zip(found.narrowest, found.widest, strict=True)
        said = " × ".join(
            f"{least:.2f} to {most:.2f}" if np.isfinite(most) else f"{least:.2f} and more" for least, most in widths
        )
        notes = [
            f"{grid.shape[0]} × {grid.shape[1]} functions over the field were made of {count}.",
            f"Full width at half maximum: {said} px; beads and image must show the same field.",
        ]
    psf, places = (grid, grid.shape[:2]) if len(notes) > 1 else (mean, ())
    at = tuple(tuple(np.linspace(0, n - 1, count).tolist()) for n, count in zip(field, places, strict=False))
    return PsfEstimate(psf.astype(np.float32), widths_of(mean / mean.sum()), spacing, unit, notes, places=at)


def _differing(pixels: NDArray[np.float64], radius: tuple[int, ...] | None, count: int) -> list[str]:
    """Say that beads differ over the field, if they do."""
    if count < FEWEST:
        return []
    try:
        found = psf_field(pixels, radius)
    except ValueError:  # boxes that hold the widest of them leave too few with room
        return []
    if not found.varies:
        return []
    sizes = f"{found.narrowest[-1]:.2f} to {found.widest[-1]:.2f}"
    return [f"Beads differ over the field: they are {sizes} px wide along X; a function that varies would fit them better."]


def _sentence(told: str, is_bound: bool, between: tuple[float, float]) -> str:
    if is_bound:
        return f"The image is hardly blurred: not wider than with {told}, the narrowest that is told from none."
    return (
        f"With {told} a restoration foretells the measurement well; {between[0]:.3g} to {between[1]:.3g} foretell it nearly as "
        "well as the best, from narrow to wide, and the narrow side is the safe one. Blur that the scene itself has counts in: "
        "where the result looks too sharp, take a narrower one."
    )


def _family(degradation: Any, spacing: tuple[float, ...], unit: str) -> tuple[Blur, list[str]]:
    """Return the blur of which something is to be found, with the size of pixels that the image says, and what was assumed."""
    family = degradations.registry.build(degradation)
    if not isinstance(family, Blur) or not unknowns(type(family)):
        names = ", ".join(repr(kind) for kind, method in degradations.registry.all().items() if unknowns(method))
        raise ValueError(f"of the degradation {family.name!r} nothing is found in an image: choose one of {names}")
    if not isinstance(family, MicroscopePsf) or family.pixel is not None:
        return family, []
    if is_relative(unit):
        return family.model_copy(update={"pixel": ASSUMED[-1]}), family.notes(2)[-1:]
    return family.model_copy(update={"pixel": spacing[-1] * METRES[unit] * 1e9}), []


def _unknown(family: Blur, name: str | None) -> str:
    known = unknowns(type(family))
    if name is not None and name not in known:
        raise ValueError(f"unknown must be {' or '.join(known)} of {family.name!r} (got {name!r})")
    return name or known[0]
