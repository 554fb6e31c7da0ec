"""Button that writes a learnt network as a bioimage.io package, for other programs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_tweedie.engine.packages import write_package
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari_tweedie.images.picture import Picture

SUFFIX = ".zip"


class PackageButton(QPushButton):
    """*Export …*: asks where, and writes in a thread.

    Parameters
    ----------
    what : callable
        Returns the image, further arguments of `engine.packages.write_package`, and the weights.
    """

    told = Signal(str)
    """Says that it is written, or why it is not."""

    def __init__(self, what: Callable[[], tuple[Picture, dict[str, Any], Path]]) -> None:
        super().__init__("Export for bioimage.io …")
        self.setToolTip(
            "Write the network as a package that ilastik, deepImageJ and others run: at the noise level and in the grey levels "
            "of this layer. A part of the layer goes along, to test it."
        )
        self._what = what
        self._background = Background(self)
        self.clicked.connect(self._ask_where)

    def write(self, path: Path) -> None:
        """Write the package."""
        image, known, weights = self._what()
        self.setEnabled(False)
        self._background.call(partial(write_package, image, path, weights, **known), self._on_written)

    def _on_written(self, answer: Path | Exception) -> None:
        self.setEnabled(True)
        self.told.emit(sentence(answer) if isinstance(answer, Exception) else f"Written to {answer}.")

    def _ask_where(self) -> None:
        _, _, weights = self._what()
        chosen, _ = QFileDialog.getSaveFileName(self, "Write a package", str(weights.with_suffix(SUFFIX)), f"*{SUFFIX}")
        if chosen:
            self.write(Path(chosen).with_suffix(SUFFIX))
