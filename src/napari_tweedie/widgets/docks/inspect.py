"""Inspect dock: a denoiser looked at, at work on the user's own image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie.analysis.inspections import registry as inspections
from napari_tweedie.degradations.noise import Gaussian
from napari_tweedie.recipe.recipe import JobName
from napari_tweedie.widgets.docks.panel import Panel
from napari_tweedie.widgets.forms.layout import one_row
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.layers.crop import Crop
from napari_tweedie.widgets.layers.input import image_array
from napari_tweedie.widgets.parts.equivalent_filter import FilterAtCursor
from napari_tweedie.widgets.parts.inspection_report import Findings
from napari_tweedie.widgets.parts.patterns import Patterns
from napari_tweedie.widgets.runs.layer_run import Order

if TYPE_CHECKING:
    from napari_tweedie.engine.run import Progress


class Inspect(Panel):
    """The dock *Look inside*: its score, its best strength, its basis, its faults, and its filter at the cursor.

    It works on the visible part of the layer, as large as the analysis can take.
    """

    job: ClassVar[JobName] = "inspect"
    page: ClassVar[str] = "how-it-works/sure"
    doing = "Looking inside"
    about = "Look inside the denoiser at work on this image."
    term = "Inspection: score, Stein's risk estimate, adaptive basis and equivalent filter."

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.findings, self.patterns = Findings(), Patterns()
        self.findings.strength_chosen.connect(self.denoise_at)
        self.filter = FilterAtCursor(self)
        return {"inspection": self._chooser("inspection", inspections, "score"), **super()._choosers()}

    def _parts(self) -> list[QWidget]:
        self.bar.preview.hide()
        return [self.choosers["inspection"], one_row("", self.filter, self.filter.switch.toolTip())]

    def _further(self) -> list[QWidget]:
        return [self.choosers["denoiser"], self.noise]

    def _seen_after(self) -> list[QWidget]:
        return [self.patterns, self.findings]

    def order(self, preview: bool = False) -> Order:
        image, recipe = self.source.image(), self.recipe()
        estimated = recipe.noise.level(0.0) is None
        crop, recipe = self._visible(recipe, image, recipe.inspection.largest)
        return Order(recipe, image, "", crop, estimated=estimated, notes=self.source.notes(), decided=self.says_noise())

    def denoise_at(self, strength: float) -> None:
        """Denoise the whole layer at a multiple of its noise level."""
        self._start(lambda: self._denoising(strength))

    def _denoising(self, strength: float) -> Order:
        image, recipe = self.source.image(), self.recipe(job="denoise")
        level = recipe.noise.level(0.0) or (self.noise.levels[0] if self.noise.levels else 0.0)
        recipe = recipe.model_copy(update={"noise": Gaussian(sigma=strength * level)})
        what = f"denoised, strength {strength:.2f}"
        return Order(recipe, image, what, Crop.whole(image_array(image).shape), estimated=False)

    def _on_progressed(self, progress: Progress) -> None:
        super()._on_progressed(progress)
        self._show_patterns()

    def _on_ended(self, text: str) -> None:
        if self._run is not None and self._run.report:
            self.findings.show_report(self._run.report)
            self._show_patterns(self._run.report.get("shrinkage", ()))
        super()._on_ended(text)

    def _show_patterns(self, shares: Sequence[float] = ()) -> None:
        """Show the patterns of a basis that are known by now; nothing of other inspections."""
        made = self._run.layers.by_name if self._run is not None else {}
        if "basis" in made:
            self.patterns.show_patterns(made["basis"].data, shares)
        else:
            self.patterns.hide()
