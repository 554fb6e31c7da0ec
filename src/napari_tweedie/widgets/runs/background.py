"""Background work: something short computed without holding up the window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, QTimer

POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="napari-tweedie")
"""For noise levels and imports; a run has a worker of its own."""
LOOK_MS = 50


class Background(QObject):
    """Calls functions in a thread and hands what they return to the GUI thread; only the latest call counts.

    It looks for the answer on a timer, so nothing reaches a widget that is gone.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._future: Future[Any] | None = None
        self._then: Callable[[Any], None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    def call(self, function: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Call `function` in a thread and `then`, later, with what it returned or the exception that it raised."""
        self.forget()
        self._future, self._then = POOL.submit(function), then
        self._timer.start()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._future is not None

    def forget(self) -> None:
        """Drop the call under way; its answer reaches nobody."""
        self._timer.stop()
        if self._future is not None:
            self._future.cancel()
        self._future = self._then = None

    def _look(self) -> None:
        future, then = self._future, self._then
        if future is None or then is None or not future.done():
            return
        self.forget()
        error = future.exception()
        then(future.result() if error is None else error)
