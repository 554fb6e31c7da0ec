"""Trial of a proposal on a small part of a layer: taken in the window's thread, computed in another, shown as two pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_tweedie.images.axes import Layout
from napari_tweedie.images.structure import structured
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import image_array

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_tweedie.core.array_input import Input
    from napari_tweedie.recipe.recipe import Recipe

SIDE, VOLUME_SIDE = 176, 48
"""Pixels along Y and X of the part that is tried: of a plane, and of a stack."""
MOST_PLANES = 24
ITERATIONS = 5
"""Of a solver: after so few one sees what it will do."""
QUICK = "unet-small"


@dataclass(frozen=True)
class Trial:
    """What to try on which layer.

    Parameters
    ----------
    layer : Image
        The layer.
    recipe : Recipe
        What to do, with axes, sizes and noise known.
    seen : Crop
        What is seen of the layer; the trial is made on a part of it.
    place : tuple of int
        Where the viewer's sliders stand, in pixels of the layer.
    inputs : dict
        Arrays that the recipe names; masks as large as the field.
    """

    layer: Image
    recipe: Recipe
    seen: Crop
    place: tuple[int, ...]
    inputs: dict[str, Input] = field(default_factory=dict)
    stopped: Event = field(default_factory=Event)
    """Set to stop it: its answer is no longer wanted."""

    @property
    def is_of_a_part(self) -> bool:
        """Whether a part of the layer tells what becomes of that part: not of projections, nor of frequencies."""
        return not self.recipe.inverts or self.recipe.degradation.is_image

    @property
    def noise(self) -> float:
        """Level of the noise in the dark; 0 where it is not known yet."""
        return self.recipe.noise.level(0.0) or 0.0

    def run(self, quick: bool) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the plane before and after, (Y, X) or (Y, X, samples).

        Parameters
        ----------
        quick : bool
            Whether the small network takes the place of a larger one.

        Raises
        ------
        ValueError
            If the recipe cannot be run on the layer.
        Cancelled
            If it was stopped.
        """
        from napari_tweedie.engine.run import last, run

        recipe, crop = quickened(self.recipe, quick), self._crop()
        array = image_array(self.layer)
        part, inputs = np.asarray(crop.of(array)), crop.of_inputs(self.inputs, recipe, array.shape)
        after = last(run(recipe, part, cancelled=self.stopped.is_set, **inputs)).image
        return self._shown(part, crop), self._shown(after, crop)

    def before(self) -> NDArray[Any]:
        """Return the plane as it is, of the same part; nothing is computed for it."""
        crop = self._crop()
        return self._shown(np.asarray(crop.of(image_array(self.layer))), crop)

    def _crop(self) -> Crop:
        """Return the part that is tried: where there is most to see in what is seen, and of a stack the planes around it."""
        if not self.is_of_a_part:
            return self.seen
        volume, axes = self.recipe.volume, self.recipe.axes
        seen, array = self.seen, image_array(self.layer)
        start, stop = structured(array, seen.start, seen.stop, axes, VOLUME_SIDE if volume else SIDE)
        if volume:
            at = axes.index("z")
            middle = min(max(self.place[at], start[at] + MOST_PLANES // 2), stop[at] - MOST_PLANES // 2)
            start[at], stop[at] = max(start[at], middle - MOST_PLANES // 2), min(stop[at], middle + MOST_PLANES // 2)
        return Crop(tuple(start), tuple(stop))

    def _shown(self, image: NDArray[Any], crop: Crop) -> NDArray[Any]:
        """Return the plane of a part that is looked at, or of what became of it."""
        axes, volume = self.recipe.axes, self.recipe.volume
        index = tuple(0 for axis in axes if axis not in ("zyxs" if volume else "yxs"))
        depth = self.place[axes.index("z")] - crop.start[axes.index("z")] if volume else 0
        return _plane(image, axes, volume, index, depth)


def quickened(recipe: Recipe, quick: bool) -> Recipe:
    """Return a recipe with few iterations and, if `quick`, the small network in place of a larger one."""
    from napari_tweedie import denoisers
    from napari_tweedie.recipe.defaults import resolved
    from napari_tweedie.solvers.richardson_lucy import RichardsonLucy

    recipe = resolved(recipe)
    changed: dict[str, Any] = {}
    if quick and recipe.denoiser.name.startswith("unet"):
        changed["denoiser"] = denoisers.registry.build(QUICK)
    if recipe.job == "restore" and hasattr(recipe.solver, "iterations") and not isinstance(recipe.solver, RichardsonLucy):
        fewer = min(int(recipe.solver.iterations), ITERATIONS if recipe.degradation.name != "mask" else 12)
        changed["solver"] = recipe.solver.model_copy(update={"iterations": fewer})
    return recipe.model_copy(update=changed)


def _plane(image: NDArray[Any], axes: str, volume: bool, index: tuple[int, ...], depth: int) -> NDArray[Any]:
    """Return a plane of an image of one block, colour last."""
    block = Layout(axes, tuple(image.shape), volume).read(image, index)
    plane = block[:, min(max(depth, 0), block.shape[1] - 1)] if volume else block
    return plane[0] if len(plane) == 1 else np.moveaxis(plane, 0, -1)
