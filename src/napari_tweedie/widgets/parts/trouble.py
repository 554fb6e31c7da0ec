"""Trouble with a field of a form: the field is marked, what is wrong stands below it, and a button mends it where one can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from qtpy.QtCore import Qt
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_tweedie.widgets.forms.layout import TROUBLED, Fold, Rows, note


@dataclass(frozen=True)
class Mend:
    """What would put a field right.

    Parameters
    ----------
    title : str
        What the button says.
    do : callable
        What it does.
    """

    title: str
    do: Callable[[], object]


class Trouble(QWidget):
    """One trouble at a time, shown in the form below the row of its field; screen readers read it with the field."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.told = note()
        self.button = QPushButton()
        self._field: QWidget | None = None
        self._mend: Mend | None = None
        self._rows: Rows | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.told, 1)
        self.told.setHidden(False)
        row.addWidget(self.button)
        self.button.clicked.connect(self._do)
        self.hide()

    def show_at(self, field: QWidget | None, text: str, mend: Mend | None) -> None:
        """Show what is wrong with a field; no field, or no text: nothing is wrong, or nobody knows where."""
        if not text or field is None:
            self.clear()
            return
        is_known = field is self._field
        if not is_known:
            self.clear()
            self._take(field)
        field.setAccessibleDescription(text)
        self._mend = mend
        self.told.setText(text)
        self.button.setVisible(mend is not None)
        self.button.setText(mend.title if mend is not None else "")
        self.show()

    def clear(self) -> None:
        """Show that nothing is wrong."""
        self.hide()
        if self._rows is not None:
            self._rows.takeRow(self)
            self._rows = None
        if self._field is not None:
            _mark(self._field, False)
            self._field.setAccessibleDescription("")
        self._field = self._mend = None

    def _take(self, field: QWidget) -> None:
        """Move below the row of a field, and unfold what hides it."""
        self._field = field
        _mark(field, True)
        inner: QWidget | None = field
        while inner is not None:
            outer = inner.parentWidget()
            if isinstance(outer, Fold):
                outer.expand()
            rows = outer.layout() if outer is not None else None
            if self._rows is None and isinstance(rows, Rows) and rows.getWidgetPosition(inner)[0] >= 0:
                self._rows = rows
                rows.insertRow(rows.getWidgetPosition(inner)[0] + 1, self)
            inner = outer

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Have Tab lead from the field to the button, once both are where they belong."""
        super().showEvent(event)
        if (field := self._field) is not None:
            inner = [part for part in field.findChildren(QWidget) if part.focusPolicy() & Qt.FocusPolicy.TabFocus]
            within = [part for part in inner if part.window() is field.window()]  # not the list of a combo box
            self.setTabOrder(within[-1] if within else field, self.button)

    def _do(self) -> None:
        if self._mend is not None:
            self._mend.do()


def _mark(field: QWidget, wrong: bool) -> None:
    field.setProperty(TROUBLED, wrong)
    field.style().unpolish(field)
    field.style().polish(field)
