"""Clues to what a layer needs: what was found on it, and what is open beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Layer

from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.recipe.proposal import Clues
from napari_tweedie.widgets.layers.input import recipe_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_tweedie.engine.survey import Survey

SCANNED = {"radon": ("sinogram", "projections"), "fourier-mask": ("k-space", "kspace")}
"""Parts of the names of layers that tell that they are no images yet, by how they were measured."""
GRID = ("place along y", "place along x")
"""Names of the first axes of layers that hold several point-spread functions, for places of the field."""
MARKS = ("mask", "missing")
"""Parts of the names of Labels layers that are taken to mark missing pixels."""


def beside(image: Image, layers: Iterable[Layer]) -> Clues:
    """Return what is open beside a layer, as clues; of the layer itself, how it was simulated if it was."""
    others = [layer for layer in layers if layer is not image]
    made: dict[str, Any] = recipe_of(image)
    named = [layer for layer in others if isinstance(layer, Image) and "psf" in layer.name.lower()]
    images = [layer for layer in named if kernel_axes(layer) <= image.ndim]
    marks = [layer for layer in others if isinstance(layer, Labels) and any(word in layer.name.lower() for word in MARKS)]
    return Clues(
        Gaussian(sigma=0.0),
        psf=images[0].name if images else "",
        psf_is_volume=bool(images) and kernel_axes(images[0]) == 3,
        mask=marks[0].name if marks else "",
        scan=next((scan for scan, words in SCANNED.items() if any(word in image.name.lower() for word in words)), ""),
        simulated=made if made.get("job") == "degrade" else {},
    )


def kernel_axes(layer: Layer) -> int:
    """Return the number of axes of the point-spread function that a layer is, without the rows and columns of one that varies."""
    return layer.ndim - 2 * (tuple(layer.axis_labels[:2]) == GRID)


def with_survey(clues: Clues, survey: Survey) -> Clues:
    """Return clues with what was found on the layer."""
    finest = survey.detail.finest if survey.detail is not None else float("inf")
    return clues.with_found(survey.channel.noise, survey.noise_share, survey.photons, finest, survey.missing)


def named(name: str, layers: Iterable[Layer]) -> Layer:
    """Return the layer of a name.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = next((layer for layer in layers if layer.name == name), None)
    if found is None:
        raise ValueError(f"the layer {name!r} was removed or renamed")
    return found
