"""Base of all docks: a layer and its noise, a denoiser, advanced settings, and a run bar."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QTimer
from qtpy.QtGui import QEnterEvent, QHideEvent, QShowEvent
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_tweedie import denoisers
from napari_tweedie.core.method import Input
from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.forms import preferences as settings
from napari_tweedie.widgets.forms.denoiser_chooser import DenoiserChooser
from napari_tweedie.widgets.forms.layout import arrange, focus_style, folded, heading, one_row
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.layers.crop import Crop, visible_crop
from napari_tweedie.widgets.layers.event_relay import Relay
from napari_tweedie.widgets.layers.input import fingerprint, grey_unit, image_array, nanometres
from napari_tweedie.widgets.layers.marks import marked_pixels, resampling
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.after_run import AfterRun
from napari_tweedie.widgets.parts.device_combo import DeviceCombo
from napari_tweedie.widgets.parts.help_button import HelpButton
from napari_tweedie.widgets.parts.noise_form import NoiseForm
from napari_tweedie.widgets.parts.recipe_button import RecipeButton
from napari_tweedie.widgets.parts.run_bar import EnterRuns, RunBar
from napari_tweedie.widgets.parts.source import Source
from napari_tweedie.widgets.parts.strength import Strength
from napari_tweedie.widgets.runs.confirmation import question
from napari_tweedie.widgets.runs.layer_run import Job, Order
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_tweedie.engine.run import Progress

WARM_UP_MS = 1000
"""How long after it is shown a dock begins to load torch."""


class Panel(EnterRuns):
    """A dock that runs one job on a layer. Subclasses set up their choosers and say what goes into the recipe."""

    job: ClassVar[JobName]
    page: ClassVar[str]
    """Page of the documentation about it."""
    about: ClassVar[str]
    """What the dock is for, in plain words."""
    term: ClassVar[str]
    """What the field calls it."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.source = Source(napari_viewer.layers, neighbours=self.job == "denoise")
        self.noise = NoiseForm(napari_viewer.layers)
        self.strength = Strength()
        self.choosers = self._choosers()
        self.side_by_side = QCheckBox("side by side")
        self.device = DeviceCombo()
        self.settings = Form(Recipe, ["outliers", "tile", "seed"], napari_viewer.layers)
        self.bar = RunBar()
        self._run: Job | None = None
        self._preview: tuple[Image, ...] = ()
        self._fitted: Layer | None = None
        self.settings.editors["tile"].widget.setSpecialValueText("auto")
        self.settings.fill(settings.defaults())
        self.recipes = RecipeButton(self)
        self.bar.add(self.recipes)
        self.after_run = AfterRun(napari_viewer)
        self.bar.add(HelpButton(self.page, self))
        device_row = one_row("Device", self.device, Recipe.model_fields["device"].description or "")
        parts = self._parts()
        choosers = [*self.choosers.values(), *([self.noise] if self.noise in parts else [])]
        further = [part for chooser in choosers for part in chooser.folded_parts()]
        if self.noise in parts:
            parts.insert(parts.index(self.noise) + 1, one_row("Strength", self.strength, self.strength.toolTip()))
        advanced = folded("Advanced", [device_row, self.settings, *further])
        view = one_row("", self.side_by_side, "Show the visible layers in a grid.")
        arrange(self, [heading(self.about, self.term), self.source, *parts, view, advanced], self.bar)
        self.layout().insertWidget(2, self.after_run)
        self._connect()
        self._on_theme()
        self._on_edit()

    # What subclasses say.

    def _choosers(self) -> dict[str, Chooser[Any]]:
        """Return the methods to choose, by their field of the recipe."""
        return {"denoiser": self._chooser("denoiser", denoisers.registry, "unet")}

    def _parts(self) -> list[QWidget]:
        """Return the parts of the form below the layer, from top to bottom."""
        return [*self.choosers.values(), self.noise]

    def chosen_layers(self) -> dict[str, Layer]:
        """Return the layers that the methods take their arrays from."""
        return self.choosers["denoiser"].chosen_layers() | self.noise.chosen_layers()

    def _chooser(self, field: str, registry: Any, chosen: str) -> Chooser[Any]:
        made = DenoiserChooser if field == "denoiser" else Chooser
        return made(field.capitalize(), Recipe.model_fields[field].description or "", registry, chosen, self.viewer.layers)

    # From the form to an order.

    def recipe(self, **changes: Any) -> Recipe:
        """Return what the form says.

        Raises
        ------
        ValueError
            If something is missing or not allowed; the message says what to change.
        """
        values = {"job": self.job, "axes": self.source.axes.text(), "volume": self.source.is_volume()}
        values |= self.source.sizes() | {"neighbours": self.source.neighbours_choice()}
        values |= {"device": self.device.currentText(), "noise": self.noise.method(), "strength": self.strength.strength()}
        values |= self.settings.values()
        return Recipe(**{**values, **{field: chooser.method() for field, chooser in self.choosers.items()}, **changes})

    def fill(self, recipe: Recipe) -> None:
        """Set the form as a recipe of this job says; what it cannot show stays as it is."""
        noise = {} if "noise" in self.choosers else {"noise": self.noise}
        for field, chooser in {**self.choosers, **noise}.items():
            with suppress(ValueError):
                chooser.fill(getattr(recipe, field).describe())
        self.settings.fill(dict(recipe))
        self.strength.setValue(recipe.strength)
        self.device.setCurrentText(recipe.device)
        self.source.fill(recipe)

    def wrong_dock(self, recipe: Recipe) -> str:
        """Say why this form cannot show a recipe, or nothing."""
        if recipe.first:
            return f"has {len(recipe.steps)} steps: load it in the dock Steps"
        return "" if recipe.job == self.job else f"is for the job {recipe.job!r}, not {self.job!r}: load it in that dock"

    def obstacle(self) -> str:
        """Say why the form cannot run, or nothing."""
        image = self.source.image()
        if image is None:
            return "Open an image first."
        if RUNS.job is not None:
            return "Another run is in progress."
        try:
            recipe = self.recipe()
            self.source.layout_of()
        except ValueError as error:
            return sentence(error)
        return sentence(recipe.obstacle)

    def order(self, preview: bool) -> Order:
        """Take a snapshot of the form and the layers."""
        self._measure()  # pixels may have been edited in place
        image, recipe = self.source.image(), self.recipe()
        crop, what = Crop.whole(image_array(image).shape), ""
        estimated = recipe.noise.level(0.0) is None
        if preview:
            crop, recipe = self._visible(recipe, image)
            what = "preview"
        return Order(
            recipe, image, what, crop, self._inputs(crop), estimated, preview, self._preview, self._notes(image),
            preview and recipe.noise.level(0.0) is None and not self._marks(),
        )  # fmt: skip

    def _visible(self, recipe: Recipe, image: Image, side: int | None = None) -> tuple[Crop, Recipe]:
        """Return the part of a layer that is seen, at most `side` pixels wide, and the recipe with the whole layer's noise."""
        crop = Crop.whole(image_array(image).shape)
        if not recipe.inverts or recipe.degradation.is_image:
            flat = self.viewer.dims.ndisplay == 2
            crop = visible_crop(image, self.viewer.dims.point, recipe.axes, recipe.volume, flat=flat, side=side)
        channel = crop.start[recipe.axes.index("c")] if "c" in recipe.axes else 0
        if recipe.noise.level(0.0) is None and channel < len(self.noise.channels):
            recipe = recipe.model_copy(update={"noise": self.noise.channels[channel].noise})
        return crop, recipe

    def _notes(self, image: Image) -> tuple[str, ...]:
        """Return what is odd about the layer, its file, and the layers of its methods."""
        told = (resampling(layer, image) for layer in self.chosen_layers().values())
        return (*self.source.notes(), *filter(None, told))

    def _inputs(self, crop: Crop) -> dict[str, Input]:
        """Return copies of the arrays that the methods take, cut like the image where they lie on its pixels."""
        inputs = {}
        for name, layer in self.chosen_layers().items():
            if isinstance(layer, Labels | Shapes):
                marked = marked_pixels(layer, self.source.image(), self.source.axes.text(), self.source.is_volume())
                array = crop.of_mask(marked, self.source.axes.text())
            else:
                array = np.asarray(image_array(layer))
            inputs[name] = Input.of(array, layer.name, nanometres(layer))
        return inputs

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
            self._run = job
            self.source.layer.pin()
            self.bar.begin()
            job.start()
        except ValueError as error:
            self._on_ended(sentence(error))

    def _job(self, order: Order) -> Job:
        return Job(self.viewer, order)

    def cancel(self) -> None:
        """Stop the run of this dock, if there is one."""
        if self._run is not None:
            self._run.cancel()

    def _on_progressed(self, progress: Progress) -> None:
        self.bar.show_progress(progress)

    def _on_ended(self, text: str) -> None:
        job, self._run = self._run, None
        if job is not None and job.order.preview:
            self._preview = tuple(job.layers.by_name.values())
        if job is not None and job.layers.by_name:
            self.after_run.take(job.order.source, job.layers.by_name)
        self.bar.end(text, self.obstacle())
        self._measure()

    # Keeping the form true.

    def _on_edit(self, *_: object) -> None:
        for form in (self.noise, *self.choosers.values()):
            form.show_grey_unit(grey_unit(self.source.image()))
        self.bar.set_ready(self.obstacle())
        self._measure()

    def _measure(self) -> None:
        """Have the noise estimated when what it depends on has changed."""
        image, noise = self.source.image(), self.noise.method()
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

    def _marks(self) -> list[Labels | Shapes]:
        """Return the layers that mark pixels for the methods."""
        return [layer for layer in self.chosen_layers().values() if isinstance(layer, Labels | Shapes)]

    def _connect(self) -> None:
        forms: list[Any] = [self.source, self.noise, self.settings, *self.choosers.values()]
        for form in forms:
            form.changed.connect(self._on_edit)
        self.strength.valueChanged.connect(self._on_edit)
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
