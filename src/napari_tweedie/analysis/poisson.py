"""Poisson editing: a region filled or pasted without a seam, by gradients and the pixels around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from napari_tweedie.analysis.multigrid import PoissonSolver
from napari_tweedie.core.array_input import ArrayInput, Input
from napari_tweedie.core.method import Method, Parameter

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOLERANCE = 1e-5
"""Of the solution, as a share of the image's range."""


class PoissonEditing(Method):
    """Gives a region of an image the gradients of another and keeps all pixels around it (Pérez, Gangnet & Blake 2003).

    ``min_u Σ |u_p − u_q − v_pq|²`` over the neighbours p, q of which one is in the region, u being the image outside of it. The
    border of the image, where a region reaches it, is free. Removes an artefact of any size, or merges exposures, where
    brightness may differ but detail is to be kept; small dead regions within texture are better restored as missing pixels.
    """

    name: ClassVar[str] = "poisson-editing"
    title: ClassVar[str] = "Seamless paste or fill"

    region: ArrayInput = Parameter(Input.needed("region"), "Marks the pixels to replace: zero or not.", layer="labels")
    source: ArrayInput = Parameter(
        Input(None), "Image, on the same pixels, whose detail is pasted; none: the region is filled smoothly.", layer="image"
    )
    gradients: Literal["replace", "maximum", "average"] = Parameter(
        "replace", "Whose gradients the region gets: the source's, the steeper ones of both, or their mean."
    )

    def __call__(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Return the image, float32, with its region replaced, plane by plane.

        Parameters
        ----------
        image : array
            Planes (…, Y, X); the source has its shape, the region too or that of one plane.

        Raises
        ------
        ValueError
            If the shapes do not fit, or the region covers a whole plane.
        """
        region, source = _marked(self.region, image), self._source(image)
        result = np.array(image, dtype=np.float32)
        for index in np.ndindex(image.shape[:-2]):
            if region[index].any():
                result[index] = edit(image[index], None if source is None else source[index], region[index], self.gradients)
        return result

    def _source(self, image: NDArray[Any]) -> NDArray[Any] | None:
        source = self.source.array
        if source is None and self.source.name:
            raise ValueError(f"the array {self.source.name!r} is not at hand: pass it beside the recipe")
        if source is not None and source.shape != image.shape:
            raise ValueError(f"the source has shape {source.shape}, the image {image.shape}: they must be equal")
        return source


def _marked(region: Input, image: NDArray[Any]) -> NDArray[np.bool_]:
    if region.array is None:
        raise ValueError(f"the array {region.name!r} is not at hand: pass it beside the recipe")
    if region.array.shape not in (image.shape, image.shape[-2:]):
        raise ValueError(f"the region has shape {region.array.shape}, the image {image.shape}: they must be equal")
    return np.broadcast_to(region.array != 0, image.shape)


def edit(
    target: NDArray[Any], source: NDArray[Any] | None, region: NDArray[np.bool_], gradients: str = "replace"
) -> NDArray[np.float32]:
    """Return one plane (Y, X) with its region, of at least one pixel, replaced, as `PoissonEditing` says.

    Without a source the gradients are zero. What the plane holds inside of the region counts for "maximum" and "average" alone;
    it may be NaN otherwise.
    """
    box = _bounding_box(region)
    marked = region[box]
    solver = PoissonSolver(marked)
    start = target[box].astype(np.float64)
    known = start[~marked]
    asked = start if gradients != "replace" else known
    if not np.isfinite(asked).all():
        raise ValueError(
            f"the image holds {int((~np.isfinite(asked)).sum())} values that are not finite at the border of the region"
            f"{'' if gradients == 'replace' else ' or in it'}: mark them, too, or replace them"
        )
    if gradients == "replace":
        start[marked] = known.mean()
    wanted = np.zeros_like(start) if source is None else source[box].astype(np.float64)
    value_range = max(float(np.ptp(known)), float(np.ptp(wanted[marked]))) or 1.0
    correction = solver.solve(np.where(marked, _missing(wanted, start, gradients), 0), TOLERANCE * value_range)
    result = np.array(target, dtype=np.float32)
    result[box][marked] = (start + correction)[marked]
    return result


def _bounding_box(region: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return the smallest rectangle that holds the region and its neighbours."""
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    return slice(max(0, rows[0] - 1), rows[-1] + 2), slice(max(0, columns[0] - 1), columns[-1] + 2)


def _missing(wanted: NDArray[np.float64], own: NDArray[np.float64], gradients: str) -> NDArray[np.float64]:
    """Return Σ_q v_pq − (own_p − own_q) for every pixel p: what its differences to its neighbours lack."""
    total = np.zeros_like(own)
    for axis in (0, 1):
        has = np.diff(own, axis=axis)
        lacks = np.moveaxis(_guidance(np.diff(wanted, axis=axis), has, gradients) - has, axis, 0)
        along = np.moveaxis(total, axis, 0)
        along[:-1] -= lacks
        along[1:] += lacks
    return total


def _guidance(wanted: NDArray[np.float64], own: NDArray[np.float64], gradients: str) -> NDArray[np.float64]:
    if gradients == "maximum":
        return np.where(np.abs(wanted) > np.abs(own), wanted, own)
    return (wanted + own) / 2 if gradients == "average" else wanted
