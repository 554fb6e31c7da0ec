"""Form of a dock: a layer and its noise, methods and their settings; and the recipe that they say."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtWidgets import QCheckBox, QWidget

from napari_tweedie import denoisers
from napari_tweedie.core.array_input import Input
from napari_tweedie.degradations.noise import Auto
from napari_tweedie.recipe import reasons
from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.widgets.forms import preferences as settings
from napari_tweedie.widgets.forms.denoiser_chooser import DenoiserChooser
from napari_tweedie.widgets.forms.field_error import FieldError
from napari_tweedie.widgets.forms.layout import Fold, arrange, heading, one_row
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.layers.crop import Crop, visible_crop
from napari_tweedie.widgets.layers.input import image_array, nanometres
from napari_tweedie.widgets.layers.marks import marked_pixels
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.device_combo import DeviceCombo
from napari_tweedie.widgets.parts.noise_form import NoiseForm
from napari_tweedie.widgets.parts.run_bar import EnterRuns, RunBar
from napari_tweedie.widgets.parts.source import Source
from napari_tweedie.widgets.parts.strength import Strength
from napari_tweedie.widgets.runs.background import Background
from napari_tweedie.widgets.runs.run import RUNS

if TYPE_CHECKING:
    from napari.viewer import Viewer


class FormDock(EnterRuns):
    """What a user decides, and below it, folded, everything else. Subclasses say what there is, and what goes into the recipe."""

    job: ClassVar[JobName]
    page: ClassVar[str]
    """Page of the documentation about it."""
    about: ClassVar[str]
    """What the dock is for, in plain words."""
    remembers: ClassVar[bool] = True
    """Whether it comes up with the settings of last time."""
    doing: ClassVar[str] = "Working"
    """What it says that it is doing while it runs."""
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
        self.settings.editors["tile"].widget.setSpecialValueText("auto")
        self.bar = RunBar()
        self._preferring = Background(self)
        if settings.are_known():
            self._prefer(settings.defaults())
        else:
            self._preferring.call(settings.defaults, self._prefer)

    def _arrange(self) -> None:
        """Place what a user decides, and below it, folded, everything else."""
        decided, further = self._parts(), self._further()
        self._decides = self.noise in further
        if self._decides:
            decided += [one_row("Strength", self.strength, self.strength.toolTip()), self.noise.decision]
        shown = [part for chooser in decided if isinstance(chooser, Chooser) for part in chooser.folded_parts()]
        for part in further:  # each method with what is folded of it
            shown += [part, *(part.folded_parts() if isinstance(part, Chooser) else [])]
        device = one_row("Device", self.device, Recipe.model_fields["device"].description or "")
        view = one_row("", self.side_by_side, "Show the visible layers in a grid.")
        self.more = Fold("More …", [*shown, device, self.settings, view])
        parts = [heading(self.about, self.term), self.source, *decided, *self._remembered(), *self._seen_after(), self.more]
        arrange(self, parts, self.bar)

    def _prefer(self, preferred: dict[str, Any] | Exception) -> None:
        """Take what the user set in napari's preferences, where the form was not edited yet."""
        if isinstance(preferred, dict) and preferred:
            self.device.prefer(preferred["device"])
            if not self.settings.editors["tile"].get():
                self.settings.fill({"tile": preferred["tile"]})

    # What subclasses say.

    def _choosers(self) -> dict[str, Chooser[Any]]:
        """Return the methods to choose, by their field of the recipe."""
        return {"denoiser": self._chooser("denoiser", denoisers.registry, "unet")}

    def _parts(self) -> list[QWidget]:
        """Return what a user decides, below the layer, from top to bottom."""
        return []

    def _further(self) -> list[QWidget]:
        """Return what is chosen well for most images, and is folded."""
        return [*self.choosers.values(), self.noise]

    def _remembered(self) -> list[QWidget]:
        """Return what tells which settings are those of last time."""
        return []

    def _seen_after(self) -> list[QWidget]:
        """Return what there is to see once a run has ended, hidden until then."""
        return []

    def _reasons(self) -> dict[str, str]:
        """Return why methods are chosen, by their field of the recipe."""
        return {"denoiser": reasons.of_denoiser(self.choosers["denoiser"].name)} if "denoiser" in self.choosers else {}

    def chosen_layers(self) -> dict[str, Layer]:
        """Return the layers that the methods take their arrays from."""
        return self.choosers["denoiser"].chosen_layers() | self.noise.chosen_layers()

    def _chooser(self, field: str, registry: Any, chosen: str) -> Chooser[Any]:
        made = DenoiserChooser if field == "denoiser" else Chooser
        return made(field.capitalize(), Recipe.model_fields[field].description or "", registry, chosen, self.viewer.layers)

    # What the form says.

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

    def says_noise(self) -> bool:
        """Tell whether the form says what the noise was found to be."""
        return self._decides and self.noise.name == Auto.name

    def wrong_dock(self, recipe: Recipe) -> str:
        """Say why this form cannot show a recipe, or nothing."""
        if recipe.first:
            return f"has {len(recipe.steps)} steps: load it in the dock Steps"
        return "" if recipe.job == self.job else f"is for the job {recipe.job!r}, not {self.job!r}: load it in that dock"

    def check(self) -> None:
        """Refuse what cannot run.

        Raises
        ------
        ValueError
            If something stands in the way; a `FieldError`, where it is known which field is to be changed.
        """
        if self.source.image() is None:
            raise ValueError("open an image first")
        if RUNS.job is not None:
            raise ValueError("another run is in progress")
        recipe = self.recipe()
        try:
            self.source.layout_of()
        except ValueError as error:
            raise FieldError(str(error), self.source.axes) from None
        if recipe.obstacle:
            raise FieldError(recipe.obstacle, self._method_of(recipe).combo)

    def obstacle(self) -> str:
        """Say why the form cannot run, or nothing."""
        try:
            self.check()
        except ValueError as error:
            return sentence(error)
        return ""

    def _method_of(self, recipe: Recipe) -> Chooser[Any]:
        """Return the choice that an obstacle of a recipe is about: the denoiser, or what works with it."""
        name = {"restore": "solver", "sample": "sampler"}.get(recipe.job, "denoiser")
        return self.choosers["denoiser" if recipe.denoiser.obstacle() or name not in self.choosers else name]

    def _visible(self, recipe: Recipe, image: Image, side: int | None = None) -> tuple[Crop, Recipe]:
        """Return the part of a layer that is seen, at most `side` pixels wide, and the recipe with the whole layer's noise."""
        crop = Crop.whole(image_array(image).shape)
        if not recipe.inverts or recipe.degradation.is_image:
            flat = self.viewer.dims.ndisplay == 2
            crop = visible_crop(image, self.viewer.dims.point, recipe.axes, recipe.volume, flat=flat, side=side)
        return crop, self._with_noise(recipe, crop)

    def _stated(self, crop: Crop) -> tuple[Recipe, dict[str, Input]]:
        """Return what the form says for a field: the recipe, with what was measured of the noise, and its arrays."""
        return self._with_noise(self.recipe(), crop), self._inputs(crop)

    def _with_noise(self, recipe: Recipe, crop: Crop) -> Recipe:
        """Return a recipe with the noise of the whole layer, as far as it is known."""
        channel = crop.start[recipe.axes.index("c")] if "c" in recipe.axes else 0
        if recipe.noise.level(0.0) is None and channel < len(self.noise.channels) and not self.noise.channels[channel].colours:
            return recipe.model_copy(update={"noise": self.noise.channels[channel].noise})
        return recipe

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
            if name == "psf" and (image := self.source.image()) is not None:
                axes, volume = self.source.axes.text(), self.source.is_volume()
                inputs[name] = crop.of_functions(inputs[name], axes, volume, image_array(image).shape)
        return inputs

    def _marks(self) -> list[Labels | Shapes]:
        """Return the layers that mark pixels for the methods."""
        return [layer for layer in self.chosen_layers().values() if isinstance(layer, Labels | Shapes)]
