"""Swipe: a line dragged across layers, with another layer on each of its sides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QWidget

from napari_tweedie.widgets.compare.clip import Clip, drawn_nodes
from napari_tweedie.widgets.compare.handle import Handle
from napari_tweedie.widgets.compare.view import View

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

CORNERS, APART = ("top_left", "top_right"), ("top_left", "bottom_right")
"""Where the names stand, and where they do if they are long, so that one does not lie on the other."""
LETTER = 11
"""Width of a letter of a name, in pixels."""


class Swipe(View):
    """Cuts the canvas into strips, a layer each, with lines between them to drag.

    The strips belong to the canvas, not to the layers: what is zoomed, moved, sliced or turned in 3-D moves below the lines.
    napari gives a layer a new visual when it turns to 3-D or to an image of many tiles; so the clips are looked after
    before every drawing.
    """

    title = "Swipe"
    key = "Alt-S"
    tip = "Drag a line across the canvas: another layer lies on each of its sides."

    def __init__(self, viewer: Viewer, parent: QWidget) -> None:
        super().__init__(viewer, parent)
        self._layers: Sequence[Image] = []
        self._clips: dict[Any, Clip] = {}
        self.handles: list[Handle] = []

    def begin(self, layers: Sequence[Image]) -> None:
        canvas = self.viewer.window._qt_viewer.canvas
        self.viewer.canvas.grid.enabled = False
        self._layers = layers
        self.handles = [Handle(canvas.native, number / len(layers)) for number in range(1, len(layers))]
        for handle in self.handles:
            handle.moved.connect(self._on_moved)
        longest = LETTER * max(len(layers[0].name), len(layers[-1].name))
        corners = CORNERS if longest < canvas.native.width() / 2 else APART
        for layer, corner in zip((layers[0], layers[-1]), corners, strict=True):
            layer.name_overlay.position, layer.name_overlay.visible = corner, True
        canvas.events.draw.connect(self._on_draw, position="first")
        self._on_moved()

    def end(self) -> None:
        self.viewer.window._qt_viewer.canvas.events.draw.disconnect(self._on_draw)
        for node, clip in self._clips.items():
            node.detach(clip)
            node.update()
        for handle in self.handles:
            handle.setParent(None)
            handle.deleteLater()
        self._layers, self._clips, self.handles = [], {}, []

    def _on_moved(self) -> None:
        """Keep the lines in order, and draw the strips between them."""
        for left, right in pairwise(self.handles):
            if left.share > right.share:
                moved, other = (left, right) if left.dragged else (right, left)
                other.place(moved.share)
        self._on_draw()
        for node in self._clips:
            node.update()

    def _on_draw(self, event: object = None) -> None:
        edges = [0.0, *(handle.share for handle in self.handles), 1.0]
        for layer, strip in zip(self._layers, pairwise(edges), strict=True):
            for node in drawn_nodes(self.viewer, layer):
                if node not in self._clips:
                    self._clips[node] = clip = Clip()
                    node.attach(clip)
                self._clips[node].keep(*strip)
