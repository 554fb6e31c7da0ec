"""Deblur dock: a known degradation of a layer undone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtWidgets import QWidget

from napari_tweedie import solvers
from napari_tweedie.recipe import reasons
from napari_tweedie.recipe.defaults import solver_of
from napari_tweedie.recipe.recipe import JobName
from napari_tweedie.widgets.docks.inverse import Inverse
from napari_tweedie.widgets.forms.layout import Fold
from napari_tweedie.widgets.forms.method_form import Chooser
from napari_tweedie.widgets.parts.convergence import Convergence
from napari_tweedie.widgets.parts.trouble import Mend

if TYPE_CHECKING:
    from napari_tweedie.degradations import Degradation
    from napari_tweedie.engine.run import Progress

DOUBT = "The result puts the point-spread function in doubt."


class Restore(Inverse):
    """The dock *Deblur*: blur, missing pixels or low resolution are undone by a solver that uses the denoiser."""

    job: ClassVar[JobName] = "restore"
    page: ClassVar[str] = "restoration"
    doing = "Deblurring"
    about = "Undo blur, missing pixels or coarse pixels."
    term = "Restoration (an inverse problem): what agrees with the measurement and looks like an image."
    first = "gaussian-blur"
    _proposed_for: tuple[tuple[type[Degradation], ...], bool] = ((), False)
    """The degradations for which solver and iterations were proposed last, and whether Z was depth."""
    _doubted: tuple[object, float] | None = None
    """What a run put in doubt, as `_measured_through` has it, and the width to go on with."""

    def _choosers(self) -> dict[str, Chooser[Any]]:
        self.convergence = Convergence()
        return {**super()._choosers(), "solver": self._chooser("solver", solvers.registry, "hqs")}

    def _parts(self) -> list[QWidget]:
        return [self.choosers["degradation"]]

    def _further(self) -> list[QWidget]:
        return [self.choosers["solver"], self.choosers["denoiser"], self.noise]

    def _seen_after(self) -> list[QWidget]:
        self._convergence = Fold("Convergence", [self.convergence])
        self._convergence.hide()
        return [self._convergence]

    def _reasons(self) -> dict[str, str]:
        kinds = self.choosers["degradation"].kinds()
        return {**super()._reasons(), "solver": reasons.of_solver(self.choosers["solver"].name, kinds, self.source.is_volume())}

    def _on_edit(self, *changed: object) -> None:
        self._fit_solver()
        self.choosers["denoiser"].setEnabled(self.choosers["solver"].cls.uses_denoiser)
        super()._on_edit(*changed)
        self._show_doubt()

    def _show_doubt(self) -> None:
        """Show below the width of a point-spread function that it is in doubt, with a button, until something is changed."""
        if self._doubted is None or not self.bar.run.isEnabled():
            return
        through, width = self._doubted
        editors = self.choosers["degradation"].editors()
        if self._measured_through() != through or "relative_width" not in editors:
            self._doubted = None
            return
        field = editors["relative_width"]
        self.trouble.show_at(field.widget, DOUBT, Mend(f"Set it to {width:.2g}", partial(field.set, width)))

    def _fit_solver(self) -> None:
        """Propose the solver that suits the degradation, once it is chosen, and its iterations: blur needs few, gaps many.

        A solver that the user chose instead of the last proposal is kept.
        """
        solver, before = self.choosers["solver"], self._proposed_for
        now = (self.choosers["degradation"].kinds(), self.source.is_volume())
        if now == before:
            return
        self._proposed_for = now
        suited = solver_of(*now)
        if not before[0] or solver.name == solver_of(*before)["name"]:
            solver.choose(suited["name"])
        if solver.name == suited["name"]:
            for field in suited.keys() - {"name"}:
                solver.form.editors[field].set(suited[field])

    def _on_progressed(self, progress: Progress) -> None:
        super()._on_progressed(progress)
        if self._run is not None and self._run.trace:
            self._convergence.show()
            self.convergence.show_trace(self._run.trace)

    def _on_ended(self, text: str) -> None:
        if self._run is not None:
            self.convergence.show_trace(self._run.trace)
            width = self._run.fitting_width
            self._doubted = None if width is None else (self._measured_through(), width)
        super()._on_ended(text)
        self._show_doubt()
