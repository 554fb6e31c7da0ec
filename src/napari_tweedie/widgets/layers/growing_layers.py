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
    from napari.components import LayerList
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
        """Add the layers, one a turn of the window and the most important one first, or draw again those that are seen."""
        if self._outputs:
            for name, layer in self.by_name.items():
                if layer.visible:
                    self._draw(name)
            return
        self._outputs = dict(preview.outputs)
        removed_together(self.viewer, self.replaces)
        for name, image in preview.images.items():
            self._turns.add(partial(self._bring, name, image))

    def _draw(self, name: str) -> None:
        layer, kind = self.by_name[name], self._outputs[name].kind
        if kind != "image":
            fit_contrast(layer, kind)
        layer.refresh()

    def _bring(self, name: str, image: NDArray[Any]) -> None:
        """Make a layer, and add it: the most important one on top, every other below the one before it.

        napari makes controls, selects them, and draws: a turn each.
        """
        layer = self._made_of(name, image)
        layer.metadata[METADATA] = self.metadata
        layer.visible = False  # of all but the first, until it is asked for
        before = next(reversed(self.by_name.values()), None)
        self.by_name[name] = layer
        self._insert(layer, before)
        if before is None:
            self._turns.go_on(partial(self._select, layer), partial(setattr, layer, "visible", True))

    def _insert(self, layer: Image, above: Image | None) -> None:
        layers = self.viewer.layers
        if above is None or above in layers:
            added_unseen(layers, len(layers) if above is None else layers.index(above), layer)
        if self._outputs[self._name_of(layer)].kind != "image" and not layer.rgb:
            show_scale(layer)

    def _name_of(self, layer: Image) -> str:
        return next(name for name, own in self.by_name.items() if own is layer)

    def _select(self, layer: Image) -> None:
        if layer in self.viewer.layers:
            self.viewer.layers.selection.active = layer

    def _made_of(self, name: str, image: NDArray[Any]) -> Image:
        """Return the layer of a result."""
        output = self._outputs[name]
        sizes = [stop - start for start, stop in zip(self.crop.start, self.crop.stop, strict=True)]
        stacked = image.shape[:1] if output.count else ()
        shape = image.shape[len(stacked) :]
        shape = (1,) * (len(sizes) - len(shape)) + shape  # the components of a measurement become one image
        zoom = [a / b for a, b in zip(shape[-len(sizes) :], sizes, strict=True)]
        what = " ".join(filter(None, [self.title, name if len(self._outputs) > 1 or not self.title else ""]))
        image = image.reshape(stacked + shape)
        unit = unit_of(output, grey_unit(self.source))  # is seen beside the colour bar
        return result_layer(self.source, image, what, self.crop.start, zoom, output.kind, unit)

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
        added_unseen(layers, place, layer)

    def complete(self, metadata: dict[str, Any], recipe: Recipe) -> None:
        """Store how the layers were made, and fit contrasts to what they show; all images have that of the most important.

        That happens layer by layer, once they are there: see `when_added`.
        """
        shared: list[tuple[float, float]] = []
        for name in self._outputs:
            self._turns.add(partial(self._complete, name, metadata, recipe, shared))

    def _complete(self, name: str, metadata: dict[str, Any], recipe: Recipe, shared: list[tuple[float, float]]) -> None:
        layer, kind = self.by_name[name], self._outputs[name].kind
        layer.metadata[METADATA] = metadata | {"result": name}
        tell(layer)
        if kind != "image" or (recipe.inverts and not recipe.degradation.is_image):
            fit_contrast(layer, kind)
        elif recipe.job in FREED and not layer.rgb:
            if not shared:
                noise = max(metadata.get("noise_levels", ()), default=0.0)
                shared.append(limits_within(sampled(layer.data), self.source.contrast_limits, noise, FREED[recipe.job]))
            layer.contrast_limits = shared[0]
        if not layer.visible:  # of which only the small picture in the list is seen
            layer.refresh()

    def keep(self, metadata: dict[str, Any], recipe: Recipe, where: str, count: int) -> None:
        """Keep the layers of a run that was stopped; of those that are stacks the first `count` images."""
        for name in self._outputs:
            self._turns.add(partial(self._keep, name, where, count))
        self.complete(metadata | {"stopped": where}, recipe)

    def _keep(self, name: str, where: str, count: int) -> None:
        layer = self.by_name[name]
        if self._outputs[name].count:
            layer.data = layer.data[:count]
        layer.name = f"{layer.name} (stopped at {where})"

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


def added_unseen(layers: LayerList, place: int, layer: Layer) -> None:
    """Add a layer that nobody looks at yet; what is selected stays so, without napari's controls changing to it and back."""
    selection = layers.selection
    active, selected = selection.active, set(selection)
    with selection.events.blocker_all():
        layers.insert(place, layer)
        selection.active = active
        if selection != selected:
            layers.selection = selected
