"""Layout of the parts of a dock."""

from __future__ import annotations

from collections.abc import Sequence

from napari.utils.theme import get_theme
from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

SPACING = 6
WIDTH = 370
NARROWEST = 64
FRAME = 2
"""What the theme draws around a scrolled text, on each side."""
TROUBLED = "tweedie_trouble"
"""Property of a field with which something is wrong."""
LONGEST_LABEL = "Regularisation"


class Label(QLabel):
    """A label as wide as the longest one in the font that the theme gives it, so that all columns align."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        width = self.fontMetrics().horizontalAdvance
        hint = super().sizeHint()
        return QSize(hint.width() + max(0, width(LONGEST_LABEL) - width(self.text())), hint.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.sizeHint()


class Rows(QFormLayout):
    """Labels on the left, editors on the right, aligned with those of all other forms."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setContentsMargins(0, 0, 0, 0)
        self.setVerticalSpacing(SPACING)
        self.setHorizontalSpacing(SPACING)
        self.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def row(self, label: str, widget: QWidget, tooltip: str = "") -> None:
        """Add a row; the tooltip appears on both of its parts."""
        text = Label(label or " ")
        text.setToolTip(tooltip)
        if label:
            _name(widget, label)
        if not widget.toolTip():
            widget.setToolTip(tooltip)
        self.addRow(text, widget)

    def show_row(self, widget: QWidget, shown: bool) -> None:
        """Show or hide a row with its label."""
        widget.setVisible(shown)
        self.labelForField(widget).setVisible(shown)


def _name(editor: QWidget, label: str) -> None:
    """Let screen readers say the label of a row at its editor, and at parts of it that take the keyboard and say nothing."""
    parts = [part for part in editor.findChildren(QWidget) if part.focusPolicy() & Qt.FocusPolicy.TabFocus]
    for part in (editor, *parts):
        if not (part.accessibleName() or (isinstance(part, QAbstractButton) and part.text())):
            part.setAccessibleName(label)


def heading(about: str, term: str) -> QLabel:
    """Return what a dock is for, in plain words; what the field calls it is in the tooltip."""
    label = QLabel(about)
    label.setWordWrap(True)
    label.setToolTip(term)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def note(tooltip: str = "") -> QLabel:
    """Return a text of any length below what it is about, hidden while there is none."""
    label = QLabel()
    label.setObjectName("tweedie_note")
    label.setWordWrap(True)
    label.setToolTip(tooltip)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    label.hide()
    return label


def one_row(label: str, editor: QWidget, tooltip: str) -> QWidget:
    """Return a form of a single row."""
    row = QWidget()
    Rows(row).row(label, editor, tooltip)
    return row


class Scroll(QScrollArea):
    """As high as its content where there is room for it, scrolled where there is not."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidget(content)
        self.setAccessibleName("Settings")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setMinimumHeight(120)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        content = self.widget()
        frame = self.height() - self.viewport().height()  # as the theme draws it
        height = content.sizeHint().height()
        if content.hasHeightForWidth():  # texts are the higher the narrower they are
            least = content.minimumSizeHint()
            height = max(content.heightForWidth(max(self.viewport().width(), least.width())), least.height())
        return QSize(max(WIDTH, content.minimumSizeHint().width()), height + frame)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.LayoutRequest:
            self.setMinimumWidth(self.widget().minimumSizeHint().width() + self.verticalScrollBar().sizeHint().width())
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))


class Message(QScrollArea):
    """A text of any length: as high as it is up to a few lines, scrolled beyond, never cut."""

    def __init__(self, lines: int = 6) -> None:
        super().__init__()
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setAlignment(Qt.AlignmentFlag.AlignTop)
        flags = Qt.TextInteractionFlag
        self.label.setTextInteractionFlags(flags.TextSelectableByMouse | flags.LinksAccessibleByMouse)
        self.label.setOpenExternalLinks(True)
        self._lines = lines
        self.setWidget(self.label)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def show_text(self, text: str) -> None:
        """Show a text; all of it also as a tooltip."""
        self.label.setText(text)
        self.label.setToolTip(text)
        self.verticalScrollBar().setValue(0)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):  # the theme comes late
            self._fit()
        return bool(super().eventFilter(watched, event))

    def _fit(self) -> None:
        frame = 2 * FRAME
        needed = self.label.heightForWidth(max(1, self.width() - frame)) + frame if self.label.text() else 0
        height = min(needed, self._lines * self.label.fontMetrics().lineSpacing() + 2 + frame)
        if height != self.height():
            self.setFixedHeight(height)


def shrinkable(combo: QComboBox) -> None:
    """Let a combo fill its row, and cut long names rather than widen the dock."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(8)
    combo.setMinimumWidth(NARROWEST)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)


def column(widget: QWidget) -> QVBoxLayout:
    """Give a widget a layout from top to bottom, without margins."""
    layout = QVBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(SPACING)
    return layout


class Fold(QWidget):
    """Parts under a title that unfolds them; hidden parts cost no time when a dock opens."""

    def __init__(self, title: str, parts: Sequence[QWidget]) -> None:
        super().__init__()
        self.title = title
        self.header = QPushButton()
        self.header.setObjectName("tweedie_fold")
        self.header.setCheckable(True)
        self.header.setCursor(Qt.CursorShape.PointingHandCursor)
        self.content = QWidget()
        layout = column(self.content)
        for part in parts:
            layout.addWidget(part)
        place = column(self)
        place.addWidget(self.header)
        place.addWidget(self.content)
        self.header.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    def expand(self) -> None:
        """Show the parts."""
        self.header.setChecked(True)

    def _on_toggled(self, unfolded: bool) -> None:
        self.content.setVisible(unfolded)
        self.header.setText(f"{'▾' if unfolded else '▸'}  {self.title}")


def focus_style(theme: str) -> str:
    """Return a style sheet with which the part of a dock with the keyboard is seen, and the field that is wrong.

    What folds is styled here, too: a sheet of its own would come before this one.
    """
    kinds = (
        "QPushButton",
        "QToolButton",
        "QComboBox",
        "QLineEdit",
        "QAbstractSpinBox",
        "QListWidget",
        "QTableWidget",
        "QScrollArea",
    )
    parts = ", ".join(f"{kind}:focus" for kind in kinds)
    colours = get_theme(theme)
    ink = colours.text.as_hex()
    seen = {
        "QPushButton#tweedie_fold": "text-align: left; border: none; background: transparent; padding: 4px 0",
        parts: f"border: 1px solid {ink}",
        "QSlider::handle:focus": f"border: 2px solid {ink}",
        "QCheckBox:focus": "text-decoration: underline",
        "QCheckBox::indicator:focus": f"border: 1px solid {ink}",
        f'*[{TROUBLED}="true"]': f"border: 2px solid {colours.warning.as_hex()}",
        "QPushButton#tweedie_fold:focus": f"border: none; border-bottom: 2px solid {ink}; padding-bottom: 2px",
    }
    return " ".join(f"{part} {{ {look}; }}" for part, look in seen.items())


def arrange(dock: QWidget, parts: Sequence[QWidget], foot: QWidget) -> None:
    """Place parts from top to bottom, scrolled if need be, above a foot that is always seen."""
    content = QWidget()
    inside = column(content)
    for part in parts:
        inside.addWidget(part)
    outside = column(dock)
    outside.setContentsMargins(6, 8, 6, 8)
    outside.addWidget(Scroll(content))
    outside.addWidget(foot)
    outside.addStretch(1)
