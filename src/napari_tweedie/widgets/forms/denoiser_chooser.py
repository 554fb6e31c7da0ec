"""Choice of a denoiser: the registered ones, and the networks that learnt from the user's own images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt

from napari_tweedie.denoisers import Denoiser
from napari_tweedie.denoisers.own_networks import own_denoisers
from napari_tweedie.widgets.forms.learnt_networks import NETWORKS
from napari_tweedie.widgets.forms.method_form import Chooser

FILE = "file"


class DenoiserChooser(Chooser[Denoiser]):
    """A chooser that lists learnt networks below the registered denoisers; choosing one is choosing its file."""

    def __init__(self, *arguments: Any) -> None:
        self._own: list[Path] = []
        super().__init__(*arguments)
        self.refresh()
        NETWORKS.changed.connect(self.refresh)

    def refresh(self) -> None:
        """List the networks that there are now; the choice stays."""
        blocked = self.combo.blockSignals(True)
        chosen = self.combo.currentIndex()
        path = self._own[chosen - len(self._names)] if chosen >= len(self._names) else None
        while self.combo.count() > len(self._names):
            self.combo.removeItem(self.combo.count() - 1)
        self._own = own_denoisers() if FILE in self._names else []
        for own in self._own:
            self.combo.addItem(f"{own.stem} (learnt)")
            self.combo.setItemData(self.combo.count() - 1, f"A network that was learnt: {own}", Qt.ItemDataRole.ToolTipRole)
        if path is not None:
            there = path in self._own
            self.combo.setCurrentIndex(len(self._names) + self._own.index(path) if there else self._names.index(FILE))
        self.combo.blockSignals(blocked)

    def _choose(self, index: int) -> None:
        if index < len(self._names):
            super()._choose(index)
            return
        path = self._own[index - len(self._names)]
        if self.name != FILE:
            super()._choose(self._names.index(FILE))
        self.editor("path").set(path)
        self.changed.emit()
