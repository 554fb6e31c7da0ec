"""Live preview: a preview that follows the form, its middle first, until the layer that shows it is removed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_tweedie.core.results import Cancelled
from napari_tweedie.recipe.defaults import with_neighbours
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import METADATA, image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.layers.result import tell
from napari_tweedie.widgets.parts.trial import SIDE, quickened
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_tweedie.core.array_input import Input
    from napari_tweedie.recipe.recipe import Recipe
    from napari_tweedie.widgets.runs.layer_run import Order

Made: TypeAlias = "tuple[tuple[slice, ...], NDArray[Any]]"
"""Where something lies in the field, and its pixels."""
JOBS = ("denoise", "restore")
PAUSE_MS = 80
"""How long an edit rests before it is computed."""
KEPT = 8
"""Results that are kept, so that going back to one is at once."""


@dataclass(frozen=True)
class Look:
    """One state of the form, computed on the field of a preview.

    Parameters
    ----------
    array : array-like
        The layer's pixels.
    recipe : Recipe
        What to do, its noise known.
    crop : Crop
        The field.
    inputs : dict
        Arrays that the recipe names, cut like the field.
    """

    array: Any
    recipe: Recipe
    crop: Crop
    inputs: dict[str, Input] = field(default_factory=dict)
    stopped: Event = field(default_factory=Event)
    """Set to stop it: its answer is no longer wanted."""

    def middle(self) -> Made:
        """Return the middle of the field, by the quick network and few iterations, and where it lies in the field."""
        start, stop = list(self.crop.start), list(self.crop.stop)
        for n, axis in enumerate(self.recipe.axes):
            if axis in "yx":
                start[n] = max(start[n], (start[n] + stop[n] - SIDE) // 2)
                stop[n] = min(stop[n], start[n] + SIDE)
        place = tuple(slice(a - c, b - c) for a, b, c in zip(start, stop, self.crop.start, strict=True))
        return place, self._run(quickened(self.recipe, True), Crop(tuple(start), tuple(stop)), place)

    def whole(self) -> Made:
        """Return the whole field, as a preview shows it."""
        place = tuple(slice(None) for _ in self.crop.start)
        return place, self._run(self.recipe, self.crop, place)

    def _run(self, recipe: Recipe, crop: Crop, place: tuple[slice, ...]) -> NDArray[Any]:
        from napari_tweedie.engine.run import last, run

        if not recipe.inverts:
            recipe, _ = with_neighbours(recipe, recipe.axes, self.array.shape)
        image, inside = crop.with_neighbours(self.array, recipe)
        cut = Crop(tuple(part.start or 0 for part in place), tuple(a + (b - c) for a, b, c in _lengths(place, crop)))
        inputs = cut.of_inputs(self.inputs, recipe, [b - a for a, b in zip(self.crop.start, self.crop.stop, strict=True)])
        return np.asarray(last(run(recipe, image, cancelled=self.stopped.is_set, inside=inside, **inputs)).image)


def _lengths(place: tuple[slice, ...], crop: Crop) -> list[tuple[int, int, int]]:
    return [(part.start or 0, last, first) for part, last, first in zip(place, crop.stop, crop.start, strict=True)]


class Live(QObject):
    """Computes the field of the latest preview anew whenever the form says something else.

    Parameters
    ----------
    parent : QObject
        The dock.
    viewer : Viewer
        Where the preview is.
    stated : callable
        Returns, for a field, what the form says: a recipe whose noise is known, and its arrays, cut like the field.
    """

    told = Signal(str)

    def __init__(self, parent: QObject, viewer: Viewer, stated: Callable[[Crop], tuple[Recipe, dict[str, Input]]]) -> None:
        super().__init__(parent)
        self._viewer, self._stated = viewer, stated
        self._order: Order | None = None
        self._layer: Image | None = None
        self._recipe: Recipe | None = None
        self._look: Look | None = None
        self._known: OrderedDict[str, NDArray[Any]] = OrderedDict()
        self._working = Background(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._try)
        self._relay = Relay(viewer.layers.events.removed)
        self._relay.fired.connect(self._on_removed)

    @property
    def is_done(self) -> bool:
        """Whether the preview shows what the form says."""
        return not (self._pause.isActive() or self._working.is_busy)

    def take(self, order: Order, layer: Image) -> None:
        """Follow the form from now on in the layer of a preview, if that is of the input's own pixels."""
        self.stop()
        self._known.clear()
        same = layer.data.shape == Crop(order.crop.start, order.crop.stop).of(image_array(order.source)).shape
        follows = order.recipe.job in JOBS and not order.recipe.first and same
        self._order, self._layer = (order, layer) if follows else (None, None)
        self._recipe = order.recipe
        if self._layer is not None:
            self._keep(order.recipe, np.array(layer.data))

    def on_edit(self) -> None:
        """Look again soon, if there is a preview to keep true."""
        if self._layer is not None:
            self._pause.start()

    def _on_removed(self) -> None:
        """Let go of what was removed."""
        if self._order is None or (self._layer in self._viewer.layers and self._order.source in self._viewer.layers):
            return
        self.stop()
        self._pause.stop()
        self._known.clear()
        self._order = self._layer = None

    def stop(self) -> None:
        """Stop what is being computed; its answer is not waited for."""
        if self._look is not None:
            self._look.stopped.set()
        self._working.forget()
        self._look = None

    def _try(self) -> None:
        order = self._order
        if RUNS.job is not None or order is None:
            self.stop()
            return
        try:
            recipe, inputs = self._stated(order.crop)
        except ValueError:  # the dock tells
            return
        if recipe == self._recipe or recipe.job != order.recipe.job:
            return
        self.stop()
        self._recipe = recipe
        if (known := self._known.get(_key(recipe))) is not None:
            self._show((tuple(slice(None) for _ in known.shape), known))
            return
        look = self._look = Look(image_array(order.source), recipe, order.crop, inputs)
        self._working.call(look.middle, partial(self._show_middle, look))

    def _show_middle(self, look: Look, made: Made | Exception) -> None:
        if self._is_wanted(made, look):
            self._show(made)
            self._working.call(look.whole, partial(self._show_whole, look))

    def _show_whole(self, look: Look, made: Made | Exception) -> None:
        if self._is_wanted(made, look):
            self._keep(look.recipe, made[1])
            self._show(made)
            self._look = None

    def _is_wanted(self, made: Made | Exception, look: Look) -> TypeGuard[Made]:
        """Tell whether an answer came of the latest look; tell the user of an error."""
        if look is self._look and isinstance(made, Exception):
            self._tell(made)
        return look is self._look and not isinstance(made, Exception)

    def _show(self, made: Made) -> None:
        layer, (place, image) = self._layer, made
        if layer is None:
            return
        layer.data[place] = image.reshape(layer.data[place].shape)
        if self._recipe is not None:
            layer.metadata[METADATA] = layer.metadata.get(METADATA, {}) | {"recipe": self._recipe.model_dump(mode="json")}
            tell(layer)
        layer.refresh()

    def _keep(self, recipe: Recipe, image: NDArray[Any]) -> None:
        self._known[_key(recipe)] = image
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, Cancelled):
            self.told.emit(sentence(error))


def _key(recipe: Recipe) -> str:
    return str(recipe.model_dump_json())
