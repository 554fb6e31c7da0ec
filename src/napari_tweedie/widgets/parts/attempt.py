"""Attempt: what is proposed for a layer, to be changed, and what becomes of a part of it, under a line to drag."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QComboBox, QWidget

from napari_tweedie.core.array_input import Input
from napari_tweedie.recipe.proposal import MARKS, Clues, Proposal, Task, for_task, propose
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms import preferences as settings
from napari_tweedie.widgets.forms.editors import Number
from napari_tweedie.widgets.forms.layout import Rows, column
from napari_tweedie.widgets.layers.crop import visible_crop
from napari_tweedie.widgets.layers.input import image_array, nanometres
from napari_tweedie.widgets.layers.marks import marked_pixels
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.before_after import BeforeAfter, pictures
from napari_tweedie.widgets.parts.clues import named
from napari_tweedie.widgets.parts.strength import Strength
from napari_tweedie.widgets.parts.trial import Trial
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from napari_tweedie.engine.survey import Survey
    from napari_tweedie.widgets.parts.source import Source

FIRST, WHOLE, STACK = "after, a first look", "measured as a whole: press Deblur", "the stack is looked at …"
TASKS: tuple[Task, ...] = ("denoise", "deblur", "fill")
PAUSE_MS = 250
"""How long an edit rests before a trial begins."""
FULL = 1024
"""Most pixels along Y and X of the field in which a part to try is looked for."""


class Attempt(QWidget):
    """The task, its strength, and the blur; below them before and after, computed again whenever one of them is changed."""

    changed = Signal()
    told = Signal(str)
    """Why nothing can be tried; nothing where something can."""
    looked = Signal()
    """The first look is over, whatever came of it."""

    def __init__(self, viewer: Viewer, source: Source) -> None:
        super().__init__()
        self.viewer, self.source = viewer, source
        self.task = QComboBox()
        self.task.addItems([task.capitalize() for task in TASKS])
        self.strength = Strength()
        self.width_ = Number(0.1, 50.0, " px")
        self.picture = BeforeAfter()
        self._survey: Survey | None = None
        self._clues: Clues | None = None
        self._trial: Trial | None = None
        self._first: Task | None = None
        """What the first look has shown."""
        self._trying = Background(self)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(lambda: self._try())
        self._form = QWidget()
        self._rows = Rows(self._form)
        self._rows.row("Do", self.task, "What to try: proposed from what was found, and yours to change.")
        self._rows.row("Strength", self.strength)
        self._rows.row("Blur width", self.width_, "Standard deviation of the blur, in pixels.")
        place = column(self)
        place.addWidget(self.picture)
        place.addWidget(self._form)
        for signal in (self.task.currentIndexChanged, self.strength.valueChanged, self.width_.valueChanged):
            signal.connect(self._on_edit)
        self.hide()

    @property
    def chosen(self) -> Task:
        """The task that is chosen."""
        return TASKS[self.task.currentIndex()]

    def is_done(self) -> bool:
        """Tell whether both pictures are those of what is chosen, by the better network."""
        shown = self.picture.is_complete or self.picture.told == WHOLE
        return shown and not (self._trying.is_busy or self._pause.isActive())

    def recipe(self, task: Task | None = None) -> Recipe:
        """Return what suits a task, by default the chosen one, as it was changed here, with axes and sizes of the layer.

        Raises
        ------
        ValueError
            If nothing was found yet, or the axes do not describe the layer.
        """
        if self._clues is None:
            raise ValueError("nothing was found yet: wait for it")
        self.source.layout_of()
        recipe = for_task(task or self.chosen, self._clues)
        if recipe.degradation.name == "gaussian-blur" and self._blur_is_free():
            recipe = recipe.model_copy(update={"degradation": recipe.degradation.model_copy(update={"std": self.width_.kept()})})
        axes = self.source.axes.text()
        volume = "z" in axes and (recipe.volume or self.source.is_volume())
        known = {"axes": axes, "volume": volume, **self.source.sizes(), **settings.known_defaults()}
        return Recipe(**{**dict(recipe), **known, "strength": self.strength.strength()})

    def look_first(self, clues: Clues) -> None:
        """Show a part of the layer at once, and what the quick network makes of it, before anything is known of the layer.

        Of a stack that is deblurred as a whole, of projections and of frequencies, what was measured is shown.
        """
        self.stop()
        self._clues, self._survey = clues, None
        self.strength.set_quietly(1.0)
        self._form.hide()
        self.show()
        image, task = self.source.image(), propose(clues).task
        try:
            trial = self._trial = self._order(image, task, None)
        except ValueError:  # which the proposal will tell, or the layer has no axes to speak of
            self.looked.emit()
            return
        self._trying.call(trial.before, partial(self._show_before, trial, task))

    def _show_before(self, trial: Trial, task: Task, plane: NDArray[Any] | Exception) -> None:
        if trial is not self._trial:
            return
        if isinstance(plane, Exception):
            self.looked.emit()
            return
        if trial.recipe.volume or not trial.is_of_a_part:  # which takes more to try than a first look has time for
            self.picture.show_pictures(*pictures([plane], trial.layer), told=STACK if trial.is_of_a_part else WHOLE)
            self.looked.emit()
            return
        self.picture.show_pictures(*pictures([plane], trial.layer), told="a first look …")
        self._trying.call(partial(trial.run, True), partial(self._show_first, trial, task))

    def _show_first(self, trial: Trial, task: Task, planes: tuple[NDArray[Any], NDArray[Any]] | Exception) -> None:
        if trial is not self._trial:
            return
        if not isinstance(planes, Exception):
            self._first = task
            self.picture.show_pictures(*pictures(planes, trial.layer, trial.noise), after=FIRST)
        self.looked.emit()

    def begin(self, survey: Survey, clues: Clues, proposal: Proposal) -> None:
        """Show a proposal, and try it."""
        self._survey, self._clues = survey, clues
        self.strength.set_quietly(1.0)
        for editor, value in ((self.width_, getattr(proposal.recipe.degradation, "std", 1.6)), (self.task, proposal.task)):
            blocked = editor.blockSignals(True)
            if isinstance(editor, QComboBox):
                editor.setCurrentIndex(TASKS.index(value))
            else:
                editor.setValue(value)
            editor.blockSignals(blocked)
        self._form.show()
        self.show()
        self._on_edit()
        self._pause.stop()
        self._try(quick=self._first != proposal.task)

    def mark(self, mask: str) -> None:
        """Take a layer for the marks of missing pixels from now on."""
        if self._clues is not None:
            self._clues = self._clues.with_mask(mask)

    def clear(self) -> None:
        """Forget the layer."""
        self.stop()
        self._survey = self._clues = self._first = None
        self.picture.show_pictures()
        self.hide()

    def stop(self) -> None:
        """Stop the trial under way, if there is one; its answer is not waited for."""
        if self._trial is not None:
            self._trial.stopped.set()
        self._trying.forget()
        self._trial = None

    def _on_edit(self, *_: object) -> None:
        self._rows.show_row(self.width_, self.chosen == "deblur" and self._blur_is_free())
        self.changed.emit()
        if self._clues is not None:
            self._pause.start()

    def _blur_is_free(self) -> bool:
        """Tell whether nothing but the width says what the blur is."""
        clues = self._clues
        return clues is not None and not clues.simulated and for_task("deblur", clues).degradation.name == "gaussian-blur"

    def _try(self, quick: bool = True) -> None:
        """Try the recipe on a part of the layer: with the quick network first, unless that was seen, then with the better one."""
        image = self.source.image()
        if image is None or self._survey is None or RUNS.job is not None:
            return
        self.stop()
        try:
            self._trial = self._order(image, self.chosen, self._survey)
        except ValueError as error:
            self.picture.show_pictures(told="")
            self.told.emit(sentence(error))
            return
        self.told.emit("")
        if self._trial.is_of_a_part:
            self._trying.call(partial(self._trial.run, quick), partial(self._show_trial, self._trial, quick))
        else:
            self._trying.call(self._trial.before, partial(self._show_whole, self._trial))

    def _show_whole(self, trial: Trial, plane: NDArray[Any] | Exception) -> None:
        """Show what was measured, of which no part can be tried."""
        if trial is self._trial and not isinstance(plane, Exception):
            self.picture.show_pictures(*pictures([plane], trial.layer), told=WHOLE)

    def _order(self, image: Image, task: Task, survey: Survey | None) -> Trial:
        recipe = self.recipe(task)
        if survey is not None and not survey.channel.colours:
            recipe = recipe.model_copy(update={"noise": survey.channel.noise})
        flat = self.viewer.dims.ndisplay == 2
        field = visible_crop(image, self.viewer.dims.point, recipe.axes, recipe.volume, flat=flat, side=FULL)
        inputs = {name: self.input(given) for name, given in recipe.arrays().items() if given.name}
        return Trial(image, recipe, field, self.place(), inputs)

    def input(self, given: Input) -> Input:
        """Return an array of a recipe, from the open layer of its name; marks on the pixels of the image.

        Raises
        ------
        ValueError
            If there is no such layer, or its marks do not lie on the image.
        """
        if self._clues is not None and not self._clues.mask and given.name == MARKS:
            return Input.of(self.missing(self.source.image()), MARKS)
        layer = named(given.name, self.viewer.layers)
        if isinstance(layer, Labels):
            return Input.of(marked_pixels(layer, self.source.image(), self.source.axes.text(), False), layer.name)
        return Input.of(np.asarray(image_array(layer)), layer.name, nanometres(layer))

    def missing(self, image: Image | None) -> NDArray[np.bool_]:
        """Return which pixels of the plane of a layer that is seen have no value."""
        axes, at = self.source.axes.text(), self.place()
        index = tuple(slice(None) if axis in "yxs" else n for axis, n in zip(axes, at, strict=True))
        lost = ~np.isfinite(np.asarray(image_array(image)[index]))
        return np.asarray(lost.any(-1) if axes.endswith("s") else lost)

    def place(self) -> tuple[int, ...]:
        """Return where the viewer's sliders stand, in pixels of the layer; 0 along what is seen anyway."""
        image, axes = self.source.image(), self.source.axes.text()
        if image is None:
            return ()
        current = np.rint(image.world_to_data(self.viewer.dims.point)).astype(int)
        sizes = image_array(image).shape[: image.ndim]
        at = [min(max(int(n), 0), length - 1) for n, length in zip(current, sizes, strict=True)]
        return tuple(0 if axis in "yxs" else n for axis, n in zip(axes, [*at, 0], strict=False))

    def _show_trial(self, trial: Trial, quick: bool, planes: tuple[NDArray[np.float32], NDArray[np.float32]] | Exception) -> None:
        if trial is not self._trial:
            return
        if isinstance(planes, Exception):
            self.picture.show_pictures()
            self.told.emit(sentence(planes))
            return
        self.picture.show_pictures(*pictures(planes, trial.layer, trial.noise), after=FIRST if quick else "after")
        if quick and RUNS.job is None:
            self._trying.call(partial(trial.run, False), partial(self._show_trial, trial, False))
