"""Base of all docks: a form, a preview that follows it, a run, and what is done with its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
from napari.layers import Image, Labels, Shapes
from qtpy.QtCore import QTimer
from qtpy.QtGui import QEnterEvent, QHideEvent, QShowEvent
from qtpy.QtWidgets import QWidget

from napari_tweedie.widgets.docks.form_dock import FormDock
from napari_tweedie.widgets.forms.layout import focus_style
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import fingerprint, grey_unit, image_array
from napari_tweedie.widgets.layers.marks import resampling
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.layers.note import tell_if_unseen
from napari_tweedie.widgets.parts.after_run import AfterRun
from napari_tweedie.widgets.parts.as_last_time import AsLastTime
from napari_tweedie.widgets.parts.help_button import HelpButton
from napari_tweedie.widgets.parts.live import Live
from napari_tweedie.widgets.parts.mends import field_about, mend
from napari_tweedie.widgets.parts.recipe_button import RecipeButton
from napari_tweedie.widgets.parts.trouble import Trouble
from napari_tweedie.widgets.runs.confirmation import question
from napari_tweedie.widgets.runs.layer_run import Job, Order
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.engine.run import Progress

WARM_UP_MS = 1000
"""How long after it is shown a dock begins to load torch."""


class Panel(FormDock):
    """A dock that runs one job on a layer."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__(napari_viewer)
        self._run: Job | None = None
        self._preview: tuple[Image, ...] = ()
        self.recipes = RecipeButton(self)
        self.bar.add(self.recipes)
        self.after_run = AfterRun(napari_viewer)
        self.live = Live(self, napari_viewer, self._stated)
        self.bar.add(HelpButton(self.page, self))
        self.last_time, self.trouble = AsLastTime(self), Trouble(self)
        self._arrange()
        self.layout().insertWidget(2, self.after_run)
        self._connect()
        self._on_theme()
        self._on_edit()
        self.last_time.look()

    def order(self, preview: bool) -> Order:
        """Take a snapshot of the form and the layers."""
        self._measure()  # pixels may have been edited in place
        image, recipe = self.source.image(), self.recipe()
        crop, what = Crop.whole(image_array(image).shape), ""
        estimated = recipe.noise.level(0.0) is None
        if preview:
            crop, recipe = self._visible(recipe, image)
            what = "preview"
        measures_whole = preview and recipe.steps[0].noise.level(0.0) is None and not self._marks()
        return Order(
            recipe, image, what, crop, self._inputs(crop), estimated, preview, self._preview, self._notes(image),
            measures_whole, self.says_noise(),
        )  # fmt: skip

    def _notes(self, image: Image) -> tuple[str, ...]:
        """Return what is odd about the layer, its file, and the layers of its methods."""
        told = (resampling(layer, image) for layer in self.chosen_layers().values())
        return (*self.source.notes(), *filter(None, told))

    # Running.

    def run(self, preview: bool = False) -> None:
        """Run on the whole layer, or on its visible part as a preview."""
        self._start(lambda: self.order(preview))

    def _start(self, order: Callable[[], Order]) -> None:
        if self._run is not None:  # another button of the dock was pressed meanwhile: its run goes on
            return
        try:
            if asked := question([self.recipe()]):
                self.bar.tell(asked)
                return
            job = self._job(order())
            job.progressed.connect(self._on_progressed)
            job.ended.connect(self._on_ended)
            job.seen_in = ref(self)
            self._run = job
            self.source.layer.pin()
            self.bar.begin(self.doing)
            job.start()
        except ValueError as error:
            self._on_ended(sentence(error))

    def _job(self, order: Order) -> Job:
        return Job(self.viewer, order)

    def cancel(self) -> None:
        """Stop the run of this dock, if there is one."""
        if self._run is not None:
            self._run.cancel()

    def _remembered(self) -> list[QWidget]:
        return [self.last_time]

    def _on_progressed(self, progress: Progress) -> None:
        self.bar.show_progress(progress)

    def _on_ended(self, text: str) -> None:
        job, self._run = self._run, None
        if job is not None and job.order.preview:
            self._preview = tuple(job.layers.by_name.values())
            if job.is_complete and self._preview:
                self.live.take(job.order, self._preview[0])
        if job is not None and job.is_complete and not job.order.preview and job.order.recipe.job == self.job:
            self.last_time.keep(job.order.recipe)
        if job is not None and job.layers.by_name:
            self.after_run.take(job.order.source, job.layers.made)
        self.bar.end(text, self.obstacle())
        if job is not None and not job.order.preview:
            tell_if_unseen(self, f"{self.doing} has ended. {text}")
        if job is not None and job.error is not None:
            self._show_trouble(job.error)
        self._measure()

    # Keeping the form true.

    def _on_edit(self, *_: object) -> None:
        for form in (self.noise, *self.choosers.values()):
            form.show_grey_unit(grey_unit(self.source.image()))
        for field, why in self._reasons().items():
            self.choosers[field].show_reason(why)
        try:
            self.check()
        except ValueError as error:
            self._show_trouble(error)
            self.bar.set_ready(sentence(error))
        else:
            self.trouble.clear()
            self.bar.set_ready("")
        self._measure()
        self.live.on_edit()

    def _show_trouble(self, error: Exception) -> None:
        """Show an error at the field that it is about, where that is known."""
        field = field_about(self, error)
        self.trouble.show_at(field, sentence(error), mend(self, field))

    def _measure(self) -> None:
        """Have the noise estimated when what it depends on has changed."""
        image = self.source.image()
        try:
            noise = self.noise.method()
        except ValueError:  # a layer is still to be chosen
            self.noise.is_for(None)
            return
        state = (self.source.state(), tuple(map(_mark, self._marks())), noise, self._measured_through())
        if RUNS.job is not None or self.noise.is_for(state) or image is None or noise.level(0.0) is not None:
            return
        try:
            recipe = self.recipe(device="cpu")
            self.noise.measure(recipe, image_array(image), self._inputs(Crop.whole(image_array(image).shape)))
        except ValueError:
            return

    def _measured_through(self) -> object:
        """Return what changes with the methods that tell what of the layer is noise."""
        return None

    def _connect(self) -> None:
        forms: list[Any] = [self.source, self.noise, self.settings, *self.choosers.values()]
        for form in forms:
            form.changed.connect(self._on_edit)
        self.strength.valueChanged.connect(self._on_edit)
        self.live.told.connect(self.bar.tell)
        self.bar.run_clicked.connect(self.run)
        self.bar.preview_clicked.connect(self._on_preview)
        self.bar.cancel_clicked.connect(self.cancel)
        self.side_by_side.toggled.connect(self._on_side_by_side)
        self._relay = Relay(self.viewer.events.theme)
        self._relay.fired.connect(self._on_theme)
        RUNS.changed.connect(self._on_edit)

    def _on_preview(self) -> None:
        self.run(preview=True)

    def _on_side_by_side(self, shown: bool) -> None:
        getattr(self.viewer, "canvas", self.viewer).grid.enabled = shown  # the viewer itself before napari 0.9

    def _on_theme(self) -> None:
        self.bar.paint(self.viewer.theme)
        self.setStyleSheet(focus_style(self.viewer.theme))

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802 - Qt's name
        super().enterEvent(event)
        self._measure()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        QTimer.singleShot(WARM_UP_MS, self.device.warm_up)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        if not event.spontaneous():
            self.cancel()


def _mark(layer: Labels | Shapes) -> tuple[int, int]:
    """Return what changes when a layer marks other pixels."""
    if isinstance(layer, Labels):
        return id(layer), fingerprint(layer)
    return id(layer), hash(tuple(np.asarray(vertices).tobytes() for vertices in layer.data))
