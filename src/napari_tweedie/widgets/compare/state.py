"""State of the viewer before a comparison, and its return."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Layer

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.widgets.layers.contrast import Look

LOOKS = ("visible", "opacity", "blending")
INTENSITY = ("contrast_limits_range", "contrast_limits", "gamma")
GRID = ("enabled", "shape", "stride", "spacing")
NAME = ("visible", "position")


class ViewState:
    """How layers look and are arranged at one moment.

    Layers that are removed later stay removed, and those that are added later stay as they are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._grid = _read(viewer.canvas.grid, GRID)
        self._active = viewer.layers.selection.active
        self._layers = [(layer, _read(layer, _looks(layer)), _read(layer.name_overlay, NAME)) for layer in viewer.layers]
        self._linked: list[Image] = []

    def prepare(self, chosen: Sequence[Image], look: Look | None) -> None:
        """Make the chosen layers opaque and hide the other images; give all one contrast, if wanted."""
        for layer in self._viewer.layers:
            if layer in chosen:
                layer.visible, layer.opacity, layer.blending = True, 1.0, "translucent_no_depth"
            elif isinstance(layer, Image):
                layer.visible = False
        self._linked = [layer for layer in chosen if not layer.rgb] if look else []
        if look and len(self._linked) > 1:
            for layer in self._linked:
                layer.contrast_limits, layer.gamma = look
            self._viewer.layers.link_layers(self._linked, ("contrast_limits", "gamma"))

    def restore(self) -> None:
        """Put everything back."""
        if len(self._linked) > 1:
            self._viewer.layers.unlink_layers(self._linked, ("contrast_limits", "gamma"))
        _write(self._viewer.canvas.grid, self._grid)
        for layer, looks, name in self._layers:
            if layer in self._viewer.layers:
                _write(layer, looks)
                _write(layer.name_overlay, name)
        if self._active in self._viewer.layers:
            self._viewer.layers.selection.active = self._active


def _looks(layer: Layer) -> tuple[str, ...]:
    return LOOKS + INTENSITY if isinstance(layer, Image) and not layer.rgb else LOOKS


def _read(owner: Any, names: Sequence[str]) -> dict[str, Any]:
    values = {name: getattr(owner, name) for name in names}
    return {name: list(value) if isinstance(value, list) else value for name, value in values.items()}


def _write(owner: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if getattr(owner, name) != value:
            setattr(owner, name, value)
