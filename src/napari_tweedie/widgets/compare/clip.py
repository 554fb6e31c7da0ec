"""Clip: only a strip of the canvas drawn of a layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vispy.visuals.filters import Filter
from vispy.visuals.shaders import Varying

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

VERTEX = "void place_in_canvas() { $v_place = gl_Position; }"
FRAGMENT = """
void keep_strip() {
    if ($v_place.x < $left * $v_place.w || $v_place.x > $right * $v_place.w) discard;
}
"""
"""Canvas coordinates run from −1 to 1; they are divided by w here, so that a view in perspective is cut as straight."""


class Clip(Filter):
    """Leaves out of a visual what lies outside of a vertical strip of the canvas, in 2-D and in 3-D."""

    def __init__(self) -> None:
        super().__init__(vcode=VERTEX, vhook="post", fcode=FRAGMENT, fhook="pre")
        place = Varying("v_place", "vec4")
        self.vshader["v_place"] = place
        self.fshader["v_place"] = place
        self.keep(0, 1)

    def keep(self, left: float, right: float) -> None:
        """Set the edges of the strip as shares of the canvas, 0 at its left and 1 at its right."""
        self.fshader["left"] = 2.0 * left - 1
        self.fshader["right"] = 2.0 * right - 1


def drawn_nodes(viewer: Viewer, layer: Layer) -> list[Any]:
    """Return the vispy nodes that draw a layer now: one, or one a tile of a large image; none if it was removed."""
    visual = viewer.window._qt_viewer.canvas.layer_to_visual.get(layer)
    return [] if visual is None else getattr(visual.node, "adopted_children", [visual.node])
