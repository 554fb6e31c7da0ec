"""Layers of a run that come into the viewer, grow while it runs, and stay or go at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from numpy.typing import NDArray

from napari_tweedie.widgets.layers.contrast import fit_contrast, limits_within, sampled
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import METADATA, grey_unit
from napari_tweedie.widgets.layers.result import outliers_layer, result_layer, show_scale, tell
from napari_tweedie.widgets.layers.turns import Turns

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.core.results import Output
    from napari_tweedie.engine.run import Preview
    from napari_tweedie.recipe.recipe import Recipe

FREED = {"denoise": False, "average": False, "sample": True, "restore": True}
"""Jobs whose images are without the noise of their input, and whether they may be brighter than that."""


class Growing:
    """The layers of one run: they share the arrays that the engine fills.

    Parameters
    ----------
    viewer : Viewer
        Where they are shown.
    source : Image
        The input layer.
    crop : Crop
        The crop of the input that is worked on.
    title : str
        What the layers are called after the input's name; empty: each by its result's own name.
    replaces : sequence of Image
        Layers whose place they take.
    metadata : dict
        What is known of how they are made while they grow.
    """

    def __init__(
        self, viewer: Viewer, source: Image, crop: Crop, title: str, replaces: Sequence[Image], metadata: dict[str, Any]
    ) -> None:
        self.viewer = viewer
        self.source = source
        self.crop = crop
        self.title = title
        self.replaces = replaces
        self.metadata = metadata
        self.by_name: dict[str, Image] = {}
        self.outliers: Labels | None = None
        """The pixels that were left out, once that is known, where there are some."""
        self._outputs: dict[str, Output] = {}
        self._turns = Turns()

    def __contains__(self, layer: Any) -> bool:
        return any(layer is own for own in self.by_name.values())

    def show(self, preview: Preview) -> None:
        """Add the layers, the most important one on top, or draw them again."""
        if self.by_name:
            for name, layer in self.by_name.items():
                if self._outputs[name].kind != "image":
                    fit_contrast(layer, self._outputs[name].kind)
                layer.refresh()
            return
        sizes = [stop - start for start, stop in zip(self.crop.start, self.crop.stop, strict=True)]
        for name, image in preview.images.items():
            output = preview.outputs[name]
            stacked = image.shape[:1] if output.count else ()
            shape = image.shape[len(stacked) :]
            shape = (1,) * (len(sizes) - len(shape)) + shape  # the components of a measurement become one image
            zoom = [a / b for a, b in zip(shape[-len(sizes) :], sizes, strict=True)]
            title = " ".join(filter(None, [self.title, name if len(preview.images) > 1 or not self.title else ""]))
            image = image.reshape(stacked + shape)
            unit = unit_of(output, grey_unit(self.source))
            self.by_name[name] = result_layer(self.source, image, title, self.crop.start, zoom, output.kind, unit)
            self.by_name[name].metadata[METADATA] = self.metadata
            self._outputs[name] = output
            layer = self.by_name[name]
            layer.visible = len(self.by_name) == 1  # what else there is waits in the list until it is asked for
        removed_together(self.viewer, self.replaces)
        for layer in self.by_name.values():
            self._turns.add(partial(self._add, layer))
        for name, layer in self.by_name.items():
            if self._outputs[name].kind != "image" and not layer.rgb:
                show_scale(layer)

    def _add(self, layer: Image) -> None:
        """Add a layer: the most important one on top, every other below the one before it."""
        layers, own = self.viewer.layers, list(self.by_name.values())
        place = next(n for n, other in enumerate(own) if other is layer)
        if place == 0:
            layers.append(layer)
        elif own[place - 1] in layers:
            layers.insert(layers.index(own[place - 1]), layer)
            layers.selection.active = own[0]

    def when_added(self, then: Callable[[], object]) -> None:
        """Do something once all layers are in the viewer."""
        self._turns.add(then)

    def forget(self) -> None:
        """Add no more layers."""
        self._turns.forget()

    @property
    def made(self) -> dict[str, Layer]:
        """All layers, the most important first."""
        return {**self.by_name, **({} if self.outliers is None else {"outliers": self.outliers})}

    def add_outliers(self, labels: NDArray[np.uint8]) -> None:
        """Add a hidden layer of the pixels that were left out, below the results, once these are there."""
        self.outliers = outliers_layer(self.source, labels, self.crop.start)
        self._turns.add(partial(self._add_below, self.outliers))

    def _add_below(self, layer: Layer) -> None:
        layers = self.viewer.layers
        place = min((layers.index(own) for own in self.by_name.values() if own in layers), default=0)
        selected = set(layers.selection)
        layers.insert(place, layer)
        layers.selection = selected

    def complete(self, metadata: dict[str, Any], recipe: Recipe) -> None:
        """Store how the layers were made, and fit contrasts to what they show; all images have that of the most important."""
        limits: tuple[float, float] | None = None
        is_image = not recipe.inverts or recipe.degradation.is_image
        for name, layer in self.by_name.items():
            layer.metadata[METADATA] = metadata | {"result": name}
            tell(layer)
            kind = self._outputs[name].kind
            if kind != "image" or not is_image:
                fit_contrast(layer, kind)
            elif recipe.job in FREED and not layer.rgb:
                noise = max(metadata.get("noise_levels", ()), default=0.0)
                limits = limits or limits_within(sampled(layer.data), self.source.contrast_limits, noise, FREED[recipe.job])
                layer.contrast_limits = limits

    def keep(self, metadata: dict[str, Any], recipe: Recipe, where: str, count: int) -> None:
        """Keep the layers of a run that was stopped; of those that are stacks the first `count` images."""
        for name, layer in self.by_name.items():
            if self._outputs[name].count:
                layer.data = layer.data[:count]
            layer.name = f"{layer.name} (stopped at {where})"
        self.complete(metadata | {"stopped": where}, recipe)

    def remove(self) -> None:
        """Take the layers out of the viewer."""
        self._turns.forget()
        removed_together(self.viewer, self.by_name.values())


def unit_of(output: Output, grey: str) -> str:
    """Return the unit of a result that has a colour bar, by that of grey levels; nothing where it is not known."""
    if output.kind == "image" or not grey:
        return ""
    return {1: grey, -1: f"1/{grey}"}.get(output.power, "")


def removed_together(viewer: Viewer, layers: Iterable[Image]) -> None:
    """Remove layers, those that are there; napari tidies up once, rather than after each, where it can."""
    there = [layer for layer in layers if layer in viewer.layers]
    together = getattr(viewer.layers, "batched_update", nullcontext) if len(there) > 1 else nullcontext  # napari 0.9
    with together():
        for layer in there:
            viewer.layers.remove(layer)
