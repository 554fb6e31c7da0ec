"""Posterior dock: draws from the posterior of a layer, with a standard deviation that can be trusted."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie import samplers
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.recipe import reasons
from napari_tweedie.recipe.defaults import sampler_of
from napari_tweedie.recipe.recipe import JobName, Recipe
from napari_tweedie.samplers.interval import Interval
from napari_tweedie.widgets.docks.inverse import Inverse
from napari_tweedie.widgets.forms.layout import Fold
from napari_tweedie.widgets.forms.method_form import Chooser, Form
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.parts.calibration_form import Reliability
from napari_tweedie.widgets.parts.derived import Derived
from napari_tweedie.widgets.parts.guarantee_form import GuaranteeForm
from napari_tweedie.widgets.parts.repeat_form import RepeatForm
from napari_tweedie.widgets.runs.layer_run import Order

CALIBRATION_SIDE = 192
"""Most pixels along Y and X of the clean crop that intervals are calibrated on."""


class Posterior(Inverse):
    """The dock *How sure?*: samples, their mean, standard deviation and interval, and how true the interval is."""

    job: ClassVar[JobName] = "sample"
    page: ClassVar[str] = "uncertainty"
    doing = "Drawing samples"
    about = "See how sure the result is, pixel by pixel."
    term = "Posterior sampling: images that all agree with the measurement, their mean, standard deviation and interval."
    first = "identity"
    _adds = False
    """Whether the calibration under way adds to the images of a guarantee."""
    _degraded: bool | None = None
    """Whether there was a degradation when a sampler was proposed last."""

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.interval = Form(Interval, ["level"], self.viewer.layers)
        self.correction = Form(Interval, ["factor", "coverage"], self.viewer.layers)
        self.correction.editors["coverage"].widget.automatic.setText("none")
        self.correction.editors["coverage"].widget.automatic.setToolTip("Not measured; untick to give a value.")
        self.reliability = Reliability(self.viewer.layers)
        for form in (self.interval, self.correction):
            form.changed.connect(self._on_edit)
        self.reliability.asked.connect(self.calibrate)
        self.derived = Derived(self.viewer)
        self.repeat = RepeatForm(self.viewer.layers)
        self.repeat.found.connect(self._take_factor)
        self.guarantee = GuaranteeForm()
        self.guarantee.asked.connect(self.calibrate_all)
        self.guarantee.changed.connect(self._take_guarantee)
        return {**super()._choosers(), "sampler": self._chooser("sampler", samplers.registry, "moment-matched")}

    def _parts(self) -> list[QWidget]:
        return [self.choosers["degradation"], self.interval]

    def _further(self) -> list[QWidget]:
        chosen = self.choosers
        calibration = Fold("Calibration", [self.reliability, self.repeat, self.guarantee, self.correction])
        return [chosen["sampler"], chosen["denoiser"], self.noise, calibration]

    def _seen_after(self) -> list[QWidget]:
        self.derived.told.connect(self.bar.tell)
        return [self.derived]

    def _reasons(self) -> dict[str, str]:
        sampler, degradation = self.choosers["sampler"].name, self.choosers["degradation"].name
        return {**super()._reasons(), "sampler": reasons.of_sampler(sampler, self.job, degradation)}

    def recipe(self, **changes: Any) -> Recipe:
        interval = self.interval.values() | self.correction.values()
        interval |= self.guarantee.fields(interval["factor"])
        return super().recipe(**{"interval": interval, **changes})

    def fill(self, recipe: Recipe) -> None:
        for form in (self.interval, self.correction):
            form.fill(dict(recipe.interval))
        self.guarantee.fill(recipe.interval)
        super().fill(recipe)

    def calibrate(self) -> None:
        """Measure on a clean layer how often the interval holds the truth, and correct its width."""
        self._start(partial(self._calibration, adds=False))

    def calibrate_all(self) -> None:
        """Do so on every image of the clean layer, and add them to those that a guarantee rests on."""
        self._start(partial(self._calibration, adds=True))

    def _calibration(self, adds: bool) -> Order:
        clean = self.reliability.layer.value()
        if clean is None:
            raise ValueError("choose a clean layer to calibrate on, such as the truth of a simulated measurement")
        recipe = self.recipe(job="calibrate", axes=self.reliability.axes(), interval={"level": self.recipe().interval.level})
        if recipe.noise.level(0.0) is None:
            if not self.noise.levels:
                raise ValueError("the noise level is not known yet: wait for its estimate, or give it")
            recipe = recipe.model_copy(update={"noise": Gaussian(sigma=self.noise.levels[0])})
        crop, recipe = self._visible(recipe, clean, CALIBRATION_SIDE)
        self._adds = adds
        if adds:
            crop = crop.with_all_frames(recipe.axes, image_array(clean).shape, recipe.volume)
        return Order(recipe, clean, "", crop, self._inputs(crop), estimated=False)

    def _on_edit(self, *changed: object) -> None:
        self._fit_sampler()
        super()._on_edit(*changed)

    def _fit_sampler(self) -> None:
        """Propose the sampler that suits: one for noise alone, one for everything else."""
        degraded = self.choosers["degradation"].name != "identity"
        if degraded is not self._degraded:
            self._degraded = degraded
            self.choosers["sampler"].choose(sampler_of(self.job, self.choosers["degradation"].name)["name"])

    def _on_ended(self, text: str) -> None:
        job = self._run
        report = job.report if job is not None else {}
        if job is not None and job.order.recipe.job == self.job and not job.order.preview:
            self.derived.take(job.layers.by_name)
            undone = job.order.recipe.degradation.name != "identity"
            self.repeat.take(job.order.source, job.layers.by_name, undone)
        if report and self._adds:
            self.guarantee.add(report["outside"], _without_axes(job.order.recipe) if job is not None else None)
        elif report:
            self.reliability.show_report(report)
            self.correction.editors["factor"].set(report["factor"])
            self.correction.editors["coverage"].set(report["coverage_corrected"])
        super()._on_ended(text)

    def _take_guarantee(self) -> None:
        """State the interval as wide as is guaranteed."""
        if self.guarantee.held is not None:
            self._take_factor(self.guarantee.held.factor)

    def _take_factor(self, factor: float) -> None:
        """State the interval so many times as wide; how often it then holds the truth was not measured."""
        self.correction.editors["factor"].set(factor)
        self.correction.editors["coverage"].set(None)


def _without_axes(recipe: Recipe) -> Recipe:
    """Return what matters of a recipe when images are counted together."""
    return recipe.model_copy(update={"axes": "", "spacing": (), "unit": "pixel"})
