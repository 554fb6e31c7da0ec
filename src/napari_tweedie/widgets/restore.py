"""How is a known degradation of a layer undone in napari?"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from napari.layers import Image, Layer
from qtpy.QtWidgets import QWidget

from napari_tweedie import degradations, solvers
from napari_tweedie.widgets.forms import Chooser
from napari_tweedie.widgets.panel import Panel


class Restore(Panel):
    """The dock *Restore*: blur, missing pixels or low resolution are undone by a solver that uses the denoiser."""

    job: ClassVar[Literal["denoise", "restore"]] = "restore"
    _proposed: type | None = None
    """The degradation whose number of iterations was proposed last."""

    def _choosers(self) -> dict[str, Chooser[Any]]:
        degradation = self._chooser("degradation", degradations.registry, "gaussian-blur")
        solver = self._chooser("solver", solvers.registry, "hqs")
        return {"degradation": degradation, "solver": solver, **super()._choosers()}

    def _parts(self) -> list[QWidget]:
        degradation, solver, denoiser = self.choosers.values()
        return [degradation, self.noise, solver, denoiser]

    def chosen_layers(self) -> dict[str, Layer]:
        return super().chosen_layers() | self.choosers["degradation"].chosen_layers()

    def _on_edit(self, *changed: object) -> None:
        self._fit_dimensions()
        self._fit_iterations()
        self.choosers["denoiser"].setEnabled(self.choosers["solver"].cls.uses_denoiser)
        super()._on_edit(*changed)

    def _fit_dimensions(self) -> None:
        """Treat Z as depth once a 3-D point-spread function is chosen."""
        chosen = self.chosen_layers().get("psf")
        if isinstance(chosen, Image) and chosen is not self._fitted:
            self.source.volume.setChecked(chosen.ndim == 3)
        self._fitted = chosen

    def _fit_iterations(self) -> None:
        """Propose as many iterations as the degradation needs, once it is chosen: blur needs few, gaps need many."""
        degradation, solver = self.choosers["degradation"].cls, self.choosers["solver"]
        if degradation is not self._proposed and solver.name == "hqs":
            self._proposed = degradation
            solver.form.editors["iterations"].set(degradation.iterations)
