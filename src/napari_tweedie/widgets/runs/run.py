"""Base of all runs in napari: one at a time, in a worker thread, with one end for every way they can end."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import Any

from napari.qt.threading import create_worker
from napari.utils import progress
from napari.utils.notifications import notification_manager, show_error
from qtpy.QtCore import QObject, Signal
from qtpy.QtWidgets import QWidget

from napari_tweedie.core.results import Cancelled, Preview, Progress
from napari_tweedie.widgets.layers.messages import sentence
from napari_tweedie.widgets.runs.worker import JobError, JobWorker

PAUSES = {Progress: 0.25, Preview: 0.5}
"""Least seconds between two steps of a kind that a window follows."""
BAR_PAUSE = 2.0
"""The same of napari's own bar, which draws the window when it comes and when it is moved: short runs do without."""


class Runs(QObject):
    """The run under way; there is at most one, because runs share a device, and Python's warnings are not thread-safe."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.job: Run | None = None

    def set(self, job: Run | None) -> None:
        self.job = job
        self.changed.emit()


RUNS = Runs()


def paced(steps: Generator[Any, None, Any], see: Callable[[Any], None] = lambda step: None) -> Generator[Any, None, Any]:
    """Yield of the steps as many as a window can follow, and return what they return: None if they were cancelled.

    Parameters
    ----------
    steps : generator
        Yields `Progress` and `Preview`; it is closed at the end.
    see : callable
        Is shown every step.
    """
    due = dict.fromkeys(PAUSES, 0.0)
    try:
        while True:
            step = next(steps)
            see(step)
            now = time.monotonic()
            if now >= due[type(step)]:
                due[type(step)] = now + PAUSES[type(step)]
                yield step
    except StopIteration as end:
        return end.value
    except Cancelled:
        return None
    finally:
        steps.close()


def _once(steps: list[Callable[[], Generator[Any, None, Any]]]) -> Generator[Any, None, Any]:
    """Do the steps; nothing then holds them, and with them the run and its results, though napari may hold the worker."""
    return (yield from steps.pop()())


class Run(QObject):
    """A generator that works in a thread. It ends once, in `_finish`, whether it returned, failed or was cancelled.

    Subclasses say what is done, in `_steps`, and how its three ends are told.
    """

    progressed = Signal(object)
    """Progress, at most four times a second."""
    ended = Signal(str)
    """A sentence or two on how it went."""

    def __init__(self) -> None:
        super().__init__()
        self._result: Any = None
        self.error: Exception | None = None
        """What it has failed of."""
        self._reason = ""
        self._worker: Any = None
        self.seen_in: Callable[[], QWidget | None] = lambda: None
        """Returns the dock that shows how far it is, which may be gone."""
        self._bar: Any = None
        self._bar_due = 0.0

    def start(self) -> None:
        """Start the run; wait for `ended`.

        Raises
        ------
        ValueError
            If another run is under way.
        """
        if RUNS.job is not None:
            raise ValueError("another run is in progress: wait for it or cancel it")
        RUNS.set(self)
        self._bar_due = time.monotonic() + BAR_PAUSE
        connect = {"yielded": self._on_yielded, "returned": self._on_returned, "errored": self._on_errored}
        connect |= {"warned": self._on_warned, "finished": self._finish}
        self._worker = create_worker(_once, [self._steps], _worker_class=JobWorker, _connect=connect, _start_thread=False)
        self._worker.start()

    def cancel(self, reason: str = "Cancelled") -> None:
        """Ask the run to stop; it does within a tile or an iteration."""
        if self._worker is not None:
            self._reason = self._reason or reason
            self._worker.quit()

    def _steps(self) -> Generator[Any, None, Any]:
        """Run in the worker's thread: touch arrays and files only, and yield no more often than a window can follow."""
        raise TypeError(f"{type(self).__name__} does nothing")

    def _complete(self, result: Any) -> str:
        """Keep the result, and say how it went."""
        raise TypeError(f"{type(self).__name__} returns nothing")

    def _stop(self) -> str:
        """Keep what is usable of a cancelled run, and say so."""
        return f"{self._reason}."

    def _fail(self, error: Exception) -> str:
        """Tell of an error."""
        if isinstance(error, ValueError | MemoryError | OSError):
            told = sentence(error)
            show_error(told)
            return told
        cause = error.__cause__ if isinstance(error, JobError) and error.__cause__ else error
        notification_manager.receive_error(type(cause), cause, cause.__traceback__)
        return f"Failed: {cause}"

    def _on_yielded(self, step: Progress) -> None:
        if self._reason:
            return
        self.progressed.emit(step)
        now = time.monotonic()
        if now >= self._bar_due and (self._bar is not None or self._is_unseen()):
            self._bar_due = now + BAR_PAUSE
            self._bar = self._bar or progress(total=1000, desc=str(self))
            self._bar.update(round(1000 * step.share) - self._bar.n)  # last: it lets other events in, the end among them
            if self._worker is None:
                self._bar.close()

    def _is_unseen(self) -> bool:
        """Tell whether no dock shows how far it is: napari's own bar, which draws all of the window, is for that."""
        dock = self.seen_in()
        return dock is None or dock.visibleRegion().isEmpty()

    def _on_returned(self, result: Any) -> None:
        self._result = result

    def _on_errored(self, error: Exception) -> None:
        self.error = error

    def _on_warned(self, arguments: tuple[Any, ...]) -> None:
        notification_manager.receive_warning(*arguments[:4])

    def _finish(self) -> None:
        """Put everything back, whatever happened, and tell."""
        closed = self._worker.abort_requested and not self._reason
        self._worker = None
        RUNS.set(None)
        if closed:  # the window is going, there is nobody to tell
            self._leave()
            return
        if self._bar is not None:
            self._bar.close()
        told = self._concluded() if self.error is None else self._fail(self.error)
        self._when_shown(partial(self._tell, told))

    def _concluded(self) -> str:
        """Return what is told of the end; what goes wrong with that is told as any error is, and the layers stay."""
        try:
            return self._stop() if self._result is None else self._complete(self._result)
        except Exception as error:  # a dock that waited for the end would wait for ever
            return Run._fail(self, error)

    def _tell(self, told: str) -> None:
        """Tell that it ended; a signal alone would not keep its run, which nobody else may hold by then."""
        self.ended.emit(told)

    def _when_shown(self, then: Callable[[], object]) -> None:
        """Do something once the result is seen."""
        then()

    def _leave(self) -> None:
        """Do nothing more to a window that is going."""
