"""Device choice: where it is computed."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox

from napari_tweedie.core import device
from napari_tweedie.widgets.forms.layout import shrinkable
from napari_tweedie.widgets.runs.background import Background


class DeviceCombo(QComboBox):
    """The devices of this machine; which there are is known once `warm_up` was called."""

    def __init__(self) -> None:
        super().__init__()
        self._warming = Background(self)
        shrinkable(self)
        self.addItems(["auto", "cpu"])

    def prefer(self, name: str) -> None:
        """Choose a device, which may not be known yet to be there, unless another was chosen."""
        if self.currentText() == "auto":
            self._offer([name])
            self.setCurrentText(name)

    def warm_up(self) -> None:
        """Load torch while the user looks at the form, and learn which devices there are."""
        self._warming.call(device.names, self._offer)

    def _offer(self, names: list[str] | Exception) -> None:
        if isinstance(names, list):
            self.addItems([name for name in names if self.findText(name) < 0])
