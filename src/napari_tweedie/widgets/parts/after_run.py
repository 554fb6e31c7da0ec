"""After a run: its result looked at beside its input, or taken away, by one click."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import ref

from napari.layers import Image, Layer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.contrast import Lent, is_brighter
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.growing_layers import removed_together
from napari_tweedie.widgets.layers.input import recipe_of
from napari_tweedie.widgets.parts.doors import open_dock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.viewer import Viewer

KEY = "Alt-A"


class AfterRun(QWidget):
    """Three buttons, shown for as long as the result of the latest run is open: a line to drag, before and after, remove."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer = viewer
        self.line = self._button("Line to drag", "Put a line across the canvas: the input on its left, the result on its right.")
        self.swap = self._button("A/B", f"Show the input, and the result again ({KEY.replace('-', '+')}).")
        self.remove = self._button("Remove", "Remove all layers that this run has added.")
        self._source: Image | None = None
        self._made: list[Layer] = []
        self._lent = Lent()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.line, self.swap, self.remove):
            row.addWidget(button)
        self.line.clicked.connect(self.show_line)
        self.swap.clicked.connect(self.show_other)
        self.remove.clicked.connect(self.remove_all)
        self._relay = Relay(viewer.layers.events.removed)
        self._relay.fired.connect(self._on_removed)
        self.hide()

    def take(self, source: Image, made: Mapping[str, Layer]) -> None:
        """Offer what a run has made of a layer, the most important first."""
        self._lent.give_back()
        self._source, self._made = source, list(made.values())
        self._on_removed()
        if not self.isHidden():
            self._bind()

    def show_line(self) -> None:
        """Show input and result under a line to drag, or end that."""
        dock: Any = open_dock(self.viewer, "Compare")
        view = next(view for view in dock.views if view.title == "Swipe")
        for combo, layer in zip(dock.layers, [self._source, self._made[0], None, None], strict=False):
            combo.set_value(layer)
        if self._source is not None and isinstance(made := self._made[0], Image):
            dock.same_contrast.setChecked(not is_brighter(made, self._source) and is_like_its_input(made))
        dock.toggle(view)

    def show_other(self) -> None:
        """Show the input in place of the result, in its contrast, or the result again."""
        if not self._made or self._source is None:
            return
        result = self._made[0]
        result.visible = not result.visible
        self._source.visible = True
        if isinstance(result, Image) and not result.visible:
            self._lent.lend(result, self._source)

    def remove_all(self) -> None:
        """Remove what the run has added."""
        removed_together(self.viewer, list(self._made))

    def _bind(self) -> None:
        """Let the key press the button of whichever dock has run last; the viewer does not keep the dock alive."""
        button = ref(self.swap)

        def press(viewer: Viewer) -> None:
            if (there := button()) is not None:
                there.click()

        self.viewer.bind_key(KEY, press, overwrite=True)

    def _on_removed(self) -> None:
        self._made = [layer for layer in self._made if layer in self.viewer.layers]
        there = bool(self._made) and self._source in self.viewer.layers
        if not there:
            self._lent.give_back()
            self._source, self._made = None, []
        self.setVisible(there)

    def _button(self, title: str, tip: str) -> QPushButton:
        button = QPushButton(title)
        button.setToolTip(tip)
        return button


def is_like_its_input(made: Image) -> bool:
    """Tell whether a result has the grey levels of what it was made of: the slice of projections has others."""
    with suppress(ValueError):  # a recipe of methods that are not installed here
        recipe = Recipe(**recipe_of(made))
        return not recipe.inverts or recipe.degradation.is_image
    return True
