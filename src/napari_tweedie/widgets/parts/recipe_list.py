"""Recipe list: what is done in a batch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QListWidget, QListWidgetItem, QPushButton, QWidget

from napari_tweedie.core.array_input import Input
from napari_tweedie.images.titles import what_of
from napari_tweedie.recipe.export import essentials
from napari_tweedie.recipe.provenance import stored_recipe
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.forms.layout import column
from napari_tweedie.widgets.layers.input import image_array, nanometres, recipe_of

if TYPE_CHECKING:
    from napari.components import LayerList

LINES = 3


class RecipeList(QWidget):
    """Recipes by name: those of selected results, and those in files.

    Axes and pixel size of a recipe are those of the image that it was made for, and are left out: each file has its own.

    Parameters
    ----------
    layers : LayerList
        Where results are selected, and where the arrays of recipes are found by their names.
    """

    changed = Signal()
    told = Signal(str)
    """Why something was not added."""

    def __init__(self, layers: LayerList) -> None:
        super().__init__()
        self._layers = layers
        self._recipes: dict[str, Recipe] = {}
        self.list = QListWidget()
        self.list.setFixedHeight((LINES + 1) * self.list.fontMetrics().lineSpacing() + 2 * self.list.frameWidth())
        self.from_layers = QPushButton("Selected layers")
        self.from_layers.setToolTip("Add the recipes of the selected layers, results of other docks.")
        self.from_files = QPushButton("Files …")
        self.from_files.setToolTip("Add recipes from JSON files, or from images that this plugin wrote.")
        self.remove = QPushButton("Remove")
        self.remove.setToolTip("Remove the chosen recipe from the list.")
        self.buttons = QGridLayout()
        self.buttons.addWidget(self.from_layers, 0, 0, 1, 2)
        self.buttons.addWidget(self.from_files, 1, 0)
        self.buttons.addWidget(self.remove, 1, 1)
        layout = column(self)
        layout.addWidget(self.list)
        layout.addLayout(self.buttons)
        self.from_layers.clicked.connect(self.add_layers)
        self.from_files.clicked.connect(self._browse)
        self.remove.clicked.connect(self._remove)

    def add_layers(self) -> None:
        """Add the recipes of the selected layers."""
        made = [layer for layer in self._layers.selection if recipe_of(layer)]
        for layer in sorted(made, key=self._layers.index):
            self._add(what_of(layer.name), recipe_of(layer))
        if not made:
            self.told.emit("No result is selected: select layers that were made by these docks.")

    def add_file(self, path: Path) -> None:
        """Add the recipe in a file."""
        try:
            self._add(path.name.partition(".")[0], stored_recipe(path)["recipe"])
        except (ValueError, OSError) as error:
            self.told.emit(f"{path.name} holds no recipe that can be used: {error}")

    def recipes(self) -> dict[str, Recipe]:
        """Return the recipes by name, with the arrays that they name, taken from open layers.

        Raises
        ------
        ValueError
            If an array is not open.
        """
        return {name: self._with_arrays(name, recipe) for name, recipe in self._recipes.items()}

    def _with_arrays(self, name: str, recipe: Recipe) -> Recipe:
        inputs = {}
        for field, wanted in recipe.arrays().items():
            found = [layer for layer in self._layers if isinstance(layer, Image) and layer.name == wanted.name]
            if wanted.name and wanted.array is None and not found:
                raise ValueError(f"the recipe {name} needs the layer {wanted.name!r}: open it, or give a layer that name")
            if found:
                inputs[field] = Input.of(image_array(found[0]), wanted.name, nanometres(found[0]))
        return recipe.with_inputs(**inputs)

    def _add(self, name: str, stored: Any) -> None:
        try:
            recipe = Recipe.model_validate(stored).model_copy(update={"axes": "", "spacing": ()})
        except ValueError as error:
            self.told.emit(f"The recipe {name} cannot be used: {error}.")
            return
        self._append(re.sub(r"[^\w.-]+", "-", name).strip("-") or recipe.job, recipe)

    def _append(self, plain: str, recipe: Recipe) -> None:
        """Put a recipe at the end of the list, with a number behind its name where that is taken."""
        taken = [plain, *(f"{plain}-{number}" for number in range(2, len(self._recipes) + 2))]
        free = next(name for name in taken if name not in self._recipes)
        self._recipes[free] = recipe
        item = QListWidgetItem(free, self.list)
        item.setToolTip(
            "\n".join(f"{field}: {_short(value)}" for field, value in ({"job": recipe.job} | essentials(recipe)).items())
        )
        self.changed.emit()

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, "Add recipes", "", "Recipes and results (*.json *.tif *.tiff)")
        for path in chosen:
            self.add_file(Path(path))

    def _remove(self) -> None:
        for item in self.list.selectedItems():
            del self._recipes[item.text()]
            self.list.takeItem(self.list.row(item))
        self.changed.emit()


def _short(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(step.get("job", step)) if isinstance(step, dict) else str(step) for step in value)
    if not isinstance(value, dict):
        return str(value)
    rest = ", ".join(f"{key} {part}" for key, part in value.items() if key != "name" and not isinstance(part, dict))
    return f"{value['name']} ({rest})" if rest and "name" in value else str(value.get("name", rest))
