"""Relay of napari's events to widgets that may be gone."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, Signal


class Relay(QObject):
    """Passes napari's events on as a Qt signal, which Qt itself disconnects from deleted widgets.

    Whoever listens keeps it as an attribute: it has no parent, and lives as long as it is referred to.
    """

    fired = Signal()

    def __init__(self, *events: Any) -> None:
        super().__init__()
        for event in events:
            event.connect(self._fire)

    def _fire(self, event: object = None) -> None:
        self.fired.emit()
