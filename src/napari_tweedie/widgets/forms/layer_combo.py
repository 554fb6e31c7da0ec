"""Layer choice: which of the open layers is meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox

from napari_tweedie.widgets.forms.layout import shrinkable
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import is_result

if TYPE_CHECKING:
    from napari.components import LayerList


class LayerCombo(QComboBox):
    """The open layers of some kinds, the topmost first; it keeps up with the layer list.

    Parameters
    ----------
    layers : LayerList
        The layers of a viewer.
    kinds : tuple of type
        Layer classes to offer.
    wanted : str, optional
        Part of the name of the layer to propose; empty: the topmost layer; None: propose no layer.
    optional : bool
        Whether no layer is a choice too.
    follow : bool
        Whether to propose the viewer's active layer instead, as it changes, until the user has chosen one or used it.
        Results of this plugin are not followed: who denoises a layer wants to go on with that layer; what was degraded is, to
        be restored.
    accepts : callable, optional
        Tells of a layer of these kinds whether it is offered.
    """

    changed = Signal()

    def __init__(
        self,
        layers: LayerList,
        kinds: tuple[type[Layer], ...],
        wanted: str | None = "",
        optional: bool = False,
        follow: bool = False,
        accepts: Callable[[Layer], bool] = lambda layer: True,
    ) -> None:
        super().__init__()
        self._list = layers
        self._kinds = kinds
        self._wanted = wanted
        self._none: list[Layer | None] = [None] if optional else []
        self._follow = follow
        self._accepts = accepts
        self._pinned: Layer | None = None
        self._declined = False
        self._offered: list[Layer | None] = []
        self._shown: Layer | None = None
        shrinkable(self)
        self.setPlaceholderText("no layer yet")
        events = layers.events
        self._relay = Relay(events.inserted, events.removed, events.reordered, events.renamed, layers.selection.events.active)
        self._relay.fired.connect(self.refresh)
        self.currentIndexChanged.connect(self._announce)
        self.activated.connect(self.pin)
        self.refresh()

    def value(self) -> Layer | None:
        """Return the chosen layer."""
        index = self.currentIndex()
        return self._offered[index] if 0 <= index < len(self._offered) else None

    def offered(self) -> list[Layer | None]:
        """Return what can be chosen, the topmost layer first."""
        return list(self._offered)

    def accepts_kind(self, kind: type[Layer]) -> bool:
        """Tell whether layers of a class are offered."""
        return kind in self._kinds

    def set_value(self, layer: Layer | None) -> None:
        """Choose a layer, or none, which stays so where it is a choice."""
        if self._pinned is not None:
            self._pinned = layer
        self._declined = layer is None and bool(self._none)
        self._select(layer)

    def pin(self) -> None:
        """Keep the chosen layer for as long as it is open, or no layer if that was chosen."""
        self._pinned = self.value()
        self._declined = self._pinned is None and bool(self._none)

    def refresh(self) -> None:
        """Offer the layers that are open now."""
        chosen = self.value()
        there = [layer for layer in reversed(self._list) if isinstance(layer, self._kinds) and self._accepts(layer)]
        self._offered = [*self._none, *there]
        blocked = self.blockSignals(True)
        self.clear()
        self.addItems(["none" if layer is None else layer.name for layer in self._offered])
        self._select(self._proposal(chosen))
        self.blockSignals(blocked)
        self._announce()

    def _select(self, layer: Layer | None) -> None:
        self.setCurrentIndex(self._offered.index(layer) if layer in self._offered else -1)

    def _proposal(self, chosen: Layer | None) -> Layer | None:
        active = self._list.selection.active
        if self._pinned is not None and self._pinned in self._offered:
            return self._pinned
        if self._declined:
            return None
        if self._follow and active is not None and active in self._offered and not is_result(active):
            return active
        if chosen is not None and chosen in self._offered:
            return chosen
        named = [layer for layer in self._offered if layer is not None and self._wanted is not None]
        return next((layer for layer in named if self._wanted in layer.name.lower()), None)

    def _announce(self) -> None:
        chosen = self.value()
        wanted = " or ".join(kind.__name__ for kind in self._kinds)
        self.setToolTip(chosen.name if chosen is not None else "" if self._offered else f"No layer of {wanted} is open.")
        if chosen is not self._shown:
            self._shown = chosen
            self.changed.emit()
