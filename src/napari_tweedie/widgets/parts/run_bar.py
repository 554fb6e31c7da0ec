"""Run bar: what the user presses, and is told while it runs and when it has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QApplication, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_tweedie.widgets.forms.layout import Message
from napari_tweedie.widgets.layers.messages import duration

if TYPE_CHECKING:
    from napari_tweedie.engine.run import Progress


class ThinBar(QWidget):
    """A line that fills. Qt's own progress bar draws all of the window, at once, whenever it moves; this one waits its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0
        self.colour = "#4c9be8"
        self.setFixedHeight(4)

    def show_share(self, share: float) -> None:
        """Fill a share of the line."""
        self.share = share
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        ground = self.palette().windowText().color()
        ground.setAlpha(40)
        painter.fillRect(self.rect(), ground)
        painter.fillRect(0, 0, round(self.share * self.width()), self.height(), QColor(self.colour))


class RunBar(QWidget):
    """Run, which becomes Cancel, and Preview; a bar; a line of text. It starts nothing itself.

    Parameters
    ----------
    purpose : str
        What Run does, for its tooltip.
    """

    run_clicked = Signal()
    preview_clicked = Signal()
    cancel_clicked = Signal()

    def __init__(self, purpose: str = "Run on the whole layer.") -> None:
        super().__init__()
        self.running = False
        self._purpose = purpose
        self._told, self._doing = "", ""
        self.preview = QPushButton("Preview")
        self.preview.setToolTip("Try it on the visible part of the current slice.")
        self.run = QPushButton("Run")
        self.run.setObjectName("tweedie_run")
        self.bar = ThinBar()
        keeps_its_place = self.bar.sizePolicy()
        keeps_its_place.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(keeps_its_place)
        self.bar.hide()
        self.message = Message()
        self.status = self.message.label
        self._buttons = buttons = QHBoxLayout()
        buttons.addWidget(self.preview, 1)
        buttons.addWidget(self.run, 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(buttons)
        column.addWidget(self.bar)
        column.addWidget(self.message)
        self.run.clicked.connect(self._on_run)
        self.preview.clicked.connect(self.preview_clicked)

    def add(self, button: QWidget) -> None:
        """Place a further button behind Run."""
        self._buttons.addWidget(button)

    def set_ready(self, obstacle: str) -> None:
        """Enable the buttons, or say what stands in the way."""
        if self.running:
            return
        for button in (self.run, self.preview):
            button.setEnabled(not obstacle)
        self.run.setToolTip(obstacle or self._purpose)
        self._show(obstacle or self._told)

    def tell(self, text: str) -> None:
        """Show a line of text, until there is another or an obstacle; all of it in the tooltip."""
        self._told = text
        self._show(text)

    def _show(self, text: str) -> None:
        if text == self.status.text():
            return
        self.message.show_text(text)

    def begin(self, doing: str = "Working") -> None:
        """Turn Run into Cancel, show the bar, and say from now on what is being done."""
        self.running = True
        self._doing = doing
        self.run.setText("Cancel")
        self.run.setToolTip("Stop within a tile or an iteration.")
        self.preview.setEnabled(False)
        self.bar.show_share(0.0)
        self.bar.show()
        self.tell(f"{doing}: getting ready …")

    def show_progress(self, progress: Progress) -> None:
        """Show how far the run is and how long it will take."""
        if self.run.isEnabled():
            self.bar.show_share(progress.share)
            self.tell(f"{self._doing}: {progress.stage} · about {duration(progress.seconds_left)} left")

    def end(self, text: str, obstacle: str) -> None:
        """Go back to rest and say how it went; `obstacle` as in `set_ready`."""
        self.running = False
        self.run.setText("Run")
        self.bar.hide()
        self.set_ready(obstacle)
        self.tell(text)

    def paint(self, theme: str) -> None:
        """Give Run and the bar the accent colour of a napari theme: Run is the one button to look for."""
        colours = get_theme(theme)
        self.run.setStyleSheet(
            f"#tweedie_run:enabled {{ background-color: {colours.current.as_hex()}; font-weight: bold; }}"
            f"#tweedie_run:enabled:hover {{ background-color: {colours.highlight.as_hex()}; }}"
        )
        self.bar.colour = colours.current.as_hex()
        self.bar.update()

    def _on_run(self) -> None:
        if not self.running:
            self.run_clicked.emit()
            return
        self.run.setText("Cancelling …")
        self.run.setEnabled(False)
        self.tell("Cancelling …")
        self.cancel_clicked.emit()


class EnterRuns(QWidget):
    """A dock with a run bar: Enter in any of its fields runs, Escape cancels; on a button, Enter presses that button."""

    bar: RunBar

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape and self.bar.running and self.bar.run.isEnabled():
            self.bar.run.click()
            return
        if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
            return
        focused = QApplication.focusWidget()
        if isinstance(focused, QPushButton):
            focused.click()
        elif not self.bar.running and not self.bar.run.isHidden():
            self.bar.run.click()
