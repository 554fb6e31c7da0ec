"""Compare dock: how a result differs from its input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QKeySequence, QShowEvent
from qtpy.QtWidgets import QCheckBox, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_tweedie.widgets.compare.blink import Blink
from napari_tweedie.widgets.compare.difference import Difference
from napari_tweedie.widgets.compare.line_profile import Profile
from napari_tweedie.widgets.compare.side_by_side import SideBySide
from napari_tweedie.widgets.compare.similarity_table import Similarity
from napari_tweedie.widgets.compare.state import ViewState
from napari_tweedie.widgets.compare.swipe import Swipe
from napari_tweedie.widgets.compare.view import View
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import Fold, Rows, arrange, focus_style, heading
from napari_tweedie.widgets.layers.contrast import look_of, look_of_both
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import made_of
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.help_button import HelpButton

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.widgets.layers.contrast import Look

ABOUT = "See how layers differ, and by how much."
TERM = "Blinking, swiping and difference; PSNR, SSIM and Fourier ring correlation; profiles along a line."
MOST = 4
"""Layers that can be compared at a time."""


class Compare(QWidget):
    """The dock *Compare*: layers blink, lie side by side or under a line to drag, and their difference is seen and measured.

    Whatever a view changes is put back when it is left, the dock is closed or a layer is removed.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        layers = napari_viewer.layers
        self.layers = [LayerCombo(layers, (Image,), None, optional=number > 1) for number in range(MOST)]
        self.same_contrast = QCheckBox("same contrast")
        self.same_contrast.setChecked(True)
        self.views: list[View] = [kind(napari_viewer, self) for kind in (Blink, SideBySide, Difference, Swipe)]
        self.buttons = [self._button(view) for view in self.views]
        self.similarity = Similarity(napari_viewer)
        self.profile = Profile(napari_viewer)
        self.status = QLabel()
        self.status.setWordWrap(True)
        self._view: View | None = None
        self._state: ViewState | None = None
        self._shown: list[Image] = []
        self._picked = False
        self._arrange()
        self._connect()
        self._propose()

    # What is compared.

    def chosen(self) -> list[Image]:
        """Return the layers to compare, the reference first.

        Raises
        ------
        ValueError
            If there are not two different ones.
        """
        chosen = list(dict.fromkeys(combo.value() for combo in self.layers if combo.value() is not None))
        if len(chosen) < 2:
            raise ValueError("choose two different image layers")
        return chosen

    def _propose(self) -> None:
        """Choose the latest result and its input, or else the two topmost images, until the user has chosen."""
        for combo in self.layers:
            combo.refresh()
        if self._state is None and not (self._picked and self._is_complete()):
            self._picked = False
            for combo, layer in zip(self.layers, _latest(self.viewer), strict=False):
                combo.set_value(layer)
        self._on_chosen()

    def _is_complete(self) -> bool:
        return all(combo.value() is not None for combo in self.layers[:2])

    def _on_picked(self) -> None:
        self._picked = True

    # How it is shown.

    def show_as(self, view: View | None) -> None:
        """Show the chosen layers in one of the views; None to look at the viewer as it was."""
        self._leave()
        told = ""
        if view is not None:
            try:
                layers = self.chosen()
                self._state = ViewState(self.viewer)
                self._view, self._shown = view, layers
                self._state.prepare(layers, _one_look(layers) if self.same_contrast.isChecked() else None)
                view.begin(layers)
            except ValueError as error:
                self._leave()
                told = sentence(error)
        self.status.setText(told)
        self._mark()

    def toggle(self, view: View) -> None:
        """Show the chosen layers in a view, or leave it if it is the present one."""
        self.show_as(None if view is self._view else view)

    def _leave(self) -> None:
        view, state = self._view, self._state
        self._view = None
        if view is not None:
            view.end()
        if state is not None:
            state.restore()
        self._state, self._shown = None, []

    def _mark(self) -> None:
        """Show which view is on, and what can be set of it."""
        for view, button in zip(self.views, self.buttons, strict=True):
            button.setChecked(view is self._view)
            if view.option is not None:
                self._options.show_row(view.option, view is self._view)

    # Keeping the dock true.

    def _on_chosen(self, *_: object) -> None:
        images = sum(isinstance(layer, Image) for layer in self.viewer.layers)
        for number in range(2, MOST):
            wanted = images > number and (number == 2 or self.layers[number - 1].value() is not None)
            self._rows.show_row(self.layers[number], wanted or self.layers[number].value() is not None)
        try:
            chosen, obstacle = self.chosen(), ""
        except ValueError as error:
            chosen, obstacle = [], sentence(error)
        for view, button in zip(self.views, self.buttons, strict=True):
            button.setEnabled(not obstacle)
            button.setToolTip(obstacle or f"{view.tip} ({_written(view.key)})")
        self.similarity.compare(chosen)
        self.profile.compare(chosen)
        if self._view is not None and chosen != self._shown:
            self.show_as(self._view if all(layer in self.viewer.layers for layer in self._shown) else None)

    def _on_contrast(self, *_: object) -> None:
        if self._view is not None:
            self.show_as(self._view)

    def _button(self, view: View) -> QPushButton:
        button = QPushButton(view.title)
        button.setCheckable(True)
        button.clicked.connect(lambda: self.toggle(view))
        return button

    def _arrange(self) -> None:
        inputs, options, row = QWidget(), QWidget(), QWidget()
        contrast = QWidget()
        beside = QHBoxLayout(contrast)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(self.same_contrast, 1)
        beside.addWidget(HelpButton("comparing"))
        self._rows = Rows(inputs)
        for number, combo in enumerate(self.layers):
            tip = "The layer that the others are compared with." if number == 0 else "A layer to compare with the reference."
            self._rows.row("Reference" if number == 0 else "Layer", combo, tip)
        self._rows.row("", contrast, "While a view is on, show all layers in the contrast of the reference or of its result.")
        inside = QGridLayout(row)
        inside.setHorizontalSpacing(2)
        inside.setContentsMargins(0, 0, 0, 0)
        for number, (view, button) in enumerate(zip(self.views, self.buttons, strict=True)):
            key = QLabel(_written(view.key))
            key.setEnabled(False)
            inside.addWidget(button, 0, number)
            inside.addWidget(key, 1, number, Qt.AlignmentFlag.AlignHCenter)
        self._options = Rows(options)
        for view in self.views:
            if view.option is not None:
                self._options.row(view.label, view.option)
        folds = [Fold("Similarity", [self.similarity]), Fold("Line profile", [self.profile])]
        arrange(self, [heading(ABOUT, TERM), inputs, row, options, *folds], self.status)
        self._mark()

    def _connect(self) -> None:
        for combo in self.layers:
            combo.changed.connect(self._on_chosen)
            combo.activated.connect(self._on_picked)
        self.same_contrast.toggled.connect(self._on_contrast)
        self._relay = Relay(self.viewer.layers.events.inserted, self.viewer.layers.events.removed)
        self._relay.fired.connect(self._propose)
        self._themed = Relay(self.viewer.events.theme)
        self._themed.fired.connect(self._on_theme)
        self._on_theme()

    def _on_theme(self) -> None:
        self.setStyleSheet(focus_style(self.viewer.theme))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        for view, button in zip(self.views, self.buttons, strict=True):
            self.viewer.bind_key(view.key, _presses(button), overwrite=True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        if not event.spontaneous():
            self.show_as(None)
            for view in self.views:
                self.viewer.bind_key(view.key, None)


def _one_look(chosen: list[Image]) -> Look | None:
    """Return the contrast in which all are seen: that of the reference, or of a result of it, which has less noise."""
    reference = chosen[0]
    if reference.rgb:
        return None
    alike = (layer for layer in chosen[1:] if layer.colormap.name == reference.colormap.name)  # no spread, nor a difference
    made = next((layer for layer in alike if not layer.rgb and made_of(layer).get("input") == reference.name), None)
    return look_of(reference) if made is None else look_of_both(made, reference)


def _latest(viewer: Viewer) -> list[Image]:
    """Return the input of the latest result and the result; without one, the two topmost images."""
    images = [layer for layer in viewer.layers if isinstance(layer, Image)]
    for result in reversed(images):
        name = made_of(result).get("input")
        if name in viewer.layers and viewer.layers[name] in images:
            return [viewer.layers[name], result]
    return images[-2:]


def _presses(button: QPushButton) -> Any:
    def press(viewer: Viewer) -> None:
        button.click()

    return press


def _written(key: str) -> str:
    return str(QKeySequence(key.replace("-", "+")).toString(QKeySequence.SequenceFormat.NativeText))
