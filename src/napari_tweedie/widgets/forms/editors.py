"""Editors: the small widget with which a value of some type is edited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import ceil, floor
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from napari.layers import Image, Labels, Layer, Shapes
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSpinBox,
    QToolButton,
    QWidget,
)

from napari_tweedie.core.array_input import Input
from napari_tweedie.core.method import is_needed
from napari_tweedie.denoisers.own_networks import own_networks
from napari_tweedie.widgets.forms.layer_combo import LayerCombo
from napari_tweedie.widgets.forms.layout import NARROWEST, shrinkable

if TYPE_CHECKING:
    from napari.components import LayerList
    from pydantic.fields import FieldInfo

GREY = "counts"
"""The unit of fields in grey levels; whether those are counts, the layer says."""
UNITS = {"px": " px", "range": " of range", GREY: "", "nm": " nm", "°": "°"}
"""What stands behind a number, by the unit of its field."""
KINDS: dict[str, tuple[type[Layer], ...]] = {"image": (Image,), "labels": (Labels, Shapes)}
"""Which layers an array can come from, by the hint of its field."""
DECIMALS = 6
SMALLEST = 10**-DECIMALS
BUTTONS, FRAME = 48, 12
"""Width of the buttons of a number and of what is around its text, in napari's themes."""
LARGEST = 1e9


@dataclass(frozen=True)
class Editor:
    """A widget that holds one value: how to read it, to set it, and to hear of changes."""

    widget: QWidget
    get: Callable[[], Any]
    set: Callable[[Any], None]
    changed: Any
    is_grey: bool = False
    """Whether it is a grey level of the image."""

    def show_grey_unit(self, unit: str) -> None:
        """Write a unit behind a grey level."""
        number = getattr(self.widget, "number", self.widget)
        if self.is_grey and isinstance(number, QDoubleSpinBox):
            number.setSuffix(f" {unit}" if unit else "")
            number.updateGeometry()


