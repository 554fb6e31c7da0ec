"""Worker thread in which a run works, and out of which its errors come."""

from __future__ import annotations

from typing import Any

from napari.qt.threading import GeneratorWorker


class JobError(Exception):
    """A RuntimeError of a worker, under a name that superqt does not swallow."""


class JobWorker(GeneratorWorker):
    """A generator worker that reports every error and cleans up in its own thread.

    superqt takes a RuntimeError for a deleted widget and ends without a signal; torch's out-of-memory error is one.
    """

    def run(self) -> None:
        try:
            super().run()
        except RuntimeError:  # the application is gone, and with it the signals
            return

    def work(self) -> Any:
        try:
            outcome = super().work()
        finally:
            self._gen.close()
        if isinstance(outcome, RuntimeError):
            raise JobError(str(outcome)) from outcome
        return outcome
