"""Commands that act on a layer with one click."""

from __future__ import annotations

from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from napari.viewer import Viewer

from napari_tweedie.images.sources import of_layer
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms import preferences as settings
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import image_array, image_axes
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.layer_run import Job, Order


def denoise_active_layer(layer: Image, viewer: Viewer) -> None:
    """Denoise the active layer with the defaults, in the background."""
    recipe = Recipe(job="denoise", axes=image_axes(layer), **settings.defaults())
    job = Job(viewer, Order(recipe, layer, "", Crop.whole(image_array(layer).shape), notes=of_layer(layer, recipe.axes).notes))
    job.ended.connect(show_info)
    try:
        job.start()
    except ValueError as error:
        show_warning(sentence(error))