class Number(QDoubleSpinBox):
    """A decimal number, shown with as many digits as it has."""

    def __init__(self, low: float = 0.0, high: float = LARGEST, suffix: str = "") -> None:
        super().__init__()
        self._kept = 0.0
        self.setDecimals(DECIMALS)
        self.setRange(low, high)
        self.setSuffix(suffix)
        self.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.setKeyboardTracking(False)
        self.textChanged.connect(self.updateGeometry)

    def keep(self, value: float) -> None:
        """Show a value, and keep those of its digits that are not shown."""
        self._kept = value
        self.setValue(value)

    def kept(self) -> float:
        """Return the value that is shown, with all of its digits if it was not edited."""
        shown = float(self.value())
        return self._kept if round(self._kept, DECIMALS) == round(shown, DECIMALS) else shown

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return a size that cuts nothing of what is shown."""
        hint, shown = super().minimumSizeHint(), self.fontMetrics().horizontalAdvance(self.text())
        buttons = 0 if self.buttonSymbols() == QDoubleSpinBox.ButtonSymbols.NoButtons else BUTTONS
        return QSize(max(NARROWEST, shown + buttons + FRAME), hint.height())

    def textFromValue(self, value: float) -> str:  # noqa: N802 - Qt's name
        return f"{value:.4g}" if value < 1e4 else f"{value:.0f}"


class OptionalNumber(QWidget):
    """A number that is found automatically, by an estimate or a rule, unless the user says otherwise."""

    changed = Signal()

    def __init__(self, low: float, high: float, suffix: str) -> None:
        super().__init__()
        self.number = Number(low, high, suffix)
        self.automatic = QCheckBox("auto")
        self._estimate = 0.0
        self.automatic.setToolTip("Found automatically; untick to give a value.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.number, 1)
        row.addWidget(self.automatic)
        self.automatic.toggled.connect(self._toggle)
        self.number.valueChanged.connect(self.changed)
        self.automatic.setChecked(True)

    def value(self) -> float | None:
        """Return the number, or None if it is to be estimated."""
        return None if self.automatic.isChecked() else self.number.kept()

    def set_value(self, value: float | None) -> None:
        """Set the number; None to have it estimated."""
        self.automatic.setChecked(value is None)
        if value is not None:
            self.number.keep(value)

    def show_estimate(self, value: float, text: str = "") -> None:
        """Show what was estimated: a value, or a text instead of it."""
        self._estimate = value
        if self.automatic.isChecked():
            blocked = self.number.blockSignals(True)
            self.number.setSpecialValueText(text)
            self.number.setValue(self.number.minimum() if text else value)
            self.number.blockSignals(blocked)

    def _toggle(self, automatic: bool) -> None:
        self.number.setEnabled(not automatic)
        kind = QDoubleSpinBox.ButtonSymbols
        self.number.setButtonSymbols(kind.NoButtons if automatic else kind.UpDownArrows)
        if automatic:
            self.show_estimate(self._estimate, "–")
        else:
            self.number.setSpecialValueText("")
            self.number.setValue(self._estimate)
        self.changed.emit()


class FileName(QWidget):
    """The name of a file, typed or chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLineEdit()
        self.text.setMinimumWidth(NARROWEST)
        self.browse = QToolButton()
        self.browse.setText("…")
        self.browse.setToolTip("Choose a file.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.browse)
        self.own = QMenu(self)
        self.browse.clicked.connect(self._browse)

    def path(self) -> Path:
        """Return the path; an empty one if none is given."""
        return Path(self.text.text().strip())

    def set_path(self, path: Path | str) -> None:
        """Show a path."""
        self.text.setText("" if Path(path) == Path() else str(path))

    def _browse(self) -> None:
        """Offer the networks that were learnt before, where there are some."""
        found = own_networks()
        if not found:
            self._choose()
            return
        self.own.clear()
        for path in found:
            self.own.addAction(path.stem, partial(self.set_path, path))
        self.own.addAction("Other …", self._choose)
        self.own.popup(self.browse.mapToGlobal(self.browse.rect().bottomLeft()))

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Choose a file", self.text.text())
        if chosen:
            self.text.setText(chosen)


def has_editor(field: FieldInfo) -> bool:
    """Tell whether a widget edits the values of a field; methods of others may have fields of any type."""
    annotation, hints = field.annotation, field.json_schema_extra
    if annotation is Input:
        return isinstance(hints, dict) and hints.get("layer") in KINDS
    plain = annotation in (bool, int, float, str, Path) or set(get_args(annotation)) == {float, NoneType}
    return plain or get_origin(annotation) is Literal


def editor(name: str, field: FieldInfo, layers: LayerList) -> Editor:
    """Return the editor of a field of a model, with the field's limits, unit and default."""
    hints = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    unit = str(hints.get("unit", ""))
    suffix = UNITS.get(unit, f" {unit}" if unit else "")
    annotation = field.annotation
    if annotation is Input:
        kind = str(hints.get("layer"))
        layer = LayerCombo(layers, KINDS[kind], wanted=name if kind == "image" else "", optional=not is_needed(field))
        return Editor(layer, layer.value, layer.set_value, layer.changed)
    made = replace(_plain_editor(annotation, *_limits(field), suffix), is_grey=unit == GREY)
    if not field.is_required():
        made.set(field.default)
    return made


def _plain_editor(annotation: Any, low: float, high: float, suffix: str) -> Editor:
    if get_origin(annotation) is Literal:
        choice = QComboBox()
        shrinkable(choice)
        choice.addItems([str(value) for value in get_args(annotation)])
        return Editor(choice, choice.currentText, choice.setCurrentText, choice.currentTextChanged)
    if annotation is bool:
        check = QCheckBox()
        return Editor(check, check.isChecked, check.setChecked, check.toggled)
    if annotation is int:
        whole = QSpinBox()
        whole.setRange(ceil(low), floor(min(high, 2**31 - 1)))
        whole.setSuffix(suffix)
        whole.setKeyboardTracking(False)
        whole.setMinimumWidth(NARROWEST)
        return Editor(whole, whole.value, whole.setValue, whole.valueChanged)
    if annotation is float:
        number = Number(low, high, suffix)
        return Editor(number, number.kept, number.keep, number.valueChanged)
    if set(get_args(annotation)) == {float, NoneType}:
        optional = OptionalNumber(low, high, suffix)
        return Editor(optional, optional.value, optional.set_value, optional.changed)
    if annotation is str:
        text = QLineEdit()
        text.setAlignment(Qt.AlignmentFlag.AlignLeft)
        return Editor(text, text.text, text.setText, text.textChanged)
    if annotation is Path:
        file = FileName()
        return Editor(file, file.path, file.set_path, file.text.textChanged)
    raise TypeError(f"no widget edits values of type {annotation}")


def _limits(field: FieldInfo) -> tuple[float, float]:
    low, high = -LARGEST, LARGEST
    for limit in field.metadata:
        if hasattr(limit, "ge") or hasattr(limit, "gt"):
            low = limit.ge if hasattr(limit, "ge") else limit.gt + SMALLEST
        if hasattr(limit, "le") or hasattr(limit, "lt"):
            high = limit.le if hasattr(limit, "le") else limit.lt - SMALLEST
    return low, high
