"""Cancellation of a call that takes long, from inside it, when nobody wants its result any more."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from napari_tweedie.core.results import Cancelled

Step = TypeVar("Step")
Returned = TypeVar("Returned")

_cancelled: ContextVar[Callable[[], bool]] = ContextVar("cancelled", default=lambda: False)


def cancellation_point() -> None:
    """Raise `Cancelled` where the caller asked to stop; to be called several times a second."""
    if _cancelled.get()():
        raise Cancelled


@contextmanager
def watched(cancelled: Callable[[], bool]) -> Iterator[None]:
    """Ask `cancelled` at every `cancellation_point` within."""
    token = _cancelled.set(cancelled)
    try:
        yield
    finally:
        _cancelled.reset(token)


def cancellable(steps: Generator[Step, None, Returned], cancelled: Callable[[], bool]) -> Generator[Step, None, Returned]:
    """Advance `steps`; every `cancellation_point` that is met on the way asks `cancelled`, and whoever is asked around it."""
    outer = _cancelled.get()
    try:
        while True:
            token = _cancelled.set(lambda: cancelled() or outer())
            try:
                step = next(steps)
            except StopIteration as end:
                returned: Returned = end.value
                return returned
            finally:
                _cancelled.reset(token)
            yield step
    finally:
        steps.close()
