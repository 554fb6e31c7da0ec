"""Forms of methods: a method's fields as a form, and the form as a method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from napari.layers import Layer
from pydantic import BaseModel
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.method import Method
from napari_tweedie.core.registry import Registry
from napari_tweedie.widgets.forms.editors import Editor, editor, has_editor
from napari_tweedie.widgets.forms.field_error import FieldError
from napari_tweedie.widgets.forms.layout import Rows, column, note, one_row, shrinkable
from napari_tweedie.widgets.layers.messages import sentence

if TYPE_CHECKING:
    from napari.components import LayerList

M = TypeVar("M", bound=Method)

WRITTEN = {
    "psf": "PSF",
    "na": "NA",
    "sigma": "Noise level",
    "std": "Blur width",
    "axial_std": "Blur along Z",
    "relative_width": "Times as wide",
    "level": "Interval level",
    "fusion": "Neighbours are",
    "refractive_index": "Immersion (n)",
}
"""Labels of fields that are not their names."""


class Form(QWidget):
    """A row for each of some fields of a model.

    Parameters
    ----------
    model : type
        A method, or any pydantic model.
    fields : sequence of str
        The fields to show.
    layers : LayerList
        Where arrays are chosen from.
    """

    changed = Signal()

    def __init__(self, model: type[BaseModel], fields: Sequence[str], layers: LayerList) -> None:
        super().__init__()
        self.editors: dict[str, Editor] = {}
        self._layers = layers
        self._rows = rows = Rows(self)
        for name in fields:
            field = model.model_fields[name]
            self.editors[name] = made = editor(name, field, layers)
            rows.row(WRITTEN.get(name, name.replace("_", " ").capitalize()), made.widget, field.description or "")
            made.changed.connect(self._announce)

    def _announce(self, *_: object) -> None:
        self.changed.emit()

    def show_row(self, field: str, shown: bool) -> None:
        """Show or hide the row of a field."""
        self._rows.show_row(self.editors[field].widget, shown)

    def show_grey_unit(self, unit: str) -> None:
        """Write the unit of the layer's grey levels behind those that are edited."""
        for made in self.editors.values():
            made.show_grey_unit(unit)

    def values(self) -> dict[str, Any]:
        """Return the values by field; a chosen layer as an input that has a name but no array yet."""
        return {name: _as_parameter(made.get()) for name, made in self.editors.items()}

    def fill(self, values: Mapping[str, Any]) -> None:
        """Set the fields that have a value; arrays, described by name and hash, to the open layers of that name."""
        for name, made in self.editors.items():
            value = values.get(name, made.get())
            if isinstance(value, Mapping):
                value = next((layer for layer in self._layers if layer.name == value["name"]), None)
            made.set(value)

    def chosen_layers(self) -> dict[str, Layer]:
        """Return the layers that are chosen for arrays, by field."""
        return {name: made.get() for name, made in self.editors.items() if isinstance(made.get(), Layer)}


def _as_parameter(value: Any) -> Any:
    return Input(None, value.name) if isinstance(value, Layer) else value


