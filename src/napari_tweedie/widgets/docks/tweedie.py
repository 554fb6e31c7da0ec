"""Tweedie dock, the front door: it looks at the active layer, says what it found, and proposes and tries what to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_tweedie import degradations
from napari_tweedie.core.array_input import Input
from napari_tweedie.recipe.proposal import Clues, Task, propose
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.layout import Message, arrange, focus_style, heading
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.attempt import Attempt
from napari_tweedie.widgets.parts.clues import beside, with_survey
from napari_tweedie.widgets.parts.doors import open_dock, open_filled, warm_up, warm_up_docks
from napari_tweedie.widgets.parts.found import Found
from napari_tweedie.widgets.parts.help_button import HelpButton
from napari_tweedie.widgets.parts.mends import add_marks, mend_axes
from napari_tweedie.widgets.parts.source import Source
from napari_tweedie.widgets.parts.trouble import Trouble
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_tweedie.engine.survey import Survey

ABOUT = "Looks at your image and proposes what to do."
TERM = "Named after Tweedie's formula: the best guess of a clean image is the noisy one, moved along the gradient of its density."
DOORS = {
    "Denoise": "Take the noise away from the whole layer.",
    "Deblur": "Undo blur, by its width, a measured point-spread function, or the optics.",
    "Fill": "Fill in missing pixels; where nothing marks them, a layer to paint them in is added.",
    "How sure?": "See how sure the result is, pixel by pixel: standard deviation and intervals.",
    "Compare": "Look at the latest result beside its input: a line to drag, side by side, in turn, difference, figures.",
}
TASK_OF: dict[str, Task] = {"Denoise": "denoise", "Deblur": "deblur", "Fill": "fill"}
DRAWN_MS = 50
SETTLE_MS = 250
"""How long layers and sliders rest before the layer is looked at again."""


class Tweedie(QWidget):
    """The dock *Tweedie*. It starts no run: its buttons open the other docks, filled in."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.source = Source(napari_viewer.layers)
        self.found = Found()
        self.proposed = QLabel()
        self.proposed.setWordWrap(True)
        self.proposed.setStyleSheet("font-weight: bold;")
        self.proposed.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.attempt = Attempt(napari_viewer, self.source)
        self.buttons = {title: self._button(title, tip) for title, tip in DOORS.items()}
        self.message = Message()
        self.trouble = Trouble(self)
        self.survey: Survey | None = None
        """What was found on the layer; None while it is looked at."""
        self._clues: Clues | None = None
        self._seen: object = None
        self._next: Callable[[], None] = lambda: None
        """Looks at the layer as a whole."""
        self._looking, self._warming = Background(self), Background(self)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._arrange()
        self._connect()
        self._on_theme()
        self._look()

    def is_done(self) -> bool:
        """Tell whether the layer was looked at, and the proposal tried with the better network."""
        return self.survey is not None and not self._settle.isActive() and self.attempt.is_done()

    # Looking.

    def _look(self, *_: object) -> None:
        """Look at the layer, in a thread, unless that was done."""
        image, state = self.source.image(), self._state()
        if state == self._seen or RUNS.job is not None:
            return
        self._seen, self.survey, self._clues = state, None, None
        self.trouble.clear()
        self.attempt.clear()
        self.proposed.setText("")
        self.message.show_text("")
        self._mark_doors()
        if image is None:
            self._looking.forget()
            self.found.clear("Open an image: File › Open, or File › Open Sample › Tweedie.")
            return
        self.found.clear("Looking at the layer …")
        try:
            self.source.layout_of()
            recipe = Recipe(axes=self.source.axes.text(), **self.source.sizes())
        except ValueError as error:
            self.found.clear()
            self.trouble.show_at(self.source.axes, sentence(error), mend_axes(self.source))
            return
        clues, inputs = beside(image, self.viewer.layers), {}
        if clues.mask:
            try:
                inputs["mask"] = self.attempt.input(Input(None, clues.mask))
                recipe = recipe.model_copy(update={"job": "restore", "degradation": degradations.registry.build("mask")})
            except ValueError:  # it lies elsewhere, or has another shape
                clues = clues.with_mask("")
        work = partial(_survey, recipe, image_array(image), self.attempt.place(), inputs)
        self._next = partial(self._looking.call, work, partial(self._show_found, clues))
        self.attempt.look_first(clues)

    def _on_looked(self) -> None:
        """Look at the layer as a whole, once there is something to see."""
        self._next()

    def _state(self) -> object:
        """Return what changes when something else would be found."""
        return self.source.state(), self.attempt.place(), tuple(layer.name for layer in self.viewer.layers)

    def _show_found(self, clues: Clues, survey: Survey | Exception) -> None:
        if isinstance(survey, Exception):
            self.found.clear(sentence(survey))
            self.attempt.clear()
            return
        self.survey, self._clues = survey, with_survey(clues, survey)
        sizes = self.source.sizes()
        self.found.show_survey(survey, self._clues, sizes.get("spacing", ()), sizes.get("unit", "pixel"))
        proposal = propose(self._clues)
        self.proposed.setText(proposal.sentence())
        if proposal.recipe.volume:
            blocked = self.source.blockSignals(True)
            self.source.volume.setChecked(True)
            self.source.blockSignals(blocked)
            self._seen = self._state()
        self.attempt.begin(survey, self._clues, proposal)
        self._warming.call(warm_up_docks, lambda _: None)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        QTimer.singleShot(DRAWN_MS, self._warm_up)  # what is imported holds up the window, which is to be drawn first

    def _warm_up(self) -> None:
        """Load torch, then the docks, unless something of it is under way."""
        if not self._warming.is_busy:
            self._warming.call(warm_up, lambda _: None)

    # Opening the other docks.

    def open(self, title: str) -> Any:
        """Open a dock, filled in as it was proposed and changed here; return it."""
        image = self.source.image()
        if title == "Compare" or image is None or self._clues is None:
            return open_dock(self.viewer, title)
        if title == "Fill" and not self._clues.mask:
            self._add_marks(image, bool(self._clues.missing))
        recipe = self.attempt.recipe(TASK_OF.get(title))
        if title == "How sure?":
            recipe = recipe.model_copy(update={"job": "sample"})
        return open_filled(self.viewer, "Deblur" if title == "Fill" else title, image, recipe)

    def _add_marks(self, image: Image, missing: bool) -> None:
        """Add a layer to paint the pixels in that are to be filled, those without a value marked, and take it up."""
        marks = add_marks(self, image, self.attempt.missing(image) if missing else None)
        self.viewer.layers.selection.active = image if missing else marks
        self._seen = self._state()
        self.attempt.mark(marks.name)
        told = "Pixels without a value are marked in the new layer: add others" if missing else "Paint the pixels to be filled"
        self.message.show_text(f"{told} in {'it' if missing else 'the new layer'}, then press Run in the dock Deblur.")

    def _mark_doors(self) -> None:
        """Enable the buttons that lead somewhere, and give the proposed one the accent colour."""
        known = self.source.image() is not None and self._clues is not None
        several = sum(isinstance(layer, Image) for layer in self.viewer.layers) > 1
        for title, button in self.buttons.items():
            button.setEnabled(several if title == "Compare" else known)
            button.setObjectName("tweedie_proposed" if known and TASK_OF.get(title) == self.attempt.chosen else "")
            button.style().unpolish(button)
            button.style().polish(button)

    def _button(self, title: str, tip: str) -> QPushButton:
        def opened() -> None:
            try:
                self.open(title)
            except ValueError as error:
                self.message.show_text(sentence(error))

        button = QPushButton(title)
        button.setToolTip(tip)
        button.clicked.connect(opened)
        return button

    # Layout and signals.

    def _arrange(self) -> None:
        foot = QWidget()
        grid = QGridLayout(foot)
        grid.setContentsMargins(0, 0, 0, 0)
        for number, button in enumerate(self.buttons.values()):
            grid.addWidget(button, number // 3, number % 3)
        grid.addWidget(HelpButton("index", self), 1, 2, Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.message, 2, 0, 1, 3)
        arrange(self, [heading(ABOUT, TERM), self.source, self.found, self.proposed, self.attempt], foot)

    def _connect(self) -> None:
        layers = self.viewer.layers.events
        moved = Relay(layers.inserted, layers.removed, layers.renamed, self.viewer.dims.events.current_step)
        themed = Relay(self.viewer.events.theme)
        self._relays = (moved, themed)
        self._settle.timeout.connect(self._look)
        for signal in (self.source.changed, moved.fired):
            signal.connect(self._settle.start)
        themed.fired.connect(self._on_theme)
        self.attempt.looked.connect(self._on_looked)
        self.attempt.changed.connect(self._mark_doors)
        self.attempt.told.connect(self.message.show_text)
        RUNS.changed.connect(self._on_run)

    def _on_run(self) -> None:
        """Leave the machine to a run; look again after it."""
        if RUNS.job is not None:
            self.attempt.stop()
            if self.survey is None and not self._looking.is_busy:  # the first look is cut short
                self._seen = None
        self._settle.start()

    def _on_theme(self) -> None:
        accent = get_theme(self.viewer.theme).current.as_hex()
        proposed = f"QPushButton#tweedie_proposed:enabled {{ background-color: {accent}; font-weight: bold; }}"
        self.setStyleSheet(f"{focus_style(self.viewer.theme)} {proposed}")


def _survey(recipe: Recipe, array: Any, place: tuple[int, ...], inputs: dict[str, Input]) -> Survey:
    from napari_tweedie.engine.survey import survey

    return survey(recipe, array, place, **inputs)
