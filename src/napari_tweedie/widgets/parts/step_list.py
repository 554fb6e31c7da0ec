"""Step list: what is done to an image one after the other."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels, Shapes
from qtpy.QtWidgets import QFileDialog, QMenu, QPushButton

from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.parts.recipe_list import RecipeList

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Layer

READY: dict[str, dict[str, Any]] = {
    "Remove outliers": {"job": "outliers"},
    "Mean over T": {"job": "average", "along": "t"},
    "Mean over Z": {"job": "average", "along": "z"},
    "Denoise": {"job": "denoise"},
}
"""Steps that need no choice."""


class StepList(RecipeList):
    """Recipes in the order in which they run, which can be changed, stored and loaded.

    Parameters
    ----------
    layers : LayerList
        Where results are selected, and where the arrays of recipes are found by their names.
    """

    def __init__(self, layers: LayerList) -> None:
        super().__init__(layers)
        self.up, self.down = self._mover("▲", -1), self._mover("▼", 1)
        self.save = QPushButton("Save …")
        self.save.setToolTip("Store all steps as one recipe, for batches and the command line.")
        self.ready = QPushButton("Ready-made")
        self.ready.setToolTip("Add a step that needs no choice.")
        menu = QMenu(self.ready)
        for title, recipe in READY.items():
            menu.addAction(title, lambda recipe=recipe: self.add(Recipe(**recipe)))
        self.ready.setMenu(menu)
        self.from_layers.setToolTip("Add the steps that made the selected layers, results of other docks.")
        self.remove.setToolTip("Remove the chosen step from the list.")
        self.buttons.addWidget(self.from_layers, 0, 0)
        self.buttons.addWidget(self.ready, 0, 1)
        self.buttons.addWidget(self.up, 2, 0)
        self.buttons.addWidget(self.down, 2, 1)
        self.buttons.addWidget(self.save, 3, 0, 1, 2)
        for earlier, later in pairwise(
            (self.from_layers, self.ready, self.from_files, self.remove, self.up, self.down, self.save)
        ):
            self.setTabOrder(earlier, later)
        self.save.clicked.connect(self._browse_to_save)

    def add(self, recipe: Recipe) -> None:
        """Add a recipe, or all of its steps, at the end."""
        for step in Recipe.chain(recipe).steps:
            self._append(_words(step), step)

    def clear(self) -> None:
        """Remove all steps."""
        self._recipes.clear()
        self.list.clear()
        self.changed.emit()

    def recipe(self) -> Recipe:
        """Return all steps as one recipe.

        Raises
        ------
        ValueError
            If there is none, or a step that can only be the last is not.
        """
        names = [self.list.item(row).text() for row in range(self.list.count())]
        if not names:
            raise ValueError("add a step: select a result of another dock, choose a file, or one that is ready-made")
        return Recipe.chain(*(self._recipes[name] for name in names))

    def layers(self) -> dict[str, Layer]:
        """Return the layers that the steps take their arrays from, found by their names.

        Raises
        ------
        ValueError
            If one is not open.
        """
        found = {}
        for field, wanted in self.recipe().arrays().items():
            named = [layer for layer in self._layers if isinstance(layer, Image | Labels | Shapes) and layer.name == wanted.name]
            if wanted.name and not named:
                raise ValueError(f"a step needs the layer {wanted.name!r}: open it, or give a layer that name")
            if named:
                found[field] = named[0]
        return found

    def save_to(self, path: Path) -> None:
        """Write all steps as one recipe."""
        path.write_text(self.recipe().model_dump_json(indent=1), encoding="utf-8")

    def _append(self, plain: str, recipe: Recipe) -> None:
        if recipe.first:  # a recipe of several steps becomes several here
            self.add(recipe)
        else:
            super()._append(_words(recipe), recipe)

    def _mover(self, sign: str, by: int) -> QPushButton:
        button = QPushButton(sign)
        button.setToolTip(f"Move the chosen step {'up' if by < 0 else 'down'}.")
        button.setAccessibleName(f"Move {'up' if by < 0 else 'down'}")
        button.clicked.connect(lambda: self.move_by(by))
        return button

    def move_by(self, by: int) -> None:
        """Move the chosen step by a number of places."""
        row = self.list.currentRow()
        if row >= 0 and 0 <= row + by < self.list.count():
            self.list.insertItem(row + by, self.list.takeItem(row))
            self.list.setCurrentRow(row + by)
            self.changed.emit()

    def _browse_to_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Store the steps", "steps.json", "Recipes (*.json)")
        try:
            if path:
                self.save_to(Path(path))
        except (ValueError, OSError) as error:
            self.told.emit(f"The steps were not stored: {error}.")


def _words(step: Recipe) -> str:
    """Say in a few words what a step does."""
    what = {"average": f"over {step.along.upper()}"}.get(step.job)
    if what is None and (step.inverts or step.job == "degrade"):
        what = step.degradation.name if step.job != "restore" else f"{step.degradation.name}, {step.solver.name}"
    if what is None and step.uses_denoiser:
        what = step.denoiser.name
    return f"{step.job}: {what}" if what else step.job
