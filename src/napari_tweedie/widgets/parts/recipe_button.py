"""Recipe button: what a form says, out of the window and back into it from a result."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_warning
from qtpy.QtWidgets import QApplication, QMenu, QToolButton

from napari_tweedie.recipe.export import as_command_line, as_python
from napari_tweedie.recipe.provenance import differences, recipe_in
from napari_tweedie.recipe.recipe import Recipe
from napari_tweedie.widgets.layers.input import made_of
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.parts.doors import open_dock
from napari_tweedie.widgets.runs.background import Background

if TYPE_CHECKING:
    from napari_tweedie.widgets.docks.panel import Panel

OF_THE_LAYER = ("version", "spacing", "unit")
"""Fields of a recipe that no form asks for."""


class RecipeButton(QToolButton):
    """A small menu beside Run: pass on the recipe of a dock, or fill the dock from one."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(panel)
        self._panel = panel
        self._background = Background(self)
        self.setText("⋯")
        self.setToolTip("Recipe: copy what this form says, or fill it from a result.")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setStyleSheet("QToolButton { padding: 2px 6px; } QToolButton::menu-indicator { image: none; width: 0; }")
        menu = QMenu(self)
        menu.addAction("Copy recipe (JSON)", self.copy_json)
        menu.addAction("Copy as Python", self.copy_python)
        menu.addAction("Copy as command line", self.copy_command_line)
        menu.addSeparator()
        menu.addAction("Add to Steps", self.add_to_steps)
        menu.addSeparator()
        menu.addAction("Load recipe of the selected layer", self.load_layer)
        menu.addAction("Load recipe from the clipboard", self.load_clipboard)
        self.setMenu(menu)

    def copy_json(self) -> None:
        """Put the recipe into the clipboard."""
        self._copy("The recipe", lambda recipe: recipe.model_dump_json(indent=1))

    def copy_python(self) -> None:
        """Put a script that runs the recipe into the clipboard."""
        self._copy("The script", lambda recipe: as_python(recipe, self._file()))

    def copy_command_line(self) -> None:
        """Put the command that runs the recipe into the clipboard."""
        self._copy("The command", lambda recipe: as_command_line(recipe, self._file()))

    def add_to_steps(self) -> None:
        """Open the dock *Steps* and put what the form says at the end of its list."""
        try:
            recipe = self._panel.recipe()
        except ValueError as error:
            self._panel.bar.tell(sentence(error))
            return
        dock = open_dock(self._panel.viewer, "Steps")
        if dock is not self._panel:
            dock.list.add(recipe)

    def load_layer(self) -> None:
        """Fill the form from the recipe of the selected result."""
        layer = self._panel.viewer.layers.selection.active
        made = {} if layer is None else made_of(layer)
        if "recipe" not in made:
            self._panel.bar.tell("The selected layer is no result: select one that was made by these docks.")
            return
        self.load(made, f"the layer {layer.name!r}")

    def load_clipboard(self) -> None:
        """Fill the form from the JSON of a recipe, or of a result's metadata."""
        try:
            found = json.loads(QApplication.clipboard().text())
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self._panel.bar.tell("The clipboard holds no recipe: copy one as JSON first.")
            return
        self.load(found if "recipe" in found else {"recipe": found}, "the clipboard")

    def load(self, made: Mapping[str, Any], origin: str) -> None:
        """Fill the form from provenance, and say what could not be filled in and why a replay may differ."""
        panel = self._panel
        try:
            recipe = Recipe.model_validate(recipe_in(made))
        except ValueError as error:
            panel.bar.tell(f"The recipe of {origin} cannot be used: {error}.")
            return
        if wrong := panel.wrong_dock(recipe):
            panel.bar.tell(f"The recipe of {origin} {wrong}.")
            return
        self._choose_input(made.get("input", ""))
        panel.fill(recipe)
        left = unfilled(recipe, panel)
        text = f"Filled in from {origin}{f', but for: {left}' if left else ''}."
        panel.bar.tell(text)
        replayed = self._with_arrays(recipe)
        self._background.call(lambda: differences(made, replayed), lambda found: self._warn(text, found))

    def _choose_input(self, name: str) -> None:
        found = [layer for layer in self._panel.viewer.layers if layer.name == name]
        if found:
            self._panel.source.layer.set_value(found[0])
            self._panel.source.layer.pin()

    def _with_arrays(self, recipe: Recipe) -> Recipe:
        """Return a recipe with the arrays that a run would take now, where all of them are open."""
        if self._panel.source.image() is None:
            return recipe
        try:
            return recipe.with_inputs(**self._panel.order(preview=False).inputs)
        except ValueError:
            return recipe

    def _warn(self, text: str, found: list[str] | Exception) -> None:
        if isinstance(found, ValueError | OSError):  # the denoiser's file is gone
            found = [sentence(found)]
        if isinstance(found, Exception):
            raise found
        if found:
            self._panel.bar.tell(" ".join([text, *found]))
            show_warning(" ".join(found))

    def _copy(self, what: str, write: Callable[[Recipe], str]) -> None:
        try:
            QApplication.clipboard().setText(write(self._panel.recipe()))
        except ValueError as error:
            self._panel.bar.tell(sentence(error))
        else:
            self._panel.bar.tell(f"{what} is in the clipboard.")

    def _file(self) -> str:
        image = self._panel.source.image()
        return "image.tif" if image is None else image.source.path or f"{image.name}.tif"


def unfilled(recipe: Recipe, panel: Panel) -> str:
    """Say which fields of a recipe a form does not show as they are; empty: all are."""
    try:
        shown = _comparable(panel.recipe().model_dump(mode="json"))
    except ValueError as error:
        return str(error)
    wanted = _comparable(recipe.model_dump(mode="json"))
    return ", ".join(
        f"{field} ({_differing(value, shown[field])})" if isinstance(value, dict) else field
        for field, value in wanted.items()
        if field not in OF_THE_LAYER and value != shown[field]
    )


def _differing(wanted: Mapping[str, Any], shown: Any) -> str:
    """Name the parameters of a method that differ; if it is another method, the method."""
    if not isinstance(shown, dict) or wanted.get("name") != shown.get("name"):
        return str(wanted.get("name", "all of it"))
    return ", ".join(key for key, value in wanted.items() if value != shown.get(key))


def _comparable(value: Any) -> Any:
    """Return what tells recipes apart whose arrays are known by name only."""
    if not isinstance(value, dict):
        return value
    is_array = "sha256" in value
    return value["name"] if is_array else {key: _comparable(part) for key, part in value.items()}
