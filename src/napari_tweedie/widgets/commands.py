"""What can be done to a layer with one click?"""

from __future__ import annotations

from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from napari.viewer import Viewer

from napari_tweedie.recipe import Recipe
from napari_tweedie.widgets import settings
from napari_tweedie.widgets.job import Job, Order
from napari_tweedie.widgets.layers import Crop, image_array, image_axes
from napari_tweedie.widgets.words import sentence


def denoise_active_layer(layer: Image, viewer: Viewer) -> None:
    """Denoise the active layer with the defaults, in the background."""
    recipe = Recipe(job="denoise", axes=image_axes(layer), **settings.defaults())
    job = Job(viewer, Order(recipe, layer, "", Crop.whole(image_array(layer).shape)))
    job.ended.connect(show_info)
    try:
        job.start()
    except ValueError as error:
        show_warning(sentence(error))
