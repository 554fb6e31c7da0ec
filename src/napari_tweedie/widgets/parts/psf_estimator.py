"""PSF estimator: a button that makes a point-spread function from beads or an image, with its sections and widths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np
from napari.layers import Image
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QMenu, QPushButton, QWidget

from napari_tweedie.images.titles import titled
from napari_tweedie.images.units import is_relative, symbol
from napari_tweedie.widgets.forms.layout import column, one_row
from napari_tweedie.widgets.layers.input import METADATA
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.clues import GRID
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari.components import LayerList
    from numpy.typing import NDArray

    from napari_tweedie.degradations import Degradation
    from napari_tweedie.engine.psf_estimate import PsfEstimate

ESTIMATE, AT_WORK = "Estimate it…", "Estimating…"
WIDEST, TALLEST = 270, 110
"""Pixels of the screen that all sections of the function together have across, and each along."""
GAP = 6


class PsfEstimator(QWidget):
    """A button with a menu of the open images: the beads in one of them, or the blur that an image shows itself.

    A function that is found becomes a layer, which `found` announces; where a model of it is chosen, `valued` announces which
    value of which parameter was found.

    Parameters
    ----------
    layers : LayerList
        The open layers.
    model : callable
        Returns the model of the function with the parameters that are known, or None where a layer is to be made.
    """

    found = Signal(object)
    valued = Signal(str, float)

    def __init__(self, layers: LayerList, model: Callable[[], Degradation | None]) -> None:
        super().__init__()
        self._layers = layers
        self._model = model
        self._background = Background(self)
        self.button = QPushButton(ESTIMATE)
        self.button.setToolTip("Make the point-spread function from an image of beads, or tell its width from a blurred image.")
        self.menu = QMenu(self.button)
        self.menu.aboutToShow.connect(self._offer)
        self._made: WeakSet[Image] = WeakSet()
        self._unknown: dict[str, str] = {}
        self.button.setMenu(self.menu)
        self.sections = QWidget()
        self.sections.setToolTip(
            "Sections through the middle, as large as they are in the sample; brightness is the square root."
        )
        grid = QGridLayout(self.sections)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GAP)
        self._pictures = [(QLabel(), QLabel()) for _ in range(3)]
        for place, pair in enumerate(self._pictures):
            for row, label in enumerate(pair):
                label.setAlignment(Qt.AlignmentFlag.AlignCenter)
                label.setStyleSheet("padding: 0; margin: 0;")
                grid.addWidget(label, row, place)
        grid.setColumnStretch(len(self._pictures), 1)
        self.told = QLabel()
        self.told.setWordWrap(True)
        layout = column(self)
        for widget in (one_row("", self.button, self.button.toolTip()), self.sections, self.told):
            layout.addWidget(widget)
        self.sections.hide()
        self.told.hide()

    def estimate(
        self, layer: Image, source: str, unknown: str | None = None, varying: bool = False, refined: bool = False
    ) -> None:
        """Estimate the function from the "beads" of a layer, or from the "image" that it is, with what is unknown of a model.

        It may be one that varies over the field, of beads, or one of free form, of an image.
        """
        from napari_tweedie.engine.psf_estimate import estimate_psf

        try:
            known = {} if unknown is None else {"degradation": self._model(), "unknown": unknown}
        except ValueError as error:
            self._show(layer.name, unknown, error)
            return
        self.button.setEnabled(False)
        self.button.setText(AT_WORK)
        work = partial(estimate_psf, layer, source, varying=varying, refined=refined, **known)  # type: ignore[arg-type]
        self._background.call(work, partial(self._show, layer.name, unknown))

    def offer(self, unknown: Mapping[str, str] | None) -> None:
        """Offer to find parameters, by their labels; of none, the function as a layer; None: nothing."""
        self._unknown = dict(unknown or {})
        self.setVisible(unknown is not None)
        self.sections.hide()
        self.told.hide()

    def _offer(self) -> None:
        """Offer the images that are open now, the topmost first."""
        self.menu.clear()
        images = [layer for layer in reversed(self._layers) if isinstance(layer, Image) and not layer.rgb]
        images = [layer for layer in images if layer not in self._made]
        planes = [layer for layer in images if layer.ndim == 2]
        if not images:
            self.menu.addAction("Open an image first.").setEnabled(False)
        for name, label in self._unknown.items():
            for layer in planes:
                self.menu.addAction(f"{label}, from “{layer.name}” itself", partial(self.estimate, layer, "image", name))
        if self._unknown:
            return
        for layer in images:
            self.menu.addAction(f"from the beads in “{layer.name}”", partial(self.estimate, layer, "beads"))
        for layer in images:
            own = partial(self.estimate, layer, "beads", varying=True)
            self.menu.addAction(f"varying over the field, from the beads in “{layer.name}”", own)
        if planes:
            self.menu.addSeparator()
        for layer in planes:
            self.menu.addAction(f"its width, from “{layer.name}” itself", partial(self.estimate, layer, "image"))
        for layer in planes:
            free = partial(self.estimate, layer, "image", refined=True)
            self.menu.addAction(f"its free form, from “{layer.name}” itself", free)

    def _show(self, name: str, unknown: str | None, found: PsfEstimate | Exception) -> None:
        self.button.setEnabled(True)
        self.button.setText(ESTIMATE)
        self.sections.setVisible(not isinstance(found, Exception))
        self.told.show()
        if isinstance(found, Exception):
            self.told.setText(sentence(str(found)))
            return
        grid = found.psf.shape[: found.psf.ndim - found.ndim]
        drawn = sections(found.psf[tuple(n // 2 for n in grid)], found.spacing)
        for picture, caption in self._pictures:
            picture.setVisible(False)
            caption.setVisible(False)
        for (picture, caption), (axes, image) in zip(self._pictures, drawn.items(), strict=False):
            picture.setPixmap(QPixmap.fromImage(image))
            caption.setText(axes)
            picture.setVisible(True)
            caption.setVisible(True)
        self.told.setText("\n".join(found.notes if grid else [widths(found), *found.notes[:1], *found.notes[2:]]))
        if unknown is not None:
            self.valued.emit(unknown, float(getattr(found.degradation, unknown)))
            return
        layer = Image(
            found.psf,
            name=titled(name, "PSF"),
            scale=(1.0,) * len(grid) + tuple(found.spacing),
            units=("pixel",) * len(grid) + (found.unit or "pixel",) * found.ndim,
            axis_labels=GRID[: len(grid)] + tuple("zyx"[-found.ndim :]),
            colormap="magma",
            visible=False,
            metadata={METADATA: {"input": name, "notes": found.notes, "places": found.places}},
        )
        self._made.add(layer)
        active = self._layers.selection.active
        self._layers.append(layer)
        self._layers.selection.active = active
        self.found.emit(layer)


def widths(found: PsfEstimate) -> str:
    """Return the full widths at half maximum, in pixels and in the sample where its pixels are known, as a sentence."""
    axes = "ZYX"[-found.ndim :]
    pixels = [f"{width:.2f}" for width in found.fwhm]
    if is_relative(found.unit):
        return f"Full width at half maximum: {_listed(axes, pixels, 'px')}."
    sizes = [f"{width * size:.3g}" for width, size in zip(found.fwhm, found.spacing, strict=True)]
    return f"Full width at half maximum: {_listed(axes, sizes, symbol(found.unit))} ({', '.join(pixels)} px)."


def sections(psf: NDArray[np.float32], spacing: tuple[float, ...]) -> dict[str, QImage]:
    """Return pictures of the sections through the middle of a function, by their axes, as large as they are in the sample."""
    step, middle = np.abs(spacing), [n // 2 for n in psf.shape]
    kept = {"YX": (-2, -1)} if psf.ndim == 2 else {"YX": (1, 2), "ZX": (0, 2), "ZY": (0, 1)}
    planes, sizes = {}, {}
    for name, axes in kept.items():
        shown = [axis % psf.ndim for axis in axes]
        planes[name] = psf[tuple(slice(None) if axis in shown else middle[axis] for axis in range(psf.ndim))]
        sizes[name] = [float(step[axis]) for axis in shown]
    lengths = [[n * size for n, size in zip(planes[name].shape, sizes[name], strict=True)] for name in planes]
    width = WIDEST - GAP * (len(planes) - 1)
    scale = min(TALLEST / max(rows for rows, _ in lengths), width / sum(columns for _, columns in lengths))
    return {
        name: _grey(_enlarged(plane, [scale * size for size in sizes[name]]), float(psf.max())) for name, plane in planes.items()
    }


def _listed(axes: str, numbers: list[str], unit: str) -> str:
    """Return numbers with their axes and one unit."""
    return ", ".join(f"{axis} {number}" for axis, number in zip(axes, numbers, strict=True)) + f" {unit}"


def _grey(plane: NDArray[np.float32], peak: float) -> QImage:
    """Return a picture of the square root of a plane, white at the peak."""
    grey = np.ascontiguousarray(np.rint(255 * np.sqrt(np.clip(plane / max(peak, 1e-30), 0, 1))).astype(np.uint8))
    height, width = grey.shape
    return QImage(grey.tobytes(), width, height, width, QImage.Format.Format_Grayscale8).copy()


def _enlarged(plane: NDArray[np.float32], factors: list[float]) -> NDArray[np.float32]:
    """Return a plane with so many pixels of the screen for each of its own."""
    places = []
    for n, factor in zip(plane.shape, factors, strict=True):
        length = max(1, round(n * factor))
        places.append(np.clip((np.arange(length) / length * n).astype(int), 0, n - 1))
    return plane[np.ix_(*places)]
