"""How is a known degradation of a layer undone in napari?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie import solvers
from napari_tweedie.recipe import JobName
from napari_tweedie.widgets.arrangement import folded
from napari_tweedie.widgets.convergence import Convergence
from napari_tweedie.widgets.forms import Chooser
from napari_tweedie.widgets.inverse import Inverse

if TYPE_CHECKING:
    from napari_tweedie.degradations import Degradation
    from napari_tweedie.engine import Progress


class Restore(Inverse):
    """The dock *Restore*: blur, missing pixels or low resolution are undone by a solver that uses the denoiser."""

    job: ClassVar[JobName] = "restore"
    first = "gaussian-blur"
    _proposed: tuple[type[Degradation], ...] = ()
    """The degradations whose number of iterations was proposed last."""

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.convergence = Convergence()
        return {**super()._choosers(), "solver": self._chooser("solver", solvers.registry, "hqs")}

    def _parts(self) -> list[QWidget]:
        chosen = self.choosers
        parts = [chosen["degradation"], self.noise, chosen["solver"], chosen["denoiser"]]
        return [*parts, folded("Convergence", [self.convergence])]

    def _on_edit(self, *changed: object) -> None:
        self._fit_iterations()
        self.choosers["denoiser"].setEnabled(self.choosers["solver"].cls.uses_denoiser)
        super()._on_edit(*changed)

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
