"""Doors from one dock to another: opened, brought to the front, and filled in."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from napari_tweedie.core import device
from napari_tweedie.widgets.forms import preferences

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

    from napari_tweedie.recipe.recipe import Recipe

PLUGIN = "napari-tweedie"
DOCKS = ("docks.tweedie", "docks.denoise", "docks.restore", "docks.posterior", "compare.dock")
"""Modules of the front door, and of the docks that it leads to."""


def open_dock(viewer: Viewer, title: str) -> Any:
    """Return the dock of this title, opened beside those that are open already, or brought to the front."""
    holder, dock = viewer.window.add_plugin_dock_widget(PLUGIN, title, tabify=True)
    holder.show()
    holder.raise_()
    return dock


def open_filled(viewer: Viewer, title: str, layer: Image, recipe: Recipe) -> Any:
    """Return the dock of this title with a layer chosen, and its form filled in as a recipe says."""
    dock = open_dock(viewer, title)
    dock.source.layer.set_value(layer)
    dock.source.layer.pin()
    dock.fill(dock.last_time.add_to(recipe))
    return dock


def warm_up() -> None:
    """Load torch and the engine, then napari's settings of this plugin; in a thread, before somebody waits for them."""
    device.names()
    import_module("napari_tweedie.engine.run")
    preferences.defaults()


def warm_up_docks() -> None:
    """Import what the docks are made of, and read which methods are installed; in a thread, so that they open at once."""
    for module in DOCKS:
        import_module(f"napari_tweedie.widgets.{module}")
    from napari_tweedie import degradations, denoisers, samplers, solvers

    for registry in (degradations.registry, denoisers.registry, solvers.registry, samplers.registry):
        registry.all()
