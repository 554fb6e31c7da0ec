"""Note: a message in a corner of the viewer that is shown whole, and for as long as two lines take to read."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QWidget

UNFOLD_MS = 300
"""After napari has slid the message in."""
READ_MS = 12_000


def show_note(text: str) -> None:
    """Show a text of about two lines; napari by itself shows the first of them, for four seconds."""
    show_info(text)
    if QApplication.instance() is None:
        return
    for shown in QApplication.allWidgets():
        if hasattr(shown, "expand_button") and shown.message.text() == text:
            _unfold(shown)


def tell_if_unseen(dock: QWidget, text: str) -> None:
    """Show a message in the viewer if a dock is behind others, and ask for attention if the window is."""
    if dock.visibleRegion().isEmpty():
        show_info(text)
    if not dock.isActiveWindow():
        QApplication.alert(dock.window())


def _unfold(notification: Any) -> None:
    timer = QTimer(notification)  # which goes with it
    timer.setSingleShot(True)
    timer.timeout.connect(notification.expand)
    notification.geom_anim.finished.connect(notification.move_to_bottom_right)  # a dock may have opened meanwhile
    timer.start(UNFOLD_MS)
    if notification.timer.isActive():
        notification.timer.start(READ_MS)
