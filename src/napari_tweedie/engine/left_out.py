"""Pixels of an image that are left out: missing ones, and outliers; what stands in for them, and what is told of them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.core.lazy import torch
from napari_tweedie.degradations import Degradation
from napari_tweedie.engine.bad_pixels import labelled
from napari_tweedie.engine.bad_pixels import told as kinds_told
from napari_tweedie.images.missing import filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from napari_tweedie.engine.channel import Channel
    from napari_tweedie.images.axes import Index, Layout
    from napari_tweedie.recipe.recipe import Recipe


class LeftOut:
    """Which pixels of the blocks of an image hold no value, do not count, or are outliers.

    Parameters
    ----------
    recipe : Recipe
        Says whether outliers are kept, and which pixels its degradation knows nothing of.
    layout : Layout
        How the image is cut into blocks.
    read : callable
        Returns a block as it is, shape (samples, components, [Z,] Y, X).
    cut : callable
        Returns the recipe's degradation for a block.
    """

    def __init__(
        self,
        recipe: Recipe,
        layout: Layout,
        read: Callable[[Index], NDArray[Any]],
        cut: Callable[[Index], Degradation],
    ) -> None:
        self.recipe, self.layout = recipe, layout
        self._read, self._cut = read, cut
        self._missing: dict[Index, NDArray[np.bool_] | None] = {}
        self._outliers: dict[Index, NDArray[np.int_]] = {}

    def missing(self, index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block are not finite, or masked: shape (1, 1, [Z,] Y, X), True where any sample is."""
        if index not in self._missing:
            block = self._read(index)
            bad = None if block.dtype.kind != "f" else ~np.isfinite(block).all((0, 1), keepdims=True)
            self._missing[index] = bad if bad is not None and bad.any() else None
        found = self._missing[index]
        return self._none() if found is None else found

    def nowhere(self, index: Index) -> NDArray[np.bool_]:
        """Return, in the same way, which pixels have no value in any of the blocks that a block of the result is made of."""
        if self.recipe.job != "average":
            return self.missing(index)
        return np.all([self.missing(other) for other in self.layout.along(index, self.recipe.along)], axis=0)

    def degradation(self, index: Index) -> Degradation:
        """Return the degradation of a block, told of its missing pixels where it knows such."""
        degradation, missing = self._cut(index), self.missing(index)[0, 0]
        return degradation.without(missing) if degradation.loses_pixels and missing.any() else degradation

    def observed(self, shape: tuple[int, ...], index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block count: all but those that the degradation says are missing."""
        degradation = self.degradation(index)
        if not self.recipe.inverts or type(degradation).observed is Degradation.observed:
            return np.ones(shape, bool)
        observed = degradation.observed(torch.empty((1, *shape[1:])))
        return np.broadcast_to(observed[0].numpy(), shape)

    def masked(self, block: NDArray[Any], index: Index) -> NDArray[Any]:
        """Return a block of this place, shape (samples, components, [Z,] Y, X), NaN where pixels are missing or do not count."""
        known = self.observed(block.shape, index) & ~self.missing(index)
        return block if known.all() else np.where(known, block, np.nan)

    def outliers(self, index: Index, channel: Channel | None) -> NDArray[np.bool_]:
        """Return which pixels of a block neither their neighbours nor the noise explain, where those are left out; else none."""
        found = self._none()
        if index not in self._outliers:
            if channel is None or not self.leaves_out_outliers:
                return found
            planes = self.masked(self._read(index), index)
            for plane, marked in zip(planes.reshape(-1, *planes.shape[-2:]), found.reshape(-1, *found.shape[-2:]), strict=True):
                marked[:] = channel.outliers(plane)
            self._outliers[index] = _signed(planes[0, 0], found[0, 0])
        found[(0, 0, *self._outliers[index][:, :-1].T)] = True
        return found

    def labels(self) -> NDArray[np.uint8] | None:
        """Return the outliers of all blocks by their kind, in the shape of the image; None where there are none."""
        return labelled(self._outliers, self.layout)

    def filled(self, block: NDArray[Any], index: Index, channel: Channel | None) -> NDArray[Any]:
        """Return a block, missing pixels and outliers filled in from around them.

        Raises
        ------
        ValueError
            If values of a measurement that does not look like an image are missing.
        """
        missing = self.missing(index)
        if missing.any() and self.recipe.inverts and not self.recipe.degradation.is_image:
            if self.recipe.degradation.leaves_out_missing:
                return np.where(np.isfinite(block), block, np.nan)
            if (missing & self.observed(block.shape, index)).any():
                raise ValueError(
                    f"a measurement by {self.recipe.degradation.name!r} must be finite (got {int(missing.sum())} values that "
                    "are not finite, or masked)"
                )
            return np.where(missing, 0, block)
        left_out = missing | self.outliers(index, channel)
        return filled(block, np.broadcast_to(left_out, block.shape)) if left_out.any() else block

    @property
    def leaves_out_outliers(self) -> bool:
        """Whether outliers are left out: from grey images whose noise is removed."""
        removes = self.recipe.job in ("denoise", "decompose", "restore", "sample", "outliers")
        is_image = not self.recipe.inverts or self.recipe.degradation.is_image
        return self.recipe.outliers == "auto" and removes and is_image and "s" not in self.layout.axes

    @property
    def restores_missing(self) -> bool:
        """Whether the result has a value where the image has none, as the degradation says that pixels are missing."""
        return self.recipe.inverts and (self.recipe.degradation.loses_pixels or not self.recipe.degradation.is_image)

    def empty(self, index: Index, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
        """Return which pixels of a result, of a shape that may be finer or coarser, have no value; None where all have."""
        if self.restores_missing or self.recipe.job == "blend":  # which fills its region, and leaves alone the rest
            return None
        missing = self.nowhere(index)[0, 0]
        if not missing.any():
            return None
        for axis, (length, own) in enumerate(zip(shape, missing.shape, strict=True)):
            missing = missing.take(np.arange(length) * own // length, axis)
        return missing

    def notes(self) -> list[str]:
        """Return what the user should know of missing pixels and outliers of all blocks that were looked at, a sentence each."""
        found = {index: missing for index, missing in self._missing.items() if missing is not None}
        if self.recipe.inverts and self.recipe.degradation.leaves_out_missing:  # which tells of them itself
            found = {}
        if self.restores_missing:
            found = {index: missing & self._marked_known(index) for index, missing in found.items()}
        count = sum(int(missing.sum()) for missing in found.values())
        told, labels = [], self.labels()
        if labels is not None:
            marked, kinds = int(np.count_nonzero(labels)), kinds_told(labels)
            several = f"{marked} pixels that neither their neighbours nor the noise explain ({kinds}) were left out"
            single = f"1 pixel that neither its neighbours nor the noise explain ({kinds}) was left out"
            said = f"{single}, and filled in from around it" if marked == 1 else f"{several}, and filled in from around them"
            told = [f"{said}; outliers: keep takes them as they are."]
        if not count or self.recipe.job == "blend":
            return told
        empty = sum(bool(missing.all()) for missing in found.values())
        planes = f"{empty} of {len(self.layout)} images wholly, " if empty and len(self.layout) > 1 else ""
        what = f"{count} {'pixel is' if count == 1 else 'pixels are'} missing ({planes}not finite, or masked)"
        if self.restores_missing:
            return [*told, f"{what}, besides those that are marked, and treated alike."]
        return [*told, f"{what}, and empty in the result; Deblur with missing pixels fills them in."]

    def _none(self) -> NDArray[np.bool_]:
        return np.zeros((1, 1, *self.layout.block_shape), bool)

    def _marked_known(self, index: Index) -> NDArray[np.bool_]:
        """Return which pixels of a block the degradation alone knows nothing against."""
        return self._cut(index).observed(torch.empty((1, 1, *self.layout.block_shape))).numpy()


def _signed(block: NDArray[Any], outliers: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Return the places of outliers in a block, and 1 for those above their surroundings, −1 for those below."""
    places = np.argwhere(outliers)
    if not len(places):
        return np.empty((0, outliers.ndim + 1), int)
    known = np.where(outliers, np.nan, block)
    framed = np.pad(known, [(0, 0)] * (block.ndim - 2) + [(1, 1)] * 2, constant_values=np.nan)
    *stack, y, x = places.T
    around = np.stack([framed[(*stack, y + dy, x + dx)] for dy, dx in product(range(3), range(3))])
    alone = np.isnan(around).all(0)
    around[:, alone] = np.nanmedian(known) if alone.any() else 0
    signs = np.where(block[outliers] > np.nanmedian(around, 0), 1, -1)
    return np.column_stack([places, signs])
