"""As last time: the settings with which a dock was run last on such a layer, taken up again, and a button to be rid of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_tweedie.recipe.defaults import sampler_of, solver_of
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms import last_settings
from napari_tweedie.widgets.forms.layout import note
from napari_tweedie.widgets.layers.input import grey_unit, recipe_of

if TYPE_CHECKING:
    from napari_tweedie.widgets.docks.panel import Panel

SHOWN_BY_THE_DOOR = ("degradation", "strength", "volume")
"""What the dock *Tweedie* proposes by what it found, and has tried: last time's does not take its place."""
SAID = {"probes": "standard deviation", "decomposition": "bands", "volume": "Z as depth", "inspection": "what to look at"}


class AsLastTime(QWidget):
    """Fills an untouched form as it was last run on this kind of layer, says so, and offers to reset it.

    A kind of layer is its axes, and whether its grey levels are counts. Only what differs from the form's own proposal is kept.
    """

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self._kind: str | None = None
        self._proposed: dict[str, Any] = {}
        """What the form proposed by itself for this kind of layer."""
        self._left: dict[str, Any] = {}
        """What the form said when this was last done with it: who edits it changes that."""
        self.told = note("A dock remembers what it was last run with on layers of the same axes; nothing of the layer itself.")
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("Propose what suits the layer again, and forget what was set last time.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.told, 1)
        self.told.setHidden(False)
        row.addWidget(self.reset)
        self.reset.clicked.connect(self.forget)
        self.hide()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.timeout.connect(self.look)
        panel.source.changed.connect(self._pause.start)

    def look(self) -> None:
        """Fill the form, if the layer is of another kind than before and nobody has edited the form meanwhile."""
        kind, said = self._kind_now(), self._said() if self._panel.remembers else None
        if kind == self._kind or said is None:
            return
        edited = self._kind is not None and said != self._left
        if not edited and self._proposed and self._proposed != said:
            self._fill(self._proposed)
        self._kind, self._proposed = kind, self._said() or {}
        self._left = self._proposed
        self.hide()
        if not edited:
            self._take_up(self._recalled(kind), self._fill)

    def keep(self, recipe: Recipe) -> None:
        """Remember what a run was made with."""
        kind, now = self._kind_now(), last_settings.taste(recipe)
        if not kind or kind != self._kind:
            return
        for field, suited in _suited(recipe).items():  # what follows from the degradation is no choice
            if field in now and ("degradation" not in now or suited.items() <= now[field].items()):
                del now[field]
        differs = {field: value for field, value in now.items() if value != self._proposed.get(field)}
        last_settings.keep(self._panel.job, kind, differs)

    def add_to(self, recipe: Recipe) -> Recipe:
        """Return what the front door proposes, with last time's choices where it proposes nothing."""
        self.look()
        last = {k: v for k, v in self._recalled(self._kind_now()).items() if k not in SHOWN_BY_THE_DOOR}
        try:
            return Recipe(**{**dict(recipe), **last})
        except ValueError:
            return recipe

    def forget(self) -> None:
        """Forget what was kept for this kind of layer, and propose what suits it."""
        last_settings.keep(self._panel.job, self._kind or "", {})
        self._fill(self._proposed)
        self._left = self._said() or {}
        self.hide()

    def _recalled(self, kind: str) -> dict[str, Any]:
        """Return what was kept for a kind of layer; how to undo what was simulated, the layer says."""
        image = self._panel.source.image()
        found = last_settings.recall(self._panel.job, kind) if kind else {}
        simulated = image is not None and recipe_of(image).get("job") == "degrade"
        return {field: value for field, value in found.items() if not (simulated and field in SHOWN_BY_THE_DOOR)}

    def _take_up(self, values: dict[str, Any], fill: Any) -> None:
        if not values or not fill(values):
            return
        self._left = self._said() or {}
        changed = [field for field in values if self._left.get(field) != self._proposed.get(field)]
        if changed:
            self.told.setText(f"As last time on such layers: {', '.join(SAID.get(field, field) for field in changed)}.")
            self.show()

    def _fill(self, values: dict[str, Any]) -> bool:
        """Fill the form with values; tell whether they could be used."""
        try:
            recipe = Recipe(**{**dict(self._panel.recipe()), **values})
        except (ValueError, TypeError):  # what was kept is broken, or of a method that is not installed any more
            return False
        self._panel.fill(recipe)
        return True

    def _kind_now(self) -> str:
        image, axes = self._panel.source.image(), self._panel.source.axes.text()
        return "" if image is None or not axes else f"{axes} {grey_unit(image)}".rstrip()

    def _said(self) -> dict[str, Any] | None:
        """Return what the form says; None while it says nothing that could run."""
        try:
            return last_settings.taste(self._panel.recipe())
        except ValueError:
            return None


def _suited(recipe: Recipe) -> dict[str, dict[str, Any]]:
    """Return solver and sampler that are proposed for the degradation of a recipe."""
    kinds = recipe.degradation.kinds() if hasattr(recipe.degradation, "kinds") else (type(recipe.degradation),)
    return {"solver": solver_of(kinds, recipe.volume), "sampler": sampler_of(recipe.job, recipe.degradation.name)}