class Chooser(QWidget, Generic[M]):
    """A choice among the methods of a kind, and the form of the chosen one.

    Its advanced parameters are in `folded_parts`, widgets to be placed elsewhere.
    """

    changed = Signal()

    def __init__(self, label: str, tooltip: str, registry: Registry[M], chosen: str, layers: LayerList) -> None:
        super().__init__()
        self._registry = registry
        self._layers = layers
        self._forms: dict[str, tuple[Form, Form]] = {}
        self.grey_unit = ""
        """Unit of the layer's grey levels; empty where they are no counts."""
        plain = {name: method for name, method in registry.all().items() if not method.is_composed()}
        self._names = sorted(plain, key=lambda name: plain[name].title)
        self.combo = QComboBox()
        self.combo.addItems([plain[name].title for name in self._names])
        shrinkable(self.combo)
        for index, name in enumerate(self._names):
            self.combo.setItemData(index, (plain[name].__doc__ or "").partition("\n")[0], Qt.ItemDataRole.ToolTipRole)
        place = column(self)
        place.addWidget(one_row(label, self.combo, tooltip))
        self.left_out = QLabel("\n".join(sentence(reason) for reason in registry.unusable().values()))
        self.left_out.setWordWrap(True)
        self.left_out.setHidden(not self.left_out.text())
        place.addWidget(self.left_out)
        self._plain = QWidget()
        column(self._plain)
        place.addWidget(self._plain)
        self.why = note()
        place.addWidget(self.why)
        self.advanced = QWidget(self)  # until a dock places it: without a parent it would be a window
        column(self.advanced)
        self.name = chosen
        self._show()
        self.combo.setCurrentIndex(self._names.index(chosen))
        self.combo.currentIndexChanged.connect(self._choose)

    def folded_parts(self) -> list[QWidget]:
        """Return the forms of the advanced parameters."""
        return [self.advanced]

    def show_reason(self, why: str) -> None:
        """Say why this method is chosen."""
        self.why.setText(why)
        self.why.setHidden(not why)

    def choose(self, name: str) -> None:
        """Choose a method by its name."""
        self.combo.setCurrentIndex(self._names.index(name))

    def method(self) -> M:
        """Return the chosen method with the parameters of its form.

        Raises
        ------
        ValueError
            If a layer is still to be chosen, which is an error of that field, or a parameter is not allowed.
        """
        basic, advanced = self._forms[self.name]
        values = basic.values() | advanced.values()
        left_out = [name for name, value in values.items() if value is None and name in self.cls.inputs()]
        missing = [name for name in left_out if self.cls.needs(name)]
        if missing:
            raise FieldError(f"choose a layer for {WRITTEN.get(missing[0], missing[0])}", self.editor(missing[0]).widget)
        return self._registry.load(self.name, **{name: value for name, value in values.items() if name not in left_out})

    def fill(self, description: Mapping[str, Any]) -> None:
        """Choose the method that `Method.describe` described, with its parameters; arrays by the names of open layers.

        Raises
        ------
        ValueError
            If the method cannot be chosen in a form.
        """
        if description["name"] not in self._names:
            raise ValueError(f"{description['name']!r} cannot be chosen in a form")
        self.choose(description["name"])
        for form in self._forms[self.name]:
            form.fill(description)

    def show_grey_unit(self, unit: str) -> None:
        """Write the unit of the layer's grey levels behind those that are edited."""
        self.grey_unit = unit
        for forms in self._forms.values():
            for form in forms:
                form.show_grey_unit(unit)

    @property
    def cls(self) -> type[M]:
        """The class of the chosen method."""
        return self._registry.method(self.name)

    def chosen_layers(self) -> dict[str, Layer]:
        """Return the layers that are chosen for arrays, by field."""
        basic, advanced = self._forms[self.name]
        return basic.chosen_layers() | advanced.chosen_layers()

    @property
    def form(self) -> Form:
        """The form of the chosen method's plain parameters."""
        return self._forms[self.name][0]

    def editor(self, field: str) -> Editor:
        """Return the editor of a field of the chosen method, plain or advanced."""
        return self.editors()[field]

    def editors(self) -> dict[str, Editor]:
        """Return the editors of the chosen method, plain and advanced, by field."""
        basic, advanced = self._forms[self.name]
        return {**basic.editors, **advanced.editors}

    def title_of(self, name: str) -> str:
        """Return what a method is called in the list."""
        return self.combo.itemText(self._names.index(name))

    def _choose(self, index: int) -> None:
        for form in self._forms[self.name]:
            form.hide()
        self.name = self._names[index]
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        if self.name not in self._forms:
            fields = {name: field for name, field in self.cls.model_fields.items() if has_editor(field)}
            plain = [name for name in fields if not self.cls.hint(name, "advanced")]
            advanced = [name for name in fields if name not in plain]
            self._forms[self.name] = forms = Form(self.cls, plain, self._layers), Form(self.cls, advanced, self._layers)
            for form, place in zip(forms, (self._plain, self.advanced), strict=True):
                form.show_grey_unit(self.grey_unit)
                form.changed.connect(self.changed)
                place.layout().addWidget(form)
        for form in self._forms[self.name]:
            form.setVisible(bool(form.editors))
        for form, place in zip(self._forms[self.name], (self._plain, self.advanced), strict=True):
            place.setVisible(bool(form.editors))
