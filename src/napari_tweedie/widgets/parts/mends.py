"""Mends: what one button can do about a field that is missing or not allowed."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_tweedie.images.axes import Layout
from napari_tweedie.recipe.defaults import sampler_of, solver_of
from napari_tweedie.recipe.proposal import MARKS
from napari_tweedie.widgets.forms.editors import OptionalNumber
from napari_tweedie.widgets.forms.field_error import field_of
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.layers.input import image_array, is_result
from napari_tweedie.widgets.layers.proposed_axes import propose
from napari_tweedie.widgets.parts.trouble import Mend

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_tweedie.widgets.docks.form_dock import FormDock
    from napari_tweedie.widgets.parts.source import Source

LONGEST = 14
"""Letters of a layer's name on a button."""
BRUSH = 8


def field_about(dock: FormDock, error: Exception) -> QWidget | None:
    """Return the field of a dock that an error is about: the one it names, or the one whose name it begins with."""
    if (field := field_of(error)) is not None:
        return field
    first = re.match(r"\w+", str(error))
    word = first.group().lower() if first else ""
    if word == "axes":
        return dock.source.axes
    editors = dict(dock.settings.editors)
    for chooser in (dock.noise, *dock.choosers.values()):
        editors |= chooser.editors()
    return editors[word].widget if word in editors else None


def mend(dock: FormDock, field: QWidget | None) -> Mend | None:
    """Return what a button could do about a field, if anything."""
    if field is dock.source.axes:
        return mend_axes(dock.source)
    if isinstance(field, LayerCombo):
        return _mend_layer(dock, field)
    if isinstance(field, OptionalNumber) and not field.automatic.isChecked():
        return Mend("Use the measured one", partial(field.automatic.setChecked, True))
    if isinstance(field, QCheckBox):
        return Mend("Untick it", partial(field.setChecked, False))
    return _mend_choice(dock, field)


def mend_axes(source: Source) -> Mend | None:
    """Return a button that reads the axes as they are proposed, where that differs and fits the layer."""
    image = source.image()
    if image is None:
        return None
    axes = propose(image, source.array()).axes
    try:
        Layout(axes, tuple(source.array().shape))
    except ValueError:
        return None
    return Mend(f"Use {axes}", partial(source.axes.setText, axes)) if axes != source.axes.text() else None


def add_marks(dock: Any, image: Image, marked: NDArray[np.bool_] | None = None) -> Labels:
    """Add a layer to paint the pixels in that are meant, as large as a plane of an image: marked already, or a brush in hand."""
    axes = dock.source.axes.text()
    kept = [n for n, axis in enumerate(axes) if axis in "yx"]
    shape = [image_array(image).shape[n] for n in kept]
    where = {"scale": image.scale[kept], "translate": image.translate[kept], "units": [image.units[n] for n in kept]}
    values = np.zeros(shape, np.uint8) if marked is None else marked.astype(np.uint8)
    marks = dock.viewer.add_labels(values, name=MARKS, **where)
    marks.brush_size = BRUSH
    if marked is None:
        marks.mode = "paint"
    return marks


def _mend_layer(dock: FormDock, field: LayerCombo) -> Mend | None:
    """Offer the smallest layer that could be meant; where pixels are to be marked and nothing marks any, a layer to paint in."""
    image = dock.source.image()
    others = [layer for layer in field.offered() if layer is not None and layer is not image and not is_result(layer)]
    if others:
        is_image = field.accepts_kind(Image)  # among which the small ones are functions, not what they are for
        likely = min(others, key=lambda layer: np.prod(image_array(layer).shape)) if is_image else others[0]
        short = likely.name if len(likely.name) <= LONGEST else f"{likely.name[: LONGEST - 1]}…"
        return Mend(f"Use “{short}”", partial(field.set_value, likely))
    if field.accepts_kind(Labels) and image is not None:

        def paint() -> None:
            field.set_value(add_marks(dock, image))

        return Mend("Paint them", paint)
    return None


def _mend_choice(dock: FormDock, field: QWidget | None) -> Mend | None:
    """Offer the method that suits instead of one that cannot do it."""
    kinds = dock.choosers["degradation"].kinds() if "degradation" in dock.choosers else ()
    suited = {"denoiser": "unet"}
    if kinds:
        suited |= {
            "solver": solver_of(kinds, dock.source.is_volume())["name"],
            "sampler": sampler_of(dock.job, dock.choosers["degradation"].name)["name"],
        }
    for name, choice in suited.items():
        chooser = dock.choosers.get(name)
        if chooser is not None and field is chooser.combo and chooser.name != choice:
            return Mend(f"Choose {chooser.title_of(choice)}", partial(chooser.choose, choice))
    return None
