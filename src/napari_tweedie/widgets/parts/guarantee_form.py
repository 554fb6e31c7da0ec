"""Guarantee form: how many of the pixels may lie outside with which confidence, and the clean images that it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QPushButton, QWidget

from napari_tweedie.analysis.risk_control import Guarantee, guarantee, images_needed
from napari_tweedie.samplers.interval import Interval
from napari_tweedie.widgets.forms.editors import Number
from napari_tweedie.widgets.forms.layout import Rows, column
from napari_tweedie.widgets.layers.messages import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

USUAL = 0.1
"""Share of the pixels, and probability of being misled, that are proposed."""
LEAST, MOST = 0.01, 0.5


class GuaranteeForm(QWidget):
    """α, δ, a button that adds images, and the sentence that they allow. Images are kept until they are of another recipe."""

    asked = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.alpha, self.delta = (Number(LEAST, MOST) for _ in range(2))
        self.button = QPushButton("Add all its images")
        self.button.setToolTip(
            "Simulate measurements of every image of the clean layer, a frame each, and count which share of the pixels lies "
            "outside. Crops of one image, and frames of one scene, are not independent images."
        )
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.held: Guarantee | None = None
        """What the images so far allow; None: nothing yet."""
        self._curves: list[list[float]] = []
        self._of: object = None
        place, form = column(self), QWidget()
        rows = Rows(form)
        rows.row("Outside (α)", self.alpha, Interval.model_fields["alpha"].description or "")
        rows.row("Doubt (δ)", self.delta, Interval.model_fields["delta"].description or "")
        for part in (form, self.button, self.said):
            place.addWidget(part)
        for editor in (self.alpha, self.delta):
            editor.setValue(USUAL)
            editor.valueChanged.connect(self._evaluate)
        self.button.clicked.connect(self.asked)
        self._evaluate()

    def add(self, curves: Sequence[Sequence[float]], of: object) -> None:
        """Add images: which share of each lies outside of intervals of every width, found with what `of` says."""
        if of != self._of:
            self._of, self._curves = of, []
        self._curves += [list(curve) for curve in curves]
        self._evaluate()

    def fields(self, factor: float) -> dict[str, Any]:
        """Return what a recipe says of the guarantee, if its interval has the width that is guaranteed."""
        if self.held is None or factor != self.held.factor:
            return {}
        return {"alpha": self.held.alpha, "delta": self.held.delta, "images": self.held.images}

    def fill(self, interval: Interval) -> None:
        """Take up the guarantee of a recipe, or none."""
        self._curves, self.held = [], None
        if interval.alpha is not None and interval.delta is not None and interval.images is not None:
            self.held = Guarantee(interval.factor, interval.alpha, interval.delta, interval.images, ())
        self.said.setText(told(self.held) if self.held is not None else self._so_far())

    def _evaluate(self, *_: object) -> None:
        alpha, delta = self.alpha.kept() or USUAL, self.delta.kept() or USUAL
        self.held = None
        if len(self._curves) < images_needed(alpha, delta):
            self.said.setText(self._so_far())
            return
        try:
            self.held = guarantee(np.array(self._curves), alpha, delta)
            self.said.setText(told(self.held))
        except ValueError as error:
            self.said.setText(sentence(error))
        self.changed.emit()

    def _so_far(self) -> str:
        needed = images_needed(self.alpha.value(), self.delta.value())
        return f"{len(self._curves)} of the {needed} clean images so far that a guarantee takes at least."


def told(held: Guarantee) -> str:
    """Say what is guaranteed, of what it depends, and how much."""
    sure, outside = 100 * (1 - held.delta), 100 * held.alpha
    spread = f" ({min(held.left_out):.3g} to {max(held.left_out):.3g} when one is left out)" if held.left_out else ""
    return (
        f"With {sure:.3g} % confidence at most {outside:.3g} % of the pixels lie outside, on average over images like these "
        f"{held.images}: the interval is stated {held.factor:.3g} times as wide{spread}."
    )
