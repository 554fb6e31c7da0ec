"""How is a known degradation of a layer undone in napari?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from napari.layers import Image, Layer
from qtpy.QtWidgets import QWidget

from napari_tweedie import solvers
from napari_tweedie.degradations.noise import Poisson
from napari_tweedie.degradations.noise import build as build_noise
from napari_tweedie.recipe import JobName
from napari_tweedie.widgets.arrangement import folded
from napari_tweedie.widgets.convergence import Convergence
from napari_tweedie.widgets.forms import Chooser
from napari_tweedie.widgets.layers import METADATA
from napari_tweedie.widgets.panel import Panel
from napari_tweedie.widgets.sequence import Sequence

if TYPE_CHECKING:
    from napari_tweedie.degradations import Degradation
    from napari_tweedie.engine import Progress


class Restore(Panel):
    """The dock *Restore*: blur, missing pixels or low resolution are undone by a solver that uses the denoiser."""

    job: ClassVar[JobName] = "restore"
    _proposed: tuple[type[Degradation], ...] = ()
    """The degradations whose number of iterations was proposed last."""
    _simulated: Layer | None = None
    """The layer whose simulation the form was filled in from."""

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.convergence = Convergence()
        degradation = Sequence(self.viewer.layers, "gaussian-blur")
        solver = self._chooser("solver", solvers.registry, "hqs")
        return {"degradation": degradation, "solver": solver, **super()._choosers()}

    def _parts(self) -> list[QWidget]:
        degradation, solver, denoiser = self.choosers.values()
        return [degradation, self.noise, solver, denoiser, folded("Convergence", [self.convergence])]

    def chosen_layers(self) -> dict[str, Layer]:
        return self.choosers["degradation"].chosen_layers()

    def _on_edit(self, *changed: object) -> None:
        self._fit_simulation()
        self._fit_dimensions()
        self._fit_iterations()
        self.choosers["denoiser"].setEnabled(self.choosers["solver"].cls.uses_denoiser)
        super()._on_edit(*changed)

    def _fit_simulation(self) -> None:
        """Propose to undo what was simulated, once a simulated measurement is chosen."""
        image = self.source.image()
        if image is self._simulated:
            return
        recipe = {} if image is None else image.metadata.get(METADATA, {}).get("recipe", {})
        if recipe.get("job") == "degrade":
            self._simulated = image
            self.source.volume.setChecked(recipe["volume"])
            noise = build_noise(recipe["noise"])
            self.noise.sigma.set_value(None if isinstance(noise, Poisson) else noise.level(0.0))
            self.choosers["degradation"].fill(recipe["degradation"])
        elif self._simulated is not None:
            self._simulated = None
            self.noise.sigma.set_value(None)

    def _fit_dimensions(self) -> None:
        """Treat Z as depth once a 3-D point-spread function is chosen."""
        chosen = self.chosen_layers().get("psf")
        if isinstance(chosen, Image) and chosen is not self._fitted:
            self.source.volume.setChecked(chosen.ndim == 3)
        self._fitted = chosen

    def _fit_iterations(self) -> None:
        """Propose as many iterations as the degradation needs, once it is chosen: blur needs few, gaps need many."""
        degradation, solver = self.choosers["degradation"], self.choosers["solver"]
        if degradation.kinds() != self._proposed and solver.name == "hqs":
            self._proposed = degradation.kinds()
            solver.form.editors["iterations"].set(max(kind.iterations for kind in self._proposed))

    def _on_progressed(self, progress: Progress) -> None:
        super()._on_progressed(progress)
        if self._run is not None:
            self.convergence.show_trace(self._run.trace)

    def _on_ended(self, text: str) -> None:
        if self._run is not None:
            self.convergence.show_trace(self._run.trace)
        super()._on_ended(text)
