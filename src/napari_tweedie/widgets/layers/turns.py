"""Turns of the event loop: what takes napari long is done piece by piece, and the window answers between the pieces."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

BREATH_MS = 15
"""Between two pieces: enough for a key, a click and a frame."""


BUSY: set[Turns] = set()
"""Those with something left to do; nobody else may hold them any more."""


class Turns(QObject):
    """Does one thing a turn, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Callable[[], object]] = deque()
        self._timer = QTimer(self)
        self._timer.setInterval(BREATH_MS)
        self._timer.timeout.connect(self._next)

    def add(self, piece: Callable[[], object]) -> None:
        """Do this after what waits already; at once, if nothing does."""
        if not self._timer.isActive():
            self._timer.start()
            BUSY.add(self)
            piece()
        else:
            self._waiting.append(piece)

    def go_on(self, *pieces: Callable[[], object]) -> None:
        """Do these next, before whatever waits: of a piece what follows from it."""
        self._waiting.extendleft(reversed(pieces))

    def forget(self) -> None:
        """Do nothing more."""
        self._waiting.clear()

    def _next(self) -> None:
        if not self._waiting:
            self._timer.stop()
            BUSY.discard(self)
            return
        self._waiting.popleft()()
